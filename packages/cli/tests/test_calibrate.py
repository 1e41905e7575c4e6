"""`lev calibrate`: measures, draws, recommends, writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("wordllama", reason="needs the extra `local`")
from lev_os.core.flowmind import Flow

Lev = Callable[..., Any]

THINGS = ("apple", "pear", "plum", "cherry", "melon", "grape", "lemon", "peach", "mango", "banana", "fig", "lime")
TOOLS = ("hammer", "saw", "drill", "wrench", "chisel", "axe", "pliers", "file", "rasp", "level", "vise", "clamp")


def listed(frame: str, names: tuple[str, ...]) -> str:
    return json.dumps([frame.format(name) for name in names])


FLOW = f"""\
flowmind: 1
name: sort
input: {{message: string}}
steps:
  - id: kind
    switch_semantic: what it is about
    about: "${{input.message}}"
    cases:
      fruit: {{examples: {listed("I would like to eat a ripe {}", THINGS)}, then: []}}
      tool: {{examples: {listed("the {} is in the workshop", TOOLS)}, then: []}}
    uncertain:
      - id: urgent
        if_semantic: it is urgent
        about: "${{input.message}}"
        then: []
        else: []
        uncertain: []
"""


@pytest.fixture
def flow(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a flow of two conditions; only the first has examples."""
    monkeypatch.delenv("LEV_EMBEDDER", raising=False)
    package = tmp_path / "src" / "shed"
    (package / "flows").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "lev.toml").write_text('format = 1\n[exports]\n"./flows/*" = {llm = "./flows/*.yaml"}\n')
    file = package / "flows" / "sort.yaml"
    file.write_text(FLOW)
    return file


def test_it_prints_a_diagram_and_a_threshold(lev: Lev, flow: Path) -> None:
    """And a condition without examples is a finding."""
    said = lev("calibrate", "shed/flows/sort")
    assert said.code == 1
    assert "kind  2 labels, 12 examples each" in said.out
    assert "0.9 - 1.0   1.00     24  " + "█" * 40 + "|" in said.out
    assert "recommended" in said.out
    assert "no local tier: “yes” (and 1 more) has 0 usable examples" in said.out
    assert flow.read_text() == FLOW


def test_json_is_the_whole_output(lev: Lev, flow: Path) -> None:
    """With every figure."""
    said = lev("calibrate", "./flows/sort", "--step", "kind", "--json")
    assert said.code == 0
    (found,) = said.json
    assert found["step"] == "kind"
    assert found["recommended"]["threshold"] >= 0.6
    assert len(found["bins"]) == 10


def test_thresholds_are_written_once(lev: Lev, flow: Path) -> None:
    """With their measurement; a second time nothing changes, and the flow still parses."""
    assert lev("calibrate", "shed/flows/sort", "--write").code == 1
    written = flow.read_text()
    added = [line for line in written.splitlines() if line not in FLOW.splitlines()]
    assert len(added) == 1
    assert added[0].startswith("    confidence: 0.6")
    assert "# lev calibrate: " in added[0]
    assert Flow.parse(written).tree.name == "sort"
    said = lev("calibrate", "shed/flows/sort", "--write", "--step", "kind")
    assert "recommended, and in the flow" in said.out
    assert flow.read_text() == written


def test_the_picture(lev: Lev, flow: Path, tmp_path: Path) -> None:
    """Is of one condition."""
    assert lev("calibrate", "shed/flows/sort", "--step", "kind", "--svg", "kind.svg").code == 0
    assert (tmp_path / "kind.svg").read_text().startswith("<svg")
    said = lev("calibrate", "shed/flows/sort", "--step", "urgent", "--svg", "kind.svg")
    assert (said.code, "--svg draws one condition, and 0 were measured" in said.err) == (2, True)


def test_labelled_texts(lev: Lev, flow: Path, tmp_path: Path) -> None:
    """Only the condition that has some is measured."""
    lines = [
        {"step": "kind", "text": "I would like to eat a ripe quince", "label": "fruit"},
        {"step": "kind", "text": "the anvil is in the workshop", "label": "tool"},
        {"step": "elsewhere", "text": "x", "label": "y"},
    ]
    (tmp_path / "texts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    said = lev("calibrate", "shed/flows/sort", "--labelled", "texts.jsonl", "--json")
    assert said.code == 0
    (found,) = said.json
    assert (found["count"], found["accuracy"], found["source"]) == (2, 1.0, "the labelled texts")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "", "label": "fruit", "step": "kind"}', "entry 1: `text` and `label`"),
        ('{"text": "x", "label": 3, "step": "kind"}', "entry 1: `text` and `label`"),
        ('{"text": "x", "label": "fruit"}', "it is not said which condition"),
        ("", "holds no text for kind, urgent"),
        ('{"text": "x", "label": "tree", "step": "kind"}', "no label 'tree'"),
        ("[1]", "not a JSON object"),
    ],
)
def test_labelled_texts_that_cannot_be_used(lev: Lev, flow: Path, tmp_path: Path, text: str, message: str) -> None:
    """Say what is wrong with them."""
    (tmp_path / "texts.jsonl").write_text(text)
    said = lev("calibrate", "shed/flows/sort", "--labelled", "texts.jsonl")
    assert said.code == 2
    assert message in said.err


def test_a_file_of_labelled_texts_that_is_not_there(lev: Lev, flow: Path) -> None:
    """The option that named it is the one to look at."""
    said = lev("calibrate", "shed/flows/sort", "--labelled", "nowhere.jsonl")
    assert said.code == 2
    assert "nowhere.jsonl" in said.err
    assert "check --labelled" in said.err


def test_what_cannot_be_measured(lev: Lev, flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that is not there, a flow without conditions, a context, no embedder."""
    assert "its conditions are kind, urgent" in lev("calibrate", "shed/flows/sort", "--step", "kid").err
    assert "not a flow" in lev("calibrate", "lev_os.core/contexts/executive").err
    flow.with_name("plain.yaml").write_text("flowmind: 1\nname: plain\nsteps: [{return: {}}]\n")
    assert "has no semantic condition" in lev("calibrate", "shed/flows/plain").err
    monkeypatch.setattr("lev_os.core.llm_runtime.open_judge", lambda: None)
    said = lev("calibrate", "shed/flows/sort")
    assert (said.code, "lev-os[local]" in said.err) == (3, True)


def test_a_file_that_cannot_be_replaced_stays(lev: Lev, flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no half-written one is left beside it."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", str(flow))

    monkeypatch.setattr("os.replace", full)
    said = lev("calibrate", "shed/flows/sort", "--write")
    assert said.code in (2, 3)
    assert "No space left" in said.err
    assert flow.read_text() == FLOW
    assert [file.name for file in flow.parent.iterdir()] == ["sort.yaml"]


def test_a_read_only_flow_is_not_written(lev: Lev, flow: Path) -> None:
    """Although its folder would let it be replaced."""
    flow.chmod(0o444)
    said = lev("calibrate", "shed/flows/sort", "--write")
    assert (said.code, "read-only" in said.err) == (3, True)
    assert flow.read_text() == FLOW


def test_a_link_stays_a_link(lev: Lev, flow: Path) -> None:
    """What it leads to is written."""
    real = flow.rename(flow.with_name("real.yaml"))
    flow.symlink_to("real.yaml")
    lev("calibrate", "shed/flows/sort", "--write")
    assert flow.is_symlink()
    assert "# lev calibrate: " in real.read_text()


def test_an_installed_copy_is_not_written(lev: Lev, flow: Path, tmp_path: Path) -> None:
    """Its sources are the place for a threshold."""
    installed = tmp_path / "site-packages"
    (tmp_path / "src").rename(installed)
    said = lev("calibrate", f"{installed / 'shed'}/flows/sort", "--write")
    assert "installed" in said.err, said.err
    assert (installed / "shed" / "flows" / "sort.yaml").read_text() == FLOW
