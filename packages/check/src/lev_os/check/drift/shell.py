"""Commands in documents: which program a line runs, and the flags it gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from ..patterns import Pattern

SHELL = frozenset({"sh", "bash", "shell", "console", "zsh", "shell-session", "terminal", "shellsession", "powershell"})
_WORD = Pattern(r"(?:\"[^\"]*\"|'[^']*'|[^\s\"'])+")
_ENDS = frozenset({"&&", "||", ";", "|", "&", ">", ">>", "<", "2>&1", "#"})
_LONG = Pattern(r"--[A-Za-z][A-Za-z0-9-]*")
_PLAIN = Pattern(r"[A-Za-z][A-Za-z0-9_-]*")
_PROMPT = Pattern(r"\s*(?:\([\w.-]+\)\s*)?(?:[$%>]\s+|PS\s+[^>]*>\s*)?")
_RUNNERS = {"uv": "run", "poetry": "run", "pdm": "run", "hatch": "run", "rye": "run", "pipenv": "run", "pixi": "run"}
_DOORS = frozenset({"uvx", "pipx", "sudo", "env", "time", "exec", "npx"})


class Word(msgspec.Struct, frozen=True, array_like=True):
    text: str
    at: int


class Command(msgspec.Struct, frozen=True, array_like=True):
    """A program and what it is given. `module`: it is run with `python -m`. `second` is the word right after it, when
    it may be a subcommand; `flags` are the long ones, without their values."""

    program: str
    module: bool = False
    second: Word | None = None
    flags: tuple[Word, ...] = ()


def commands_in(text: str, places: list[int]) -> Iterator[Command]:
    """The commands of a shell fence; `places` as for `read_fence`."""
    joined: list[Word] = []
    for line, place in zip(text.split("\n"), places, strict=False):
        prompt = _PROMPT.match(line)
        start = prompt.end() if prompt else 0
        joined += [Word(match[0], place + match.start()) for match in _WORD.finditer(line, start)]
        if joined and joined[-1].text == "\\":
            joined.pop()
            continue
        yield from commands_of(joined)
        joined = []
    yield from commands_of(joined)


def words_of(text: str, start: int) -> list[Word]:
    """The words of one line that begins at the character `start` of the file."""
    return [Word(match[0], start + match.start()) for match in _WORD.finditer(text)]


def commands_of(words: list[Word]) -> Iterator[Command]:
    """The commands of one line."""
    current: list[Word] = []
    for word in [*words, Word(";", 0)]:
        if word.text in _ENDS or word.text.startswith("#"):
            command = _command(current)
            if command is not None:
                yield command
            current = []
            if word.text.startswith("#"):
                return
        elif word.text.endswith(";"):
            command = _command([*current, Word(word.text[:-1], word.at)])
            if command is not None:
                yield command
            current = []
        else:
            current.append(word)


def _command(words: list[Word]) -> Command | None:
    words, module = _unwrapped(words)
    if not words or not re.fullmatch(r"[A-Za-z][\w.-]*", words[0].text):
        return None
    program, given = words[0].text, words[1:]
    second = given[0] if given and _PLAIN.fullmatch(given[0].text) else None
    flags: list[Word] = []
    for index, word in enumerate(given):
        if word.text in ("--", "-m", "run", "exec") or (index and word.text in _RUNNERS):
            break  # what follows may be for another program
        flag = _LONG.match(word.text)
        if flag and word.text[flag.end() :][:1] in ("", "="):
            flags.append(Word(flag[0], word.at))
    return Command(program, module, second, tuple(flags)) if second or flags else None


def _unwrapped(words: list[Word]) -> tuple[list[Word], bool]:
    """Without environment variables and what only starts another program."""
    at = 0
    while at < len(words):
        first, left = words[at].text, len(words) - at
        if re.fullmatch(r"[A-Za-z_]\w*=.*", first) or (first in _DOORS and left > 1):
            at += 1
        elif first in _RUNNERS and left > 2 and words[at + 1].text == _RUNNERS[first]:
            at += 2
        elif re.fullmatch(r"python[\d.]*|py", first):
            return (words[at + 2 :], True) if left > 2 and words[at + 1].text == "-m" else ([], False)
        elif first.startswith("-"):
            return [], False  # the starter's own flags: which word is the program depends on them
        else:
            return words[at:], False
    return [], False
