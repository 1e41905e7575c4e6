"""`python -m lev_os.mcp PACKAGE…`: the same server as `lev mcp`, without the command line's package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lev_os.core.errors import LevError


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the host closes stdin. Returns 0, or 2 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m lev_os.mcp", description="Serve packages over MCP (stdio).")
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="import name, or a folder with lev.toml")
    parser.add_argument("--root", default=".", help="the project; its .lev folder keeps the runs (default: here)")
    parser.add_argument("--tools", metavar="NAME,…", help="export exactly these tools")
    parser.add_argument("--all-tools", action="store_true", help="export every tool, beyond the first eight")
    options = parser.parse_args(argv)

    from .server import serve_stdio

    try:
        serve_stdio(
            options.packages,
            root=options.root,
            all_tools=options.all_tools,
            tools=tuple(options.tools.split(",")) if options.tools else None,
        )
    except LevError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
