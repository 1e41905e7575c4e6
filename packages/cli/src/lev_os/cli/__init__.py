"""The command `lev`: one toolchain for packages that serve programs and language models."""

from __future__ import annotations

import os
import sys

__version__ = "0.1.0"


def main(args: list[str] | None = None) -> int:
    """Run the command line (default: the process's own arguments); returns the exit code.

    0 fine, 1 findings, 2 usage or broken input, 3 failed, 4 denied, 5 waiting for a person, 130 interrupted.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell closed it: what is said there goes nowhere
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for as long as we run
    given = list(sys.argv[1:] if args is None else args)
    if given in (["--version"], ["-V"]):
        # Scripts ask for the version often; nothing else needs to be imported to answer.
        print(f"lev {__version__}")
        return 0
    try:
        if given == ["list", "--json"]:
            from .remembered import print_last

            if print_last():
                return 0
        from .guard import guarded
    except KeyboardInterrupt:  # before there is anything that could tell it better
        print("error: interrupted", file=sys.stderr)
        return 130
    except Exception as problem:  # the listing could not be looked at or printed
        from .guard import exit_code

        return exit_code(problem, given)
    import gc

    collecting = gc.isenabled()
    code = guarded(given)
    if args is None:
        gc.freeze()  # the process ends here, and looking for cycles once more would take it some 20 ms
    elif collecting:
        gc.enable()  # a command that makes very many objects has turned it off
    return code
