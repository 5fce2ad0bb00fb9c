"""The crash matrix: faults of every part at every point of the loop, on a real Kafka and Redis."""
