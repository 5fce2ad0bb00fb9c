"""A gate between AI agents and production: intents in; approved commands, denials and audit out."""

from importlib.metadata import version

__version__ = version("toolgate")
