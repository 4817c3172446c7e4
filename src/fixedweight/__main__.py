"""The command `fixedweight`."""

import sys

from fixedweight.errors import FixedWeightError, require


def main() -> None:
    """Run the command line; errors meant for the user come without a traceback."""
    try:
        require("typer", "cli")
        from fixedweight.cli import app

        app()
    except FixedWeightError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
