"""Rules: a finding's code, why it matters, examples of it, and the function that looks for it, in one place.

A rule is a generator of `Finding`s with the decorator `@rule(...)` above it; its examples are run as the project's
tests and shown on its page of the docs. What a rule looks at is its `on`:

    "file"     one `File` of one of `kinds`; the rule sees nothing else, so its findings are remembered by content
    "flow"     one `FlowSubject`: a flow that parses, with its package
    "package"  one `PackageSubject`: a package with a `lev.toml`
    "project"  one `Project`: every file that was checked, their facts, and the environment

Problems that reading itself reports (a YAML that does not parse, a flow with an unknown key) have codes too: they are
declared with `reported(...)`, without a function, so that they have a page and examples like any other. What only other
commands report is declared so too, with `on="command"`: then `lev explain` has words for every code that is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from msgspec import Struct

from .diagnostics import Confidence, Fix, Severity

Subject = Literal["file", "flow", "package", "project", "command"]
Span = tuple[int, int]
"""Start and end in characters of a file's text, from 0; the end is exclusive."""


class Finding(Struct, frozen=True):
    """What a rule yields: where in the file's text, what, and how to mend it.

    `file` is needed only from rules on packages and projects: the path of the file that is meant.
    `severity` and `confidence` are the rule's own unless given here. A `hard` finding cannot be suppressed.
    """

    span: Span
    message: str
    help: str | None = None
    fix: Fix | None = None
    file: str | None = None
    severity: Severity | None = None
    confidence: Confidence | None = None
    hard: bool = False


class Example(Struct, frozen=True):
    """A small tree of files (path to text). In a bad one, `at` is the place of the finding: (file, line, column)."""

    files: Mapping[str, str]
    at: tuple[str, int, int] | None = None


class Rule(Struct, frozen=True, kw_only=True):
    """One rule. `since` is the version that brought it; `source` where its facts come from, `verified` when that was
    last looked at (ISO date).

    `hint`, of a rule on files, is an RE2 pattern over a file's bytes: the rule is not asked about a file in which it
    matches nothing. It may be wider than what the rule looks for, never narrower: see `hints`."""

    code: str
    name: str
    summary: str
    on: Subject
    severity: Severity
    why: str
    mend: str
    bad: tuple[Example, ...]
    good: tuple[Example, ...]
    since: str = "0.1.0"
    confidence: Confidence = "high"
    kinds: frozenset[str] = frozenset()
    hint: str | None = None
    source: str | None = None
    verified: str | None = None
    check: Callable[[Any], Iterable[Finding]] | None = None

    @property
    def family(self) -> str:
        """The three letters that the code begins with."""
        return self.code[:3]


Check = TypeVar("Check", bound=Callable[[Any], Iterable[Finding]])
RULES: dict[str, Rule] = {}
"""Every rule that has been loaded, by code; `registry.rules()` loads our own."""


def rule(code: str, name: str, **details: Any) -> Callable[[Check], Check]:
    """Register the function below as the rule `code`; `details` are the fields of `Rule`."""

    def register(check: Check) -> Check:
        _add(code, name, check=check, **details)
        return check

    return register


def reported(code: str, name: str, **details: Any) -> None:
    """Register a code that reading a document reports, without a function."""
    _add(code, name, check=None, **details)


def _add(code: str, name: str, **details: Any) -> None:
    for field in ("bad", "good"):
        given = details.get(field, ())
        details[field] = (given,) if isinstance(given, Example) else tuple(given)
    details["kinds"] = frozenset(details.get("kinds", ()))
    if code in RULES:
        raise ValueError(f"{code} is already the code of {RULES[code].name}")
    RULES[code] = Rule(code=code, name=name, **details)
