"""`toolgate promote`: let a draft happen."""

import typer

from toolgate.cli.deciding import deciding
from toolgate.schemas.enums import Choice

app = typer.Typer()
app.command(
    "promote",
    help="""Let a draft happen: approve the write that it stands for.

One by one, through the same approval as a held call; the call is judged again as things stand then.
Exit code 20: the vote changes nothing, and says why.
""",
    epilog='Example: toolgate promote 3-1742 --as bob --comment "as proposed"',
)(deciding(Choice.APPROVE, "draft"))
