"""Reading the log for people: any topic record by record, and all that it knows of one intent."""
