"""The options of `lev check`, and codes of rules as parameters."""

from __future__ import annotations

import re
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from msgspec import Struct

_CODES = re.compile(r"[A-Z]{3}\d{0,3}")


class Options(Struct, frozen=True):
    """What was asked for on the command line."""

    paths: tuple[str, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    python: str | None
    fix: bool
    diff: bool
    unsafe: bool
    changed: str | None
    baseline: Path | None
    write_baseline: bool
    statistics: bool
    exit_zero: bool
    quiet: bool
    form: str


class Codes(click.ParamType[str]):
    """A code, or what codes begin with: `CTX301`, `CTX3`, `CTX`; capitals are not asked for."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what no code can begin with."""
        code = value.upper()
        if not _CODES.fullmatch(code):
            message = f"{value!r} is neither a code (CTX301) nor the beginning of one (CTX, CTX3)"
            meant = re.split(r"[,\s]+", code.strip(", "))
            if isinstance(param, click.Option) and all(_CODES.fullmatch(each) for each in meant):
                message += f"; did you mean `{' '.join(f'{param.opts[0]} {each}' for each in meant)}`?"
            self.fail(message, param, ctx)
        return code

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The codes there are, with what they are about."""
        from lev_os.check.registry import rules

        return [
            CompletionItem(code, help=rule.summary)
            for code, rule in rules().items()
            if code.startswith(incomplete.upper())
        ]
