"""What the commands of `lev memory` share: which memory, whose, and how its records are shown."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from ...errors import UsageProblem
from ...output import columns, note, print_json, print_line
from ...project import project_root

if TYPE_CHECKING:
    from lev_os.memory import Hit, Scope
    from lev_os.memory.sync import SyncMemory

F = TypeVar("F", bound=Callable[..., Any])
Absent = Literal["make", "empty", "error"]
TYPES = ("working", "episodic", "semantic", "procedural", "prospective")
_SCOPE = (
    ("project", "Only of this project."),
    ("session", "Only of this session."),
    ("agent", "Only of this agent."),
    ("user", "Only of this user."),
)


def memory_options(command: F) -> F:
    """`--memory`, `--embedder`, and an option for each field of the scope; they arrive as `where`."""
    for name, help in _SCOPE:
        command = click.option(f"--{name}", help=help)(command)
    command = click.option("--tenant", default="local", show_default=True, help="Whose memory.")(command)
    command = click.option(
        "--embedder",
        type=click.Choice(["static", "minilm", "none"]),
        default="static",
        show_default=True,
        help="What finds meaning: quick, better, or words alone.",
    )(command)
    return click.option("--memory", "url", metavar="URL", help="sqlite:///memory.db, files:///folder, …")(command)


class Time(click.ParamType[datetime]):
    """A day or a moment: `2026-05-07`, `2026-05-07T12:00`; UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse it, or say how it is written."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-05-07 or 2026-05-07T12:00", param, ctx)


@contextmanager
def opened(options: dict[str, Any], *, absent: Absent = "empty") -> Iterator[tuple[SyncMemory, Scope]]:
    """The memory and the scope that the options name; takes its own out of `options`. What is broken is said.

    Where there is no memory, commands that put something make one; for others it is an empty one, or an error.
    """
    if importlib.util.find_spec("lev_os.memory") is None:
        raise UsageProblem(
            "lev memory needs lev-os-memory, which is not installed", help="pip install 'lev-os[memory]'"
        )
    from lev_os.memory import MemoryManager, Scope
    from lev_os.memory.backends import is_made

    scope = Scope(**{name: options.pop(name) for name in ("tenant", "user", "agent", "session", "project")})
    embedder = options.pop("embedder")
    url = address(options.pop("url"))
    if absent != "make" and not is_made(url):
        place = url.partition("|")[0]  # members of a hybrid memory may have passwords
        if absent == "error":
            help = "name one that is there; four slashes make an absolute path"
            raise UsageProblem(f"there is no memory at {place}", help=help)
        note(f"there is no memory yet at {place}")
        url = "memory://"
    with MemoryManager.open_sync(url, embedder=None if embedder == "none" else embedder) as memory:
        yield memory, scope
        for problem in memory.problems:
            note(f"warning: {problem}")


def address(url: str | None) -> str:
    """The URL of the memory that is meant."""
    from lev_os.core.llm_runtime.choose import setting

    root = project_root()
    found = url or os.environ.get("LEV_MEMORY") or setting("memory", root, help="write the URL of a memory")
    return found or f"sqlite:///{root / '.lev' / 'memory.db'}"


def value_of(value: Any) -> Any:
    """A record, hit or change as a JSON value."""
    import msgspec

    return msgspec.to_builtins(value)


def show(hits: Sequence[Hit], *, as_json: bool) -> None:
    """Hits as JSON, or as a table: score, id, type, since when, text."""
    if as_json:
        print_json(value_of(hits))
        return
    for line in columns(_row(hit) for hit in hits):
        print_line(line)


def _row(hit: Hit) -> tuple[str, ...]:
    record = hit.record
    begins = "" if record.begins is None else record.begins.strftime("%Y-%m-%d")
    return f"{hit.score:.2f}", record.id, record.type, begins, " ".join(record.text.split())
