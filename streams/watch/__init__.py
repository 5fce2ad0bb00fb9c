"""The watch: a Faust application that turns the stream into figures, alerts and orders."""
