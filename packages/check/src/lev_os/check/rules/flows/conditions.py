"""The examples and thresholds of judged conditions."""

from __future__ import annotations

from collections.abc import Iterator

from lev_os.core.flowmind.model import Condition, IfSemantic, Step, SwitchSemantic, While
from lev_os.core.llm_runtime.examples import CALIBRATED_FROM, LOCAL_FROM, Examples, plain, usable

from ...flows.places import in_step, of_step
from ...project import FlowSubject
from ...rule import Finding, Span, rule
from .._flow_examples import flow

_IF = (
    "steps:\n  - if_semantic: the customer is angry\n    examples: {{yes: {yes}, no: {no}}}\n{more}    then:\n"
    "      - ask: Calm down.\n    uncertain: []\n"
)
_YES = [f"this is the {word} time that I ask" for word in ("third", "fourth", "fifth", "sixth", "seventh")]
_NO = [f"thanks, the {word} one works" for word in ("first", "second", "red", "blue", "green")]


def _conditions(subject: FlowSubject) -> Iterator[tuple[Step, Condition]]:
    for step in subject.analysis.steps:
        condition = step.condition if isinstance(step, IfSemantic | SwitchSemantic | While) else None
        if condition is not None:
            yield step, condition


def _usable(condition: Condition) -> Examples | None:
    """The examples that count; None for a condition without any, which is left to a model on purpose."""
    return usable(condition.labels, condition.examples) if any(condition.examples.values()) else None


@rule(
    "FLW530", "example-of-two-labels", on="flow", severity="error",
    summary="One text is an example of two labels.",
    why="A classifier leaves it out, and one of the two labels is wrong. Case and spaces make no difference.",
    mend="Leave it under the label that it belongs to.",
    bad=flow(_IF.format(yes='["it broke again"]', no='["It broke  again"]', more=""), (5, 46)),
    good=flow(_IF.format(yes='["it broke again"]', no='["it works again"]', more="")),
)  # fmt: skip
def example_of_two_labels(subject: FlowSubject) -> Iterator[Finding]:
    """Examples that several labels claim."""
    for step, condition in _conditions(subject):
        first: dict[str, str] = {}
        for label, texts in condition.examples.items():
            for index, text in enumerate(texts):
                other = first.setdefault(plain(text), label)
                if other != label:
                    message = f"this is an example of `{other}` too"
                    yield Finding(_place(subject, step, label, index), message, "leave it under one of them")


def _place(subject: FlowSubject, step: Step, label: str, index: int) -> Span:
    if isinstance(step, SwitchSemantic):
        return in_step(subject, step, "cases", label, "examples", index)
    return in_step(subject, step, "examples", label, index)


@rule(
    "FLW531", "too-few-examples", on="flow", severity="info",
    summary="A condition has examples, and not enough for a classifier.",
    why=f"A label with fewer than {LOCAL_FROM} usable examples has no local tier: every judgement is then a "
    "request to a model.",
    mend=f"Give every label {LOCAL_FROM} different examples, better ten; `lev calibrate` shows what they are worth.",
    bad=flow(_IF.format(yes='["it broke again"]', no='["it works again"]', more=""), (4, 5)),
    good=flow(_IF.format(yes=_YES, no=_NO, more="")),
)  # fmt: skip
def too_few_examples(subject: FlowSubject) -> Iterator[Finding]:
    """Conditions whose examples are too few to fit anything."""
    for step, condition in _conditions(subject):
        examples = _usable(condition)
        if examples is not None and examples.lacking is not None:
            yield Finding(of_step(subject, step), examples.lacking, "see `lev calibrate`")


@rule(
    "FLW532", "threshold-without-calibration", on="flow", severity="info",
    summary="A condition has a threshold that is never applied.",
    why=f"`confidence` is put to a calibrated confidence only, and it takes {CALIBRATED_FROM} usable examples to "
    "calibrate one. Until then the number decides nothing.",
    mend="Add examples and run `lev calibrate --write`, or leave `confidence` out.",
    bad=flow(_IF.format(yes=_YES, no=_NO, more="    confidence: 0.8\n"), (6, 17)),
    good=flow(_IF.format(yes=_YES, no=_NO, more="")),
)  # fmt: skip
def threshold_without_calibration(subject: FlowSubject) -> Iterator[Finding]:
    """Thresholds of conditions that cannot be calibrated on their own examples."""
    for step, condition in _conditions(subject):
        if condition.confidence is None:
            continue
        count = usable(condition.labels, condition.examples).count
        if count < CALIBRATED_FROM:
            message = f"with {count} usable example{'' if count == 1 else 's'} this threshold is never applied"
            yield Finding(in_step(subject, step, "confidence"), message, "see `lev calibrate`")
