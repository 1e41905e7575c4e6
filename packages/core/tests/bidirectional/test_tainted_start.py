"""A run begun by somebody whose words are not trusted: every input and every step is tainted, replayed too."""

from __future__ import annotations

from pathlib import Path

from driving import flow
from lev_os.core import tool
from lev_os.core.bidirectional import replay, run_sync


@tool(effects={"writes_external"})
def send(text: str) -> str:
    """Send."""
    return text


BODY = '  - {id: sent, call: ./tools/send, with: {text: "${input.text}"}}\n'


def test_an_outside_write_waits_for_a_person_when_the_run_was_begun_in_taint(tmp_path: Path) -> None:
    """Without labels it is let out; with them BASE-001 asks, and a replay comes to the same."""
    one = flow(BODY, input="{text: string}")
    assert run_sync(one, {"text": "hi"}, tools={"./tools/send": send}).status == "done"
    place = tmp_path / "run.jsonl"
    waiting = run_sync(one, {"text": "hi"}, tools={"./tools/send": send}, taint={"untrusted"}, journal=place)
    assert waiting.status == "waiting"
    assert replay(place).divergences == ()


def test_so_does_what_takes_nothing_from_the_input(tmp_path: Path) -> None:
    """That the step runs at all is the doing of whoever began the run."""
    one = flow("  - {id: sent, call: ./tools/send, with: {text: hello}}\n", input="{}")
    given = {"tools": {"./tools/send": send}}
    assert run_sync(one, {}, taint={"untrusted"}, journal=tmp_path / "r.jsonl", **given).status == "waiting"
