"""`python -m pyserver`, and the command `pyserver`."""

import os
import sys

# grpc's own log tells on stderr what pyserver says itself, in one line.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def main() -> None:
    """Runs the command line and exits."""
    from pyserver.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
