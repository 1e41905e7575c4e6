"""Write docs/rules/*.md from the registry of rules: what each finds, why, examples that are run, figures measured.

`make docs` runs it; a test keeps the pages equal to what it writes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lev_os.check.diagnostics import Diagnostic
from lev_os.check.engine import Checker
from lev_os.check.evaluate import Rate, Score, evaluate, labelled
from lev_os.check.registry import rules
from lev_os.check.rule import Example, Rule
from lev_os.check.selection import Selection

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "rules"
CORPUS = ROOT / "packages" / "check" / "eval"
Page = tuple[str, str]
"""The name of a page and its title."""
_COMMANDS = ("commands", "What other commands say")
FAMILIES = {
    "CTX": ("contexts", "Contexts, skills and instruction files"),
    "SEC": ("security", "What a reader does not see, and what should not be there"),
    "MAN": ("manifests", "Manifests, exports and plugins"),
    "FLW": ("flows", "Flows"),
    "CON": ("constitutions", "Constitutions"),
    "AGT": ("agents", "Agents"),
    "YML": ("documents", "Documents that do not parse"),
    "CHK": ("checker", "The check itself"),
    **dict.fromkeys(("LEV", "DEV", "RUN", "THR", "EXP", "MEM"), _COMMANDS),
}
LOOKS_AT = {
    "file": "looks at one file",
    "flow": "looks at one flow",
    "package": "looks at a package",
    "project": "looks at all files together",
    "command": "said by commands that read or run something",
}
_MAX_LINES, _MAX_WIDTH = 40, 140

INDEX = """# Rules

Everything that `lev check` can find, and what other commands say in codes. Each rule has a code that stays, examples
that the project's tests run (the bad one is found at the place that is named, the good one is left alone), and the
source of its facts with the day on which it was last looked at. `lev explain CODE` shows the same in a terminal;
[Checking](../check.md) says how to choose rules, [Rules of your own](../writing-rules.md) how to add some.

- *severity*: how bad a finding is when it is right. An error makes `lev check` fail.
- *confidence*: how often such a finding is right, where that is not nearly always.
- *fix*: `safe` when `--fix` mends it, `unsafe` when `--unsafe-fixes` does and somebody should look.
- *precision* and *recall*: measured over the labelled files in `packages/check/eval` with `lev lint-eval`; with the
  interval in which the true value lies in 95 of 100 such measurements (Wilson). Rules without figures are decided by
  the text of a specification or by the parser, and have no opinion to measure.

"""


def pages() -> dict[Path, str]:
    """Every page as it should be."""
    scores = {score.code: score for score in evaluate(labelled(CORPUS)).scores} if CORPUS.exists() else {}
    by_page: dict[Page, list[Rule]] = {page: [] for page in FAMILIES.values()}
    for rule in rules().values():
        by_page[FAMILIES[rule.family]].append(rule)
    made = {PAGES / "index.md": INDEX + "\n".join(_index(by_page, scores))}
    for (name, title), of_page in by_page.items():
        parts = [f"# {title}\n", *(_rule(rule, scores.get(rule.code)) for rule in of_page)]
        made[PAGES / f"{name}.md"] = "\n".join(parts)
    return made


def _index(by_page: Mapping[Page, Sequence[Rule]], scores: Mapping[str, Score]) -> Iterator[str]:
    for (name, title), of_page in by_page.items():
        yield f"## {title}\n"
        yield "| code | finds | severity | fix | precision | recall |\n|---|---|---|---|---|---|"
        for rule in of_page:
            score = scores.get(rule.code)
            figures = (_short(score.precision), _short(score.recall)) if score else ("", "")
            link = f"[{rule.code}]({name}.md#{_anchor(rule)})"
            yield f"| {link} | {_cell(rule.summary)} | {rule.severity} | {_fix(rule)} | {figures[0]} | {figures[1]} |"
        yield ""


def _rule(rule: Rule, score: Score | None) -> str:
    facts = [rule.severity, LOOKS_AT[rule.on], f"since {rule.since}"]
    if rule.confidence != "high":
        facts.insert(1, f"confidence {rule.confidence}")
    if fix := _fix(rule):
        facts.append(f"{fix} fix")
    parts = [f"## {rule.code} {rule.name}\n", f"{rule.summary} ({', '.join(facts)})\n", f"{rule.why}\n"]
    parts.append(f"**Mend it.** {rule.mend}\n")
    if rule.source:
        looked = f", looked at on {rule.verified}" if rule.verified else ""
        parts.append(f"Source: {_linked(rule.source)}{looked}.\n")
    if score is not None:
        parts.append(f"Measured: precision {_long(score.precision)}, recall {_long(score.recall)}.\n")
    if rule.bad:
        place = rule.bad[0].at
        where = f" ({place[0]}:{place[1]}:{place[2]})" if place else ""
        parts += [f"Bad{where}:\n", _example(rule.bad[0])]
    if rule.good:
        parts += ["Good:\n", _example(rule.good[0])]
    return "\n".join(parts)


def _example(example: Example) -> str:
    """The files of an example in one block; hidden characters are shown by their numbers."""
    several = len(example.files) > 1
    lines: list[str] = []
    for name, text in example.files.items():
        if several:
            lines.append(f"# {name}")
        shown = [_visible(line) for line in text.splitlines()]
        lines += shown[:_MAX_LINES]
        if len(shown) > _MAX_LINES:
            lines.append(f"… {len(shown) - _MAX_LINES:,} more lines")
        if several:
            lines.append("")
    fence = "`" * max(3, 1 + max((_ticks(line) for line in lines), default=0))
    return "\n".join([f"{fence}text", *"\n".join(lines).strip("\n").split("\n"), fence, ""])


def _visible(line: str) -> str:
    text = "".join(char if char.isprintable() or char == "\t" else f"⟨U+{ord(char):04X}⟩" for char in line)
    return text if len(text) <= _MAX_WIDTH else f"{text[: _MAX_WIDTH - 1]}…"


def _ticks(line: str) -> int:
    stripped = line.lstrip()
    return len(stripped) - len(stripped.lstrip("`"))


def _fix(rule: Rule) -> str:
    """What the fix of its first finding is, found out by running the example."""
    if rule.code not in _FIXES:
        kinds = {
            "safe" if item.fix.safe else "unsafe"
            for example in rule.bad
            for item in _findings(example, rule.code)
            if item.fix
        }
        _FIXES[rule.code] = " or ".join(sorted(kinds))
    return _FIXES[rule.code]


_FIXES: dict[str, str] = {}


def _findings(example: Example, code: str) -> tuple[Diagnostic, ...]:
    with tempfile.TemporaryDirectory(prefix="lev-rules-") as made:
        folder = Path(made)
        for name, text in example.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return Checker(folder, selection=Selection((code,))).check([folder]).diagnostics


def _anchor(rule: Rule) -> str:
    return f"{rule.code} {rule.name}".lower().replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _linked(source: str) -> str:
    return f"<{source}>" if source.startswith("http") and " " not in source else source.removesuffix(".")


def _short(rate: Rate) -> str:
    return "" if rate.value is None else f"{rate.value:.2f}"


def _long(rate: Rate) -> str:
    if rate.value is None or rate.low is None or rate.high is None:
        return "unknown"
    return f"{rate.value:.2f} ({rate.low:.2f} to {rate.high:.2f})"


def write() -> None:
    """Bring docs/rules up to date."""
    PAGES.mkdir(exist_ok=True)
    made = pages()
    for path in PAGES.glob("*.md"):
        if path not in made:
            path.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
