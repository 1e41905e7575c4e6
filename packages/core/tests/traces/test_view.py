"""What is read from a journal: effects with their attempts, and the steps that were taken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lev_os.core import Flow
from lev_os.core.bidirectional import Run, run_sync
from lev_os.core.bidirectional.journal import JournalDamaged
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.traces import read_run, view
from traced import OPEN, Says, carried_out, work


def test_effects_are_told_with_attempts_tokens_and_states(tmp_path: Path) -> None:
    """A refused answer is an attempt of its effect; a failure, a dropped wait and rounds of a loop are named."""
    run = read_run(carried_out(tmp_path / "run.jsonl"))
    told = [(effect.kind, effect.title, effect.state) for effect in run.effects]
    assert told == [
        ("model", "said", "done"),
        ("tool", "work [0]", "done"),
        ("tool", "work [1]", "failed"),
        ("tool", "work [2]", "done"),
        ("tool", "work", "done"),
        ("wait", "a person", "cancelled"),
    ]
    first, second = run.effects[0].attempts
    assert (first.state, first.tokens, first.cost) == ("refused", (90, 4), None)
    assert (second.state, second.tokens, second.cost) == ("done", (1000, 40), 0.25)
    assert second.decided_by == "big:model"
    assert second.request["problems"]
    assert second.seconds is not None
    assert second.seconds >= 0
    assert (run.usage.input_tokens, run.usage.output_tokens, run.usage.tool_calls) == (1090, 44, 4)


def test_the_taken_way_is_known_even_without_effects(tmp_path: Path) -> None:
    """A replay counts each step, and which branch without steps was chosen."""
    run = read_run(carried_out(tmp_path / "run.jsonl"))
    assert run.replayed
    visits = {path: count for (_, path), count in run.visits.items()}
    assert visits["steps/1.many"] == 1
    assert "steps/1.few" not in visits
    assert "steps/1/default/0" not in visits
    assert visits["steps/2/do/0"] == 3
    assert visits["steps/2/do/0/catch/0"] == 1
    assert visits["steps/4"] == 1


def test_without_a_replay_the_steps_with_effects_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that this version cannot replay is shown all the same."""
    monkeypatch.setattr(view, "taken", lambda path, entries: None)
    run = read_run(carried_out(tmp_path / "run.jsonl"))
    assert not run.replayed
    assert run.visits["shown", "steps/2/do/0"] > 0
    assert run.visits["shown", "steps/4"] == 0


def test_a_run_that_waits_is_shown_as_it_stands(tmp_path: Path) -> None:
    """An open effect, what was used so far, and after the answer what it was."""
    flow = Flow.parse(
        "flowmind: 1\nname: w\ninput: {}\nsteps:\n  - ask: hi\n  - id: ok\n    wait: approval\n"
        '    returns: {approved: boolean}\n  - return: "${ok.approved}"\n'
    )
    journal = tmp_path / "w.jsonl"
    usage = {"input_tokens": 5, "output_tokens": 2, "cost": 0.5}
    gate = Gate(Constitution.parse(OPEN))
    run_sync(flow, model=Says({"answer": "hello", "usage": usage}), journal=journal, gate=gate, fsync=False)
    waiting = read_run(journal)
    assert (waiting.status, waiting.output, waiting.effects[1].state) == ("waiting", None, "open")
    assert (waiting.usage.asks, waiting.usage.input_tokens, waiting.usage.cost) == (1, 5, 0.5)
    with Run.resume(journal, fsync=False) as again:
        again.submit(again.waits[0].token, {"approved": True})
        asyncio.run(again.advance())
    done = read_run(journal)
    assert (done.status, done.output, done.effects[1].attempts[0].value) == ("done", True, {"approved": True})


DENY = """\
constitution: 1
name: strict
principles:
  - id: NO-WORK
    statement: Nobody works.
    severity: error
    scope: {artifacts: [run], phase: [tool]}
    checks:
      - forbid_tool: ["*work"]
    on_violation: %s
    tests:
      violates: [{tool: ./tools/work}, {tool: work}]
      complies: [{tool: ./tools/a}, {tool: ./tools/b}]
"""


@pytest.mark.parametrize(("violation", "state"), [("block", "denied"), ("warn", "done")])
def test_verdicts_are_told_with_their_principles(tmp_path: Path, violation: str, state: str) -> None:
    """What a principle kept from leaving is there too, as `denied`."""
    flow = Flow.parse("flowmind: 1\nname: d\ninput: {}\nsteps:\n  - call: ./tools/work\n    with: {name: x}\n")
    gate = Gate(Constitution.parse(DENY % violation))
    run_sync(flow, tools={"./tools/work": work}, journal=tmp_path / "d.jsonl", gate=gate, fsync=False)
    [effect] = read_run(tmp_path / "d.jsonl").effects
    assert effect.state == state
    assert [finding["principle"] for finding in effect.attempts[0].findings] == ["NO-WORK"]


def test_what_a_person_has_to_approve_is_held(tmp_path: Path) -> None:
    """Before the answer it is held; after a refusal it is denied, with what the person said."""
    flow = Flow.parse("flowmind: 1\nname: h\ninput: {}\nsteps:\n  - call: ./tools/work\n    with: {name: x}\n")
    gate = Gate(Constitution.parse(DENY % "escalate"))
    journal = tmp_path / "h.jsonl"
    run_sync(flow, tools={"./tools/work": work}, journal=journal, gate=gate, fsync=False)
    assert {effect.title: effect.state for effect in read_run(journal).effects} == {
        "approval": "open",
        "waits for approval": "held",
    }
    with Run.resume(journal, tools={"./tools/work": work}, fsync=False) as again:
        again.submit(again.waits[0].token, {"approved": False, "note": "not today"})
    refused = read_run(journal)
    assert refused.status == "denied"
    assert refused.effects[1].state == "denied"
    assert refused.effects[1].attempts[0].approvals[0]["note"] == "not today"


def test_a_cancelled_run_says_why(tmp_path: Path) -> None:
    """The reason of a cancellation is part of the view."""
    flow = Flow.parse("flowmind: 1\nname: c\ninput: {}\nsteps:\n  - wait: person\n")
    with Run.start(flow, journal=tmp_path / "c.jsonl", fsync=False) as run:
        run.cancel("nobody wants it")
    shown = read_run(tmp_path / "c.jsonl")
    assert (shown.status, shown.cancelled) == ("cancelled", "nobody wants it")


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    """Nothing of a journal that was changed is shown."""
    journal = carried_out(tmp_path / "run.jsonl")
    journal.write_bytes(journal.read_bytes().replace(b"Cyd", b"Eve", 1))
    with pytest.raises(JournalDamaged):
        read_run(journal)
