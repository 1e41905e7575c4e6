"""The output file of a batch: every input exactly once, whatever happens."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.cli.batch.inputs import read_inputs
from lev_os.cli.batch.rows import Rows
from lev_os.cli.batch.table import Table
from lev_os.cli.errors import Failed, UsageProblem
from lev_os.core.errors import InvalidInput


def row(index: int, **more: Any) -> dict[str, Any]:
    return {"index": index, "input": {"n": index}, "run": f"r{index}", "status": "done", **more}


@given(count=st.integers(1, 5), cut=st.integers(0, 400))
def test_a_file_cut_anywhere_is_taken_up(count: int, cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whole lines stay, a torn last one goes, and going on completes the set."""
    out = tmp_path_factory.mktemp("rows") / "out.jsonl"
    with Rows(out) as rows:
        for index in range(count):
            rows.append(row(index))
    data = out.read_bytes()[:cut]
    out.write_bytes(data)
    with Rows(out) as rows:
        assert sorted(rows.done) == list(range(data.count(b"\n")))
        for index in set(range(count)) - set(rows.done):
            rows.append(row(index))
    assert sorted(json.loads(line)["index"] for line in out.read_text().splitlines()) == list(range(count))


@pytest.mark.parametrize("bad", ["garbage", "[]", "{}", '{"index": "0"}'])
def test_damage_in_the_middle_is_refused_with_its_place(bad: str, tmp_path: Path) -> None:
    """Only the last line can be torn by a kill; anything else is another file."""
    out = tmp_path / "out.jsonl"
    out.write_text(f"{json.dumps(row(0))}\n{bad}\n{json.dumps(row(2))}\n")
    with pytest.raises(InvalidInput) as refused:
        Rows(out)
    assert str(refused.value.problems[0].at) == f"{out}:2:1"
    assert out.read_text().count("\n") == 3


def test_an_input_answered_twice_is_refused(tmp_path: Path) -> None:
    """That would be no batch of ours."""
    out = tmp_path / "out.jsonl"
    out.write_text(f"{json.dumps(row(0))}\n{json.dumps(row(0))}\n")
    with pytest.raises(InvalidInput, match="second time"):
        Rows(out)


def test_other_inputs_are_refused(tmp_path: Path) -> None:
    """Rows answer the inputs they were made from, not the edited ones."""
    with Rows(tmp_path / "out.jsonl") as rows:
        rows.append(row(0))
        rows.check([{"n": 0}, {"n": 1}])
        with pytest.raises(UsageProblem, match="other inputs"):
            rows.check([{"n": 7}])
        with pytest.raises(UsageProblem, match="other inputs"):
            rows.check([])


def test_two_batches_do_not_write_one_file(tmp_path: Path) -> None:
    """The second one is told so."""
    with Rows(tmp_path / "out.jsonl"), pytest.raises(UsageProblem, match="another `lev run`"):
        Rows(tmp_path / "out.jsonl")


def test_a_full_disk_keeps_what_was_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that was written in part is taken back; the rest stays."""
    with Rows(tmp_path / "out.jsonl") as rows:
        rows.append(row(0))
        real = os.write
        monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:10]))
        with pytest.raises(Failed, match="No space"):
            rows.append(row(1))
        monkeypatch.undo()
        rows.append(row(1))
    assert [json.loads(line)["index"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [0, 1]


@pytest.mark.parametrize("place", ["/dev/null", "."])
def test_what_is_no_file_is_refused(place: str) -> None:
    """A device or a folder cannot hold rows."""
    with pytest.raises(UsageProblem, match=r"plain file|cannot be written"):
        Rows(Path(place))


def test_bad_inputs_are_all_named_at_once(tmp_path: Path) -> None:
    """With the line of each."""
    file = tmp_path / "in.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n{"a": \n[1]\n\xff\n')
    with pytest.raises(InvalidInput) as refused:
        read_inputs(file)
    assert [problem.at.line for problem in refused.value.problems] == [3, 4, 5]


def test_a_thousand_bad_lines_are_not_a_thousand_messages(tmp_path: Path) -> None:
    """The first twenty, and how many more."""
    file = tmp_path / "in.jsonl"
    file.write_text("no\n" * 1000)
    with pytest.raises(InvalidInput) as refused:
        read_inputs(file)
    assert len(refused.value.problems) == 21
    assert refused.value.problems[-1].message == "and 980 more bad lines"


def test_no_input_file(tmp_path: Path) -> None:
    """A file that is not there is broken input, not a crash."""
    with pytest.raises(InvalidInput, match="No such file"):
        read_inputs(tmp_path / "in.jsonl")


def test_the_table_counts_what_was_decided_and_by_whom() -> None:
    """By step and label, by who decided, and what waits."""
    judged = {"step": "kind", "label": "refund", "decided_by": "local:wordllama"}
    asked = {"step": "kind", "label": "card", "decided_by": "model"}
    table = Table.of(
        [
            row(0, decisions=[judged], usage={"asks": 1}),
            row(1, decisions=[judged, asked], usage={"asks": 2}),
            row(2, status="waiting", waits=[{"name": "approval"}]),
        ]
    )
    summary = table.as_json()
    assert summary["status"] == {"done": 2, "waiting": 1}
    assert summary["decided_by"] == {"local:wordllama": 2, "model": 1}
    assert summary["waiting"] == [{"index": 2, "run": "r2", "waits": ["approval"]}]
    assert summary["usage"] == {"asks": 3}
    text = "\n".join(table.lines())
    assert "local:wordllama 2 of 3 (67%)" in text
    assert "lev runs approve r2" in text


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["done"], 0),
        (["done", "waiting"], 5),
        (["waiting", "denied"], 4),
        (["denied", "failed"], 3),
        (["done", "cancelled"], 3),
    ],
)
def test_the_gravest_row_is_the_exit_code(statuses: list[str], code: int) -> None:
    """failed > denied > waiting > done."""
    assert Table.of(row(n, status=status) for n, status in enumerate(statuses)).exit_code == code
