"""A group of commands of which only the one that is used is imported."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """`commands` maps a name to (module, one line of help); the module holds the command as `command`."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in the order in which a newcomer meets them."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        entry = self._lazy.get(cmd_name)
        if entry is None:
            return None
        found: click.Command = importlib.import_module(entry[0]).command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names when there is no such command."""
        if args and not args[0].startswith("-") and args[0] not in self._lazy:
            problem = click.UsageError(f"there is no command `{ctx.command_path} {args[0]}`", ctx)
            import difflib

            near = difflib.get_close_matches(args[0], self._lazy, n=2, cutoff=0.5)
            if near:
                problem.hint = "did you mean " + " or ".join(f"`{ctx.command_path} {n}`" for n in near) + "?"  # type: ignore[attr-defined]  # read by errors.report_of
            raise problem
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from our own table: printing help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._lazy.items()])
