"""`toolgate reject`: decide against a held call or a draft."""

import typer

from toolgate.cli.deciding import deciding
from toolgate.schemas.enums import Choice

app = typer.Typer()
app.command(
    "reject",
    help="""Decide against a held call or a draft: it is over, and its agent is told.

One rejection is enough. Exit code 20: the vote changes nothing, and says why.
""",
    epilog='Example: toolgate reject 3-1742 --as bob --comment "not this customer"',
)(deciding(Choice.REJECT))
