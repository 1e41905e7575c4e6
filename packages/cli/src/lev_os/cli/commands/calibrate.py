"""`lev calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import FINDINGS, FINE, UsageProblem
from ..options import Specifier, json_option, python_option
from ..output import note, print_json, print_line

if TYPE_CHECKING:
    from lev_os.core.llm_runtime.calibration import Calibration, NotMeasured, Point

_CONFUSIONS = 8


@click.command("calibrate")
@click.argument("specifier", type=Specifier("flow"))
@click.option(
    "--labelled",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='Measure on these texts instead of the examples; one {"text": …, "label": …, "step": …} a line.',
)
@click.option("--step", metavar="ID", help="Only the condition of this step.")
@click.option(
    "--accuracy",
    type=click.FloatRange(0.5, 0.99),
    default=0.85,
    show_default=True,
    help="The share of right answers to aim at.",
)
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write the reliability diagram.")
@click.option("--write", is_flag=True, help="Put the recommended thresholds into the flow.")
@python_option
@json_option
def command(
    specifier: str,
    labelled: Path | None,
    step: str | None,
    accuracy: float,
    svg: Path | None,
    write: bool,
    python: str | None,
    as_json: bool,
) -> int:
    """Measure how well a flow's conditions are judged locally, and recommend thresholds.

    Each example is judged by a classifier that has not seen it. Exit code 1 when a condition has no threshold that
    is accurate enough.

    \b
    Examples:
      lev calibrate acme_support/flows/triage
      lev calibrate acme_support/flows/triage --svg triage.svg --write
      lev calibrate ./flows/triage --labelled messages.jsonl --json
    """
    from lev_os.core.llm_runtime.calibration import Calibration

    from ..calibrating import measure, write_thresholds

    flow, measured = measure(specifier, labelled, step, accuracy, python)
    found = [one for _, one in measured if isinstance(one, Calibration)]
    if svg is not None:
        _draw(svg, found)
    if as_json:
        print_json([_value(one) for _, one in measured])
    else:
        for _, one in measured:
            _show(one)
    if write:
        for line in write_thresholds(flow, measured):
            note(line)
    return FINDINGS if any(one.recommended is None for one in found) or len(found) < len(measured) else FINE


def _value(one: Calibration | NotMeasured) -> Any:
    import msgspec

    return msgspec.to_builtins(one)


def _draw(svg: Path, found: list[Calibration]) -> None:
    from lev_os.core.llm_runtime.reliability import as_svg

    if len(found) != 1:
        raise UsageProblem(
            f"--svg draws one condition, and {len(found)} were measured", help="name one of them with --step"
        )
    svg.write_text(as_svg(found[0]), encoding="utf-8")


def _show(one: Calibration | NotMeasured) -> None:
    from lev_os.core.llm_runtime.calibration import Calibration
    from lev_os.core.llm_runtime.reliability import as_text

    sizes = list(one.labels.values())
    per = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    print_line(f"{click.style(one.step, bold=True)}  {len(sizes)} labels, {per} examples each")
    if isinstance(one, Calibration):
        print_line(f"  embedder     {one.embedder}")
        print_line(f"  measured on  {one.count} texts: {one.source}")
        print_line(f"  accuracy     {one.accuracy:.2f} if every text got an answer")
        print_line(f"  calibration  {one.error:.3f} expected error")
        print_line(f"  novelty      {one.unlike:.2f} of them less than {one.novelty:.2f} like any example: uncertain")
        print_line()
        for line in as_text(one.bins):
            print_line(f"  {line}")
        print_line()
        print_line(f"  {'answer from':>11}  {'coverage':>8}  {'right':>5}")
        for point, name in _points(one):
            right = "" if point.accuracy is None else f"{point.accuracy:.2f}"
            print_line(f"  {point.threshold:>11.2f}  {point.coverage:>8.2f}  {right:>5}  {name}".rstrip())
        if one.confusions:
            print_line()
            for label, judged, times in one.confusions[:_CONFUSIONS]:
                print_line(f"  {times:>3} of “{label}” judged “{judged}”")
    for text in one.notes:
        print_line(f"  note: {text}")
    print_line()


def _points(one: Calibration) -> list[tuple[Point, str]]:
    """The curve with the thresholds that have a name, the lowest first."""
    named = {point.threshold: (point, "") for point in one.curve}
    if one.current is not None:
        named[one.current.threshold] = one.current, "in the flow"
    if one.recommended is not None:
        same = one.current is not None and one.current.threshold == one.recommended.threshold
        named[one.recommended.threshold] = one.recommended, "recommended, and in the flow" if same else "recommended"
    return [named[threshold] for threshold in sorted(named)]
