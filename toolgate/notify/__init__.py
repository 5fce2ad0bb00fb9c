"""Telling other systems what people should know: signed webhooks, at least once."""
