"""A power cut takes everything that had not been synced: what is left goes on, or says where it is damaged.

The disk of these tests has only what POSIX promises: the contents of a file as of its last `fsync`, and its name once
its folder was synced after it was made. What is written later may be there whole, in part, or as blocks of zeros.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driving import flow, open_gate
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core import ToolContext, tool
from lev_os.core.bidirectional import Run
from lev_os.core.bidirectional.journal import JournalDamaged

BLOCK = 512
STEPS = """
  - {id: a, call: ./tools/note, with: {what: a}}
  - {id: big, call: ./tools/big}
  - {id: sent, call: ./tools/send, with: {what: "${a}"}}
  - {id: b, call: ./tools/note, with: {what: "${sent}"}}
  - {id: reply, wait: reply, returns: {text: string}}
  - {id: c, call: ./tools/note, with: {what: "${reply.text}"}}
  - return: {c: "${c}", sent: "${sent}"}
"""
OUTPUT = {"c": "YES", "sent": "A sent"}


class Disk:
    """What a power cut would leave of the files below `root`."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._names: dict[Path, set[str]] = {}
        self._contents: dict[int, bytes] = {}
        """By inode: a file that is renamed takes its contents with it."""
        sync = os.fsync

        def synced(descriptor: int) -> None:
            sync(descriptor)
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            if path.is_dir():
                self._names[path] = set(os.listdir(path))
            else:
                self._contents[os.fstat(descriptor).st_ino] = path.read_bytes()

        monkeypatch.setattr(os, "fsync", synced)

    def left(self, path: Path) -> bytes | None:
        """The contents of a file after a cut that comes now; None when it has no name then."""
        for part in [path, *path.parents]:
            if part == self._root:
                break
            if part.name not in self._names.get(part.parent, ()):
                return None
        return self._contents.get(path.stat().st_ino, b"")


class World:
    """Tools that keep a ledger, and may look at the disk while they are called."""

    def __init__(self, look: Callable[[str], None] = lambda what: None) -> None:
        self.calls: list[tuple[str, str]] = []
        self.look = look

    @property
    def tools(self) -> dict[str, Any]:
        @tool(effects=(), idempotent=True)
        async def note(ctx: ToolContext[None], what: str) -> str:
            """Can be done again."""
            self.calls.append(("note", ctx.idempotency_key))
            return what.upper()

        @tool(effects=["irreversible"])
        async def send(ctx: ToolContext[None], what: str) -> str:
            """Cannot be taken back."""
            self.look("send")
            self.calls.append(("send", ctx.idempotency_key))
            return f"{what} sent"

        @tool(effects=(), idempotent=True)
        async def big() -> str:
            """Too large for the journal."""
            return "x" * (2 << 20)

        return {"./tools/note": note, "./tools/send": send, "./tools/big": big}


def begun(path: Path, world: World) -> Run:
    """The run as far as its wait."""
    run = Run.start(flow(STEPS), {}, run="r", journal=path, tools=world.tools, gate=open_gate())
    asyncio.run(run.advance())
    return run


def test_what_was_acknowledged_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before what cannot be undone, when it waits, when it was answered, and when it has ended; with its files."""
    disk = Disk(tmp_path, monkeypatch)
    path = tmp_path / ".lev/runs/r.jsonl"
    seen: list[str] = []

    def look(what: str) -> None:
        seen.append(what)
        assert disk.left(path) == path.read_bytes()

    with begun(path, World(look)) as run:
        assert seen == ["send"]
        assert disk.left(path) == path.read_bytes()
        (file,) = path.with_suffix(".files").iterdir()
        assert disk.left(file) == file.read_bytes()
        run.submit(run.waits[0].token, {"text": "yes"})
        assert disk.left(path) == path.read_bytes(), "an answer that was taken is kept"
        asyncio.run(run.advance())
        assert run.result.output == OUTPUT
        assert disk.left(path) == path.read_bytes()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[int], list[tuple[str, str]]]:
    """A whole journal, how much of it each sync had brought to the disk, and the calls of an undisturbed run."""
    folder, world, synced = tmp_path_factory.mktemp("whole"), World(), [0]
    path = folder / "r.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        sync = os.fsync

        def counted(descriptor: int) -> None:
            sync(descriptor)
            if os.readlink(f"/proc/self/fd/{descriptor}") == str(path):
                synced.append(path.stat().st_size)

        patch.setattr(os, "fsync", counted)
        with begun(path, world) as run:
            run.submit(run.waits[0].token, {"text": "yes"})
            asyncio.run(run.advance())
    return path.read_bytes(), synced, world.calls


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_a_cut_leaves_goes_on_or_is_refused_with_its_place(
    tmp_path_factory: pytest.TempPathFactory,
    history: tuple[bytes, list[int], list[tuple[str, str]]],
    data: st.DataObject,
) -> None:
    """What was synced is there; what came after it is cut anywhere, and some of its blocks are zeros."""
    whole, synced, calls = history
    index = data.draw(st.integers(1, len(synced) - 1), label="sync")
    safe = synced[index]
    end = data.draw(st.integers(safe, synced[index + 1] if index + 1 < len(synced) else len(whole)), label="end")
    blocks = range(-(-safe // BLOCK), -(-end // BLOCK))
    lost = data.draw(st.sets(st.sampled_from(blocks)) if blocks else st.just(set()), label="blocks of zeros")
    left = bytearray(whole[:end])
    for block in lost:
        at = slice(block * BLOCK, min((block + 1) * BLOCK, end))
        left[at] = bytes(at.stop - at.start)
    path = tmp_path_factory.mktemp("cut") / "r.jsonl"
    path.write_bytes(left)

    # A tail that is cut or all zeros is dropped, so only a hole in what was written is damage.
    if any(bytes(BLOCK // 2) in line for line in bytes(left).splitlines(keepends=True) if line.endswith(b"\n")):
        with pytest.raises(JournalDamaged) as refused:
            Run.resume(path)
        assert refused.value.line > whole[:safe].count(b"\n"), "what was synced is not damaged"
        assert path.read_bytes() == bytes(left), "a damaged journal is left as it is"
        return
    world = World()
    run = Run.resume(path, tools=world.tools)
    with run:
        asyncio.run(run.advance())
        if run.waits:
            run.submit(run.waits[0].token, {"text": "yes"})
            asyncio.run(run.advance())
        assert run.result.output == OUTPUT
    assert set(world.calls) <= set(calls), "the same keys"
    if b'"A sent"' in whole[:safe]:
        assert "send" not in dict(world.calls), "what had been done and recorded is not done again"
