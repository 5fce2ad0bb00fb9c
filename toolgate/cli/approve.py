"""`toolgate approve`: approve a held call."""

import typer

from toolgate.cli.deciding import deciding
from toolgate.schemas.enums import Choice

app = typer.Typer()
app.command(
    "approve",
    help="""Approve a held call: your vote, signed, on exactly what was asked.

With the last approval that it needs the call is judged again, as things stand then, and approved or denied in that
moment. Exit code 20: the vote changes nothing, and says why.
""",
    epilog='Example: toolgate approve 3-1742 --as bob --comment "checked with the customer"',
)(deciding(Choice.APPROVE, "hold"))
