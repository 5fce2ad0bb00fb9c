"""The programs that are measured beside the gate; each is a process of its own."""
