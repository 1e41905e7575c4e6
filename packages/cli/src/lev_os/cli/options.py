"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .errors import UsageProblem

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


class Specifier(click.ParamType[str]):
    """A name of an export: `./contexts/x`, `package/contexts/x` or `lev://package/contexts/x`."""

    name = "specifier"

    def __init__(self, *kinds: str) -> None:
        self._kinds = frozenset(kinds)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Packages first, then what the package exports."""
        from click.shell_completion import CompletionItem

        from .catalog import complete

        return [CompletionItem(found) for found in complete(incomplete, self._kinds, ctx.params.get("python"))]


class RunName(click.ParamType[str]):
    """The name of a run of this project."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The runs whose journals lie in `.lev/runs`, newest first."""
        from click.shell_completion import CompletionItem

        from .project import run_journals

        return [CompletionItem(file.stem) for file in run_journals() if file.stem.startswith(incomplete)]


def json_option(command: F) -> F:
    """`--json`: the whole of stdout is then one JSON document, errors included."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")(command)


_PRINT = "--json"
"""What `--json` is without a value."""


def json_value_option(command: F) -> F:
    """`--json` of a command that is given a value: as `json_option`, or that value itself; see `given_value`."""
    return click.option(
        "--json",
        "given",
        is_flag=False,
        flag_value=_PRINT,
        metavar="[JSON|@FILE]",
        help="Print JSON, and nothing else, on stdout; with a value, that is what is said. Write it last.",
    )(command)


def given_value(given: str | None, value: str | None, option: str) -> tuple[bool, str | None, str]:
    """From `--json` and the option that is for the value alone: whether JSON is printed, the value, and whose it is."""
    if given in (None, _PRINT):
        return given is not None, value, option
    if value is not None:
        raise UsageProblem(f"{option} and the value of --json are the same thing", help="leave one out")
    return True, given, "--json"


def python_option(command: F) -> F:
    """`--python`: the environment whose packages are meant."""
    return click.option(
        "--python",
        metavar="PATH",
        help="The project's interpreter or environment (default: the nearest .venv, else the one lev runs in).",
    )(command)


def accept_option(command: F) -> F:
    """`--accept-change`: go on although a tool is declared otherwise than when the run began."""
    return click.option(
        "--accept-change", is_flag=True, help="Go on although a tool is declared otherwise than when the run began."
    )(command)


def model_options(command: F) -> F:
    """`--model` and `--allow-weak-decisions`."""
    command = click.option(
        "--allow-weak-decisions",
        is_flag=True,
        help="Let a model that is made to write text also decide (answers that hold an enum, boolean or number).",
    )(command)
    return click.option(
        "--model",
        metavar="MODEL",
        help="`anthropic:…`, `openai:…`, `local`, `script:FILE`, `test` (default: LEV_MODEL, [tool.lev] model, local).",
    )(command)
