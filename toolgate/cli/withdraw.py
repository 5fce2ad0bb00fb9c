"""`toolgate withdraw`: take back what a run has asked for."""

import typer

from toolgate.cli.deciding import deciding
from toolgate.schemas.enums import Choice

app = typer.Typer()
app.command(
    "withdraw",
    help="""Take back what a run has asked for: it is over, and its agent is told.

For whoever starts runs: the key needs the role starter. Exit code 20: it changes nothing, and says why.
""",
    epilog='Example: toolgate withdraw 3-1742 --as starter-1 --comment "the task is done"',
)(deciding(Choice.WITHDRAW))
