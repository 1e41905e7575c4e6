"""A rule's own words: for `lev explain`, `lev rules` and the docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .rule import Example, Rule


def as_value(rule: Rule) -> dict[str, Any]:
    """All that is known of a rule, as JSON."""
    return {
        "code": rule.code,
        "name": rule.name,
        "family": rule.family,
        "summary": rule.summary,
        "severity": rule.severity,
        "confidence": rule.confidence,
        "on": rule.on,
        "kinds": sorted(rule.kinds),
        "since": rule.since,
        "why": rule.why,
        "mend": rule.mend,
        "source": rule.source,
        "verified": rule.verified,
        "bad": [_example(example) for example in rule.bad],
        "good": [_example(example) for example in rule.good],
    }


def _example(example: Example) -> dict[str, Any]:
    return {"files": dict(example.files), "at": example.at}


def lines(rule: Rule) -> Iterator[str]:
    """A page of text about a rule."""
    yield f"{rule.code} {rule.name} ({rule.severity})"
    yield rule.summary
    yield ""
    yield f"Why: {rule.why}"
    yield f"Mend: {rule.mend}"
    for title, examples in (("Bad", rule.bad[:1]), ("Good", rule.good[:1])):
        for example in examples:
            yield ""
            yield f"{title}:"
            yield from _shown(example)
    yield ""
    yield f"Since {rule.since}; confidence {rule.confidence}."
    if rule.source:
        yield f"Source: {rule.source}{f' (verified {rule.verified})' if rule.verified else ''}"


def _shown(example: Example) -> Iterator[str]:
    for name, text in example.files.items():
        yield f"  {name}"
        for number, line in enumerate(text.splitlines(), 1):
            here = example.at is not None and example.at[:2] == (name, number)
            yield f"  {'>' if here else ' '} {number:3} {line}"
