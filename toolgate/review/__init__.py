"""What waits for people, and voting on it."""
