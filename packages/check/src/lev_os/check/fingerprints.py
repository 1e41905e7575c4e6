"""Names for findings that stay when lines above them come and go: for baselines and code-scanning services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from .diagnostics import Diagnostic
from .sources import Sources


def fingerprints(diagnostics: Iterable[Diagnostic], sources: Sources) -> list[str]:
    """One for each finding: of its code, its file, the text of its line, and how many such stand before it."""
    seen: Counter[str] = Counter()
    made: list[str] = []
    for item in diagnostics:
        line = " ".join(sources[item.file].line(item.line).split())
        digest = sha256(f"{item.code}\0{item.file}\0{line}".encode("utf-8", "surrogatepass")).hexdigest()[:20]
        seen[digest] += 1
        made.append(f"{digest}:{seen[digest]}")
    return made
