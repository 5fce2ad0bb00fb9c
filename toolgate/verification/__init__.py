"""What a history of the gate shows to be wrong, judged by its records alone."""
