"""`toolgate` as another version would be: the ledger's scripts are the same but for one comment at their end."""

from toolgate.cli import main
from toolgate.streams.ledger import scripts

if __name__ == "__main__":
    ours = scripts.body()
    scripts.body = lambda: f"{ours}\n-- another version\n"
    main()
