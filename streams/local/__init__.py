"""A real Kafka and a real Valkey as child processes, for development, the demo and the tests."""

from toolgate.streams.local.stack import Stack

__all__ = ["Stack"]
