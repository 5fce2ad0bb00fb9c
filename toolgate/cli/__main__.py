"""`python -m toolgate.cli` is `toolgate`."""

from toolgate.cli.app import main

if __name__ == "__main__":
    main()
