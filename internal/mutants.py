"""Change the code of the machine, the gate and the resolver in small ways; count how many changes no test notices.

`make mutants SHARE=25` tries a quarter of the mutants, the same ones each time; results are kept in
`packages/core/mutants`, so an interrupted run goes on where it stopped. The configuration is `[tool.mutmut]` in
`packages/core/pyproject.toml`. `--survivors` lists the survivors; `mutmut show NAME`, in `packages/core`, shows one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

CORE = Path(__file__).resolve().parent.parent / "packages" / "core"
SOURCE = "mutants/src/lev_os/core"
MUTATED = ("lev_os.core.bidirectional", "lev_os.core.constitutional", "lev_os.core.packaging.exports")


def main() -> None:
    """Run the tool over the sample, then print a table: a line a module, and the sum."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--share", type=int, default=100, help="per cent of the mutants to try")
    options.add_argument("--survivors", action="store_true", help="list those that live, and run nothing")
    chosen = options.parse_args()
    os.chdir(CORE)
    if not chosen.survivors:
        _run(chosen.share)
    _report(chosen.survivors)


def _run(share: int) -> None:
    # The tool reads its configuration from the working directory when it is imported.
    import mutmut.__main__ as tool
    from mutmut.core import MutmutCallStack
    from mutmut.runners.harness import PytestRunner

    # A property is run by several runners in one process, and has to say the same each time.
    settings.register_profile("mutants", derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    settings.load_profile("mutants")
    collect = tool.collect_source_file_mutation_data

    def sampled(**names: Any) -> Any:
        mutants, files = collect(**names)
        return [mutant for mutant in mutants if zlib.crc32(mutant[1].encode()) % 100 < share], files

    tool.collect_source_file_mutation_data = sampled
    run_tests = PytestRunner.run_tests

    def afresh(self: PytestRunner, **names: Any) -> int:
        _forget()
        return run_tests(self, **names)

    PytestRunner.run_tests = afresh  # type: ignore[method-assign]
    # Who calls whom cannot be followed through generators that end in another order than they began.
    MutmutCallStack.set = classmethod(lambda cls, value: None)
    MutmutCallStack.reset = classmethod(lambda cls, token: None)
    tool._run((), max_children=1)


def _forget() -> None:
    """Empty the caches that the tests before have filled: they would answer in place of a mutant."""
    from lev_os.core.bidirectional import machine

    machine._gates_by_digest.clear()
    for name, module in list(sys.modules.items()):
        if name.startswith(MUTATED):
            for value in list(vars(module).values()):
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()


def _report(survivors: bool) -> None:
    total: Counter[bool] = Counter()
    for file in sorted(Path(SOURCE).rglob("*.py.meta")):
        codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        tried = {name: code for name, code in codes.items() if code is not None}
        living = [name for name, code in tried.items() if code in (0, 33)]
        counts = Counter({True: len(tried) - len(living), False: len(living)})
        total += counts
        if tried:
            print(_line(str(file.relative_to(SOURCE)).removesuffix(".py.meta"), counts, len(codes)))
        if survivors:
            print("".join(f"  {name}\n" for name in living), end="")
    print(_line("all", total))


def _line(name: str, counts: Counter[bool], of: int | None = None) -> str:
    tried = counts.total()
    share = f"{counts[True] / tried:6.1%}" if tried else "     -"
    return f"{name:40} {counts[True]:5} of {tried:5} killed {share}" + (f"  ({of} mutants)" if of else "")


if __name__ == "__main__":
    main()
