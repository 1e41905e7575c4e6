"""Approving contexts of dependencies, from the first look to a release that changes one."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.check import check
from lev_os.check.approvals import approve, read_lock
from lev_os.check.rules.security.approved import DIGEST, PROJECT
from lev_os.core.errors import InvalidInput

TONE = ".venv/lib/python3.11/site-packages/acme/contexts/tone.md"
NAME = "acme/contexts/tone"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose flow loads a context of an installed package."""
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(project: Path) -> list[tuple[str, str]]:
    """The findings on approvals: code and severity."""
    return [(item.code, item.severity) for item in check([project], select=["SEC50"]).diagnostics]


def test_new_approved_changed(project: Path) -> None:
    """First nobody has approved it, then it is, then a release changes it."""
    assert said(project) == [("SEC502", "info")]
    approve(project / "lev.lock", {NAME: DIGEST})
    assert said(project) == []
    (project / TONE).write_text("Be rude.\n")
    assert said(project) == [("SEC501", "error")]


def test_the_rest_of_the_lock_stays(tmp_path: Path) -> None:
    """What others wrote into lev.lock is kept, wherever `[approved]` stands."""
    lock = tmp_path / "lev.lock"
    lock.write_text('# kept\n[bundle]\ntokens = 5\n\n[approved]\n"a/contexts/b" = "' + DIGEST + '"\n\n[other]\nx = 1\n')
    approve(lock, {NAME: DIGEST})
    text = lock.read_text()
    assert set(read_lock(lock)) == {"a/contexts/b", NAME}
    assert text.startswith("# kept\n[bundle]\ntokens = 5\n")
    assert text.endswith("[other]\nx = 1\n")
    approve(lock, {NAME: DIGEST})
    assert lock.read_text() == text


@pytest.mark.parametrize("text", ["[approved\n", '[approved]\na = "md5:1"\n', "approved = 3\n", "\x00"])
def test_a_lock_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    """It is an error that says where, never an empty list of approvals."""
    (tmp_path / "lev.lock").write_text(text)
    with pytest.raises(InvalidInput, match=r"lev\.lock:1:\d+ SEC503"):
        read_lock(tmp_path / "lev.lock")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"[bundle]\n[approved\n", ("lev.lock", 2, 10)),
        (b'[approved]\na = "md5:1"\n', ("lev.lock", 1, 1)),
        (b"\xff\x00", ("mine/flows/reply.yaml", 4, 11)),
    ],
)
@pytest.mark.parametrize("path", [".", "mine/flows"])
def test_a_lock_is_wrong_where_it_is_wrong(project: Path, text: bytes, place: tuple[str, int, int], path: str) -> None:
    """In the lock, whatever is checked; one that is no text, where it is needed."""
    (project / "lev.lock").write_bytes(text)
    (found,) = check([path], select=["SEC503"]).diagnostics
    assert (found.file, found.line, found.column) == place
