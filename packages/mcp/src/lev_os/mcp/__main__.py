"""`python -m lev_os.mcp PACKAGE…`: the same server as `lev mcp`, without the command line's package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lev_os.core.errors import LevError

from . import Listen, read_token, serve


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the host closes stdin. Returns 0, or 2 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m lev_os.mcp", description="Serve packages over MCP.")
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="import name, or a folder with lev.toml")
    parser.add_argument("--root", default=".", help="the project; its .lev folder keeps the runs (default: here)")
    parser.add_argument("--tools", metavar="NAME,…", help="export exactly these tools")
    parser.add_argument("--all-tools", action="store_true", help="export every tool, beyond the first eight")
    parser.add_argument("--http", action="store_true", help="serve over streamable HTTP in place of stdio")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8765, help="the port; 0 takes a free one (default: 8765)")
    parser.add_argument("--token-file", type=Path, help="a file that holds the bearer token (default: made up)")
    parser.add_argument("--allow-host", action="append", default=[], help="a further name that clients may ask for")
    options = parser.parse_args(argv)

    try:
        listen = None
        if options.http:
            token = None if options.token_file is None else read_token(options.token_file)
            listen = Listen(options.host, options.port, token, tuple(options.allow_host))
        serve(
            options.packages,
            root=options.root,
            all_tools=options.all_tools,
            tools=tuple(options.tools.split(",")) if options.tools else None,
            http=listen,
        )
    except LevError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
