"""Which rules run, and which of their findings are shown."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from .diagnostics import Diagnostic
from .hints import Hints
from .registry import matches, rules, rules_on
from .rule import Rule, Subject
from .suppressions import MARK

_OWN = "CHK"
_MAY_BE_HARD = "CON"


class Selection(Struct, frozen=True, dict=True):
    """`select` and `ignore` are codes or their beginnings, as are `muted`, which the project's configuration ignores:
    findings that are `hard` show all the same. `since` leaves out rules of later versions (`0.1`)."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
    since: str | None = None

    def shows(self, found: Diagnostic) -> bool:
        """Whether a finding is wanted."""
        return self._named(found.code) and (found.hard or not matches(found.code, self.muted))

    def runs(self, code: str) -> bool:
        """Whether the rule has to run: what is said of suppressions rests on what all the others find."""
        if matches(code, self.ignore) or (matches(code, self.muted) and not code.startswith(_MAY_BE_HARD)):
            return False
        return self._all or self._named(code)

    def _named(self, code: str) -> bool:
        return not matches(code, self.ignore) and (not self.select or matches(code, self.select))

    def ran(self, codes: tuple[str, ...]) -> bool:
        """Whether every rule whose code begins with one of these did run."""
        return all(
            self.runs(rule.code) and not self._later(rule) for rule in rules().values() if matches(rule.code, codes)
        )

    def rests_on_packages(self, codes: tuple[str, ...]) -> bool:
        """Whether a rule whose code begins with one of these looks at packages or their flows."""
        return any(rule.on in ("package", "flow") for rule in rules().values() if matches(rule.code, codes))

    @cached_property
    def _all(self) -> bool:
        return any(code.startswith(_OWN) or _OWN.startswith(code) for code in self.select)

    @cached_property
    def _hints(self) -> dict[str, Hints]:
        return {}

    @cached_property
    def _chosen(self) -> dict[tuple[Subject, frozenset[str]], tuple[Rule, ...]]:
        return {}

    def on_files(self, kind: str) -> Hints:
        """The rules for files of a kind, each for those that it may find something in."""
        if kind not in self._hints:
            rules = self.on("file", frozenset({kind}))
            self._hints[kind] = Hints([rule for rule in rules if not rule.kinds or kind in rule.kinds], MARK)
        return self._hints[kind]

    def on(self, subject: Subject, kinds: frozenset[str] = frozenset()) -> tuple[Rule, ...]:
        """The rules for flows, packages or projects; `kinds` are those of a project's files."""
        if (subject, kinds) not in self._chosen:
            self._chosen[subject, kinds] = tuple(
                rule for rule in rules_on(subject, kinds) if self.runs(rule.code) and not self._later(rule)
            )
        return self._chosen[subject, kinds]

    def _later(self, rule: Rule) -> bool:
        return self.since is not None and _version(rule.since) > _version(self.since, fill=2**31)


def _version(text: str, fill: int = 0) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(".") if part.isdigit()][:3]
    return (*numbers, *[fill] * (3 - len(numbers)))
