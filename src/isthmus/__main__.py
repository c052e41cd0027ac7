"""The command `isthmus`, also as `python -m isthmus`."""

import sys


def run() -> None:
    """Run the command line; Ctrl-C is one line from the first import on."""
    try:
        from isthmus.cli.main import run as run_commands

        run_commands()
    except KeyboardInterrupt:
        sys.stderr.write("isthmus: interrupted.\n")
        sys.exit(130)


if __name__ == "__main__":
    run()
