"""The command line."""

from toolgate.cli.app import main

__all__ = ["main"]
