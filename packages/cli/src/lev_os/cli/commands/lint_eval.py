"""`lev lint-eval`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import FINDINGS, FINE
from ..output import print_json, print_line

if TYPE_CHECKING:
    from lev_os.check.evaluate import Evaluation, Rate


@click.command("lint-eval")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: Path | None, as_json: bool) -> int:
    """How right the rules of `lev check` are: precision and recall over labelled files.

    FOLDER holds a labels.toml, or folders that do; without one, the rules' own examples are judged. Each case in it
    names its files (or a folder), the codes it judges, and what should be found: "CTX301 AGENTS.md:3".

    \b
    Examples:
      lev lint-eval
      lev lint-eval tests/labelled --json
    """
    from lev_os.check.evaluate import evaluate, labelled, own_examples

    found = evaluate(own_examples() if folder is None else labelled(folder))
    if as_json:
        print_json(_data(found))
    else:
        for line in _table(found):
            print_line(line)
    return FINDINGS if found.mistakes else FINE


def _data(found: Evaluation) -> dict[str, Any]:
    scores = [
        {
            "code": score.code, "right": score.right, "wrong": score.wrong, "missed": score.missed,
            "precision": score.precision._asdict(), "recall": score.recall._asdict(),
        }
        for score in found.scores
    ]  # fmt: skip
    mistakes = [
        {"case": item.case, "kind": item.kind, **item.label._asdict(), "message": item.message}
        for item in found.mistakes
    ]
    return {"cases": found.cases, "rules": scores, "mistakes": mistakes}


def _table(found: Evaluation) -> Iterator[str]:
    yield f"{'rule':8}{'right':>6}{'wrong':>6}{'missed':>7}  {'precision (95 %)':20}{'recall (95 %)'}"
    for score in found.scores:
        counts = f"{score.code:8}{score.right:6}{score.wrong:6}{score.missed:7}"
        yield f"{counts}  {_rate(score.precision):20}{_rate(score.recall)}".rstrip()
    for item in found.mistakes:
        place = f"{item.label.file}:{item.label.line}"
        yield f"{item.kind}: {item.label.code} {place} in `{item.case}`{f': {item.message}' if item.message else ''}"
    yield f"{found.cases} cases, {len(found.mistakes)} mistakes"


def _rate(rate: Rate) -> str:
    if rate.value is None or rate.low is None or rate.high is None:
        return "-"
    return f"{rate.value:.2f} ({rate.low:.2f}-{rate.high:.2f})"
