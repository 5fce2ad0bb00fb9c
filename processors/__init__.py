"""Pure decisions: data in, data out. No broker, store, clock, randomness or environment."""
