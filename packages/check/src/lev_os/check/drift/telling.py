"""What is said of a document's drifts: codes, places and words, ready to be remembered."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from ..api.distributions import normalised
from ..api.library import Library
from ..diagnostics import Severity
from ..files import File
from ..rule import Span
from .denied import fence_denied, stands_for_any
from .follow import Drift
from .mentions import AS_MODULE, PROGRAM, Mentions, Pin, Shell, commands
from .shell import Command, Word
from .suggestions import suggestion
from .told import Told


def tell(file: File, named: Mentions, drifts: list[Drift], library: Library) -> Iterator[Told]:
    """All that is to be said of one document."""
    for drift in drifts:
        if not stands_for_any(drift.name):
            yield _of_name(drift, library)
    for shell in named.shells:
        if _runs_something(shell, library):
            found = [told for command in commands(shell, file.text) for told in _of_command(command, library)]
            if found and not fence_denied(file, shell.start):
                yield from found
    for command in named.commands:
        yield from _of_command(command, library)
    for pin in named.pins:
        yield from _of_pin(pin, library)


def _runs_something(shell: Shell, library: Library) -> bool:
    """Whether a fence may name a command that is installed."""
    return bool(AS_MODULE.search(shell.text)) or not library.commands.scripts.keys().isdisjoint(
        PROGRAM.findall(shell.text)
    )


def _of_name(drift: Drift, library: Library) -> Told:
    span = (drift.at, drift.at + len(drift.name))
    if drift.what == "absent":
        message = f"`{drift.module}` is not installed, so what the documents say of it is not checked"
        return Told("CTX311", span, message, severity="info", package=drift.module)
    package = library.shown(drift.module)
    if drift.what == "deprecated":
        return Told("CTX314", span, f"`{drift.written}` is deprecated in {package}", drift.note or None)
    help_ = drift.note or suggestion(drift, library.classes)
    severity: Severity | None = None if drift.sure else "warning"
    if drift.what == "parameter":
        verb = "takes no parameter" if drift.sure else "ignores the parameter"
        return Told("CTX312", span, f"`{drift.written}` {verb} `{drift.name}` in {package}", help_, severity)
    code = "CTX311" if drift.what == "module" else "CTX301"
    return Told(code, span, f"`{drift.written}` does not exist in {package}", help_, severity)


def _of_command(command: Command, library: Library) -> Iterator[Told]:
    vocabulary = library.commands.vocabulary(command.program, as_module=command.module)
    if vocabulary is None:
        return
    second = command.second
    if vocabulary.has_subcommands and second is not None and second.text not in vocabulary.words:
        yield Told("CTX313", _span(second), f"`{command.program}` has no subcommand `{second.text}`")
        return
    for flag in command.flags:
        if flag.text not in vocabulary.flags:
            close = get_close_matches(flag.text, vocabulary.flags, 1, 0.7)
            help_ = f"did you mean `{close[0]}`?" if close else None
            yield Told("CTX313", _span(flag), f"`{command.program}` has no flag `{flag.text}`", help_)


def _span(word: Word) -> Span:
    return word.at, word.at + len(word.text)


def _of_pin(pin: Pin, library: Library) -> Iterator[Told]:
    installed = library.distributions.by_name.get(normalised(pin.name))
    if installed is None:
        return
    wanted = pin.version.split(".")
    if installed.version.split(".")[: len(wanted)] != wanted:
        message = f"the text is about {installed.name} {pin.version}; {installed.version} is installed"
        yield Told("CTX315", (pin.at, pin.at + len(pin.name)), message)
