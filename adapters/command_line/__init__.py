"""The command line ``payports``: a demonstration, real orders, and looking at a shop's payments."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line; the entry point ``payports``."""
    if not (find_spec("click") and find_spec("rich")):
        sys.stderr.write("The command line needs two more packages: pip install 'payports[cli]'\n")
        raise SystemExit(2)
    from payports.adapters.command_line.program import program

    program()
