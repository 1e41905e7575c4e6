"""What holds for every flow, every constitution and every driver."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core.bidirectional import Failure
from lev_os.core.bidirectional._perform import request_digest
from lev_os.core.constitutional import Gate
from random_flows import drive_randomly, flow_texts, gates, machine_of

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@COMMON
@given(text=flow_texts(), gate=gates(), data=st.data())
def test_mediation_is_complete(text: str, gate: Gate, data: st.DataObject) -> None:
    """Every effect that a driver sees, every attempt of it, was ruled on before: allow, warn, or an approved ask."""
    machine = machine_of(text, gate)
    passed: set[tuple[str, int, str]] = set()
    asked: dict[tuple[str, int], str] = {}
    approved: set[str] = set()
    bound: set[tuple[str, int]] = set()
    for step in drive_randomly(data.draw, machine):
        for record in step.records:
            place = (record.key, record.attempt)
            match record.type:
                case "verdict" if record.body["phase"] == "post":
                    bound.add(place)
                case "verdict" if record.body["ruling"] in ("allow", "warn"):
                    passed.add((*place, record.body["digest"]))
                case "verdict" if record.body["ruling"] == "ask":
                    asked[place] = record.body["digest"]
                case "approval" if record.body["approved"]:
                    approved.add(record.body["digest"])
                case "effect":
                    digest = record.body["digest"]
                    assert (*place, digest) in passed or (asked.get(place) == digest and digest in approved)
                    assert digest == request_digest(record.body["kind"], record.body["request"])
        for effect in step.effects:
            assert (effect.key, effect.attempt, effect.digest) in passed or effect.digest in approved


@COMMON
@given(text=flow_texts(), gate=gates(), data=st.data())
def test_the_same_inputs_give_the_same_records(text: str, gate: Gate, data: st.DataObject) -> None:
    """Replaying the inputs of a journal through a fresh machine makes the same journal."""
    first = machine_of(text, gate)
    records = [record for step in drive_randomly(data.draw, first) for record in step.records]
    second = machine_of(text, gate)
    again = []
    for record in records:
        token = second.token(record.key or "", record.attempt or 0)
        match record.type:
            case "run_started":
                step = second.start(record.body["input"], at=record.at)
            case "result":
                step = second.submit(token, record.body["value"], at=record.at)
            case "failure":
                step = second.fail(token, _failure(record.body["failure"]), at=record.at)
            case "late":
                body = record.body
                step = (
                    second.submit(token, body["value"])
                    if "value" in body
                    else second.fail(token, _failure(body["failure"]))
                )
            case "cancel":
                step = second.cancel(record.body["reason"], at=record.at)
            case _:
                continue
        again += step.records
    assert again == records
    assert second.outcome == first.outcome


def _failure(body: dict[str, object]) -> Failure:
    return msgspec.convert(body, Failure)


@COMMON
@given(text=flow_texts(), gate=gates(), data=st.data())
def test_tokens_are_fresh_and_open_effects_end(text: str, gate: Gate, data: st.DataObject) -> None:
    """No token is given out twice, and when a run has ended nothing is open."""
    machine = machine_of(text, gate)
    emitted: set[str] = set()
    steps = drive_randomly(data.draw, machine)
    for step in steps:
        if step.reply == "duplicate":
            continue
        for effect in step.effects:
            assert effect.token not in emitted
            emitted.add(effect.token)
    assert {effect.token for effect in machine.effects} <= emitted
    if machine.outcome is not None:
        assert machine.effects == ()
