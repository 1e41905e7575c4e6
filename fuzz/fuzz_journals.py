"""Journals: as bytes, and as somebody could have written them, with every line rightly chained.

The input is a record a line, without `seq`, `prev` and `digest`: the journal itself adds those. The seeds are runs.
"""

import contextlib

import atheris

with atheris.instrument_imports(include=["lev_os"]):
    import dataclasses
    import hashlib
    import random
    import tempfile
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    import harness
    import msgspec
    from lev_os.core.bidirectional import run_sync
    from lev_os.core.bidirectional.journal import read_journal
    from lev_os.core.bidirectional.replaying import describe, replay
    from lev_os.core.constitutional import Check, Constitution, Gate, Principle, audit
    from lev_os.core.flowmind import Flow
    from lev_os.core.tools import tool
    from lev_os.core.traces import as_html, read_run

MEMORY = Path("/dev/shm")  # on a disk, most of the time would go into opening files
FOLDER = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
RAW, CHAINED = FOLDER / "raw.jsonl", FOLDER / "chained.jsonl"
HEAD = "flowmind: 1\nname: f\ninput: {n: {type: integer, default: 1}}\nsteps:\n"
FLOWS = (
    HEAD + "  - return: '${input.n}'\n",
    HEAD + "  - {id: a, ask: 'Q?', returns: {x: string}}\n  - {wait: w}\n",
    HEAD + "  - if_semantic: angry\n    about: x\n    then: []\n    else: []\n    uncertain: []\n"
    "  - parallel: {l: [{call: ./tools/fails, with: {n: 1}}], r: [{wait: w}]}\n",
)
NOTICED = Principle(
    id="P-1", statement="s", checks=(Check(kind="regex", argument="Q"),), on_violation="warn", authority="default"
)
READERS: tuple[Callable[[Path], object], ...] = (
    describe,
    replay,
    lambda path: as_html(read_run(path)),
    lambda path: list(audit.read(read_journal(path))),
)
STRANGE = (
    None, True, -1, 0, 2**53, 1e308, -0.5, "", "x", "pre", "ask", "failed", "result", "outcome", "<b>", "\x00", [], {},
    [None], {"x": []}, {"kind": "tool", "message": "m"}, {"value": 1}, {"added": [{}]},
)  # fmt: skip


@tool(effects=())
async def fails(n: int) -> int:
    """Never succeeds."""
    raise RuntimeError(str(n))


async def answer(request: Any) -> dict[str, Any]:
    return {"answer": {"x": "y"}, "usage": {"input_tokens": 3, "output_tokens": 1, "cost": 0.1}}


def seed(number: int, text: str) -> str:
    """What a run of this flow wrote, a record a line; with one principle, so that there is room to change things."""
    path = FOLDER / f"seed{number}.jsonl"
    tools = {"./tools/fails": fails}
    flow = dataclasses.replace(Flow.parse(text).link(tools=tools), constitutions=())
    gate = Gate(Constitution.of((NOTICED,), name="c"))
    run_sync(flow, journal=path, gate=gate, model=answer, tools=tools, judge=False, fsync=False)
    lines = [harness.decode(line) for line in path.read_bytes().splitlines()]
    kept = [{name: line[name] for name in ("at", "type", "key", "attempt", "body")} for line in lines]
    return msgspec.json.Encoder().encode_lines(kept).decode()


def chained(data: bytes) -> bytes:
    """The lines as a journal's, whatever they hold."""
    prev, lines = b"null", []
    for number, line in enumerate(data.splitlines()):
        content = b'{"seq":%d,' % number + line[1:-1] + b',"prev":' + prev
        digest = b'"sha256:' + hashlib.sha256(content + b"}").hexdigest().encode() + b'"'
        lines.append(content + b',"digest":' + digest + b"}\n")
        prev = digest
    return b"".join(lines)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value where another value could stand: what holds it, and its name or index."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, one in inside for place in [(value, name), *places(one)]]


def change(data: bytes, dice: random.Random) -> bytes:
    """Another value somewhere in a record, one taken out, or one that comes from elsewhere in the run."""
    lines = data.splitlines()
    at = dice.randrange(len(lines) or 1)
    try:
        record, other = harness.decode(lines[at]), harness.decode(dice.choice(lines))
    except (IndexError, ValueError):
        return data
    holders, theirs = places(record), places(other)
    if not holders:
        return data
    holder, name = dice.choice(holders)
    if dice.random() < 0.3:
        del holder[name]
    elif theirs and dice.random() < 0.3:
        source, which = dice.choice(theirs)
        holder[name] = source[which]
    else:
        holder[name] = dice.choice(STRANGE)
    lines[at] = msgspec.json.encode(record)
    return b"\n".join(lines)


def target(data: bytes) -> None:
    """What is read, replayed, shown and audited is a run, or is refused."""
    RAW.write_bytes(data)
    CHAINED.write_bytes(chained(data))
    with contextlib.suppress(harness.LevError):
        read_journal(RAW)
    for read in READERS:
        with contextlib.suppress(harness.LevError):
            read(CHAINED)


if __name__ == "__main__":
    seeds = [seed(number, text) for number, text in enumerate(FLOWS)]
    harness.run("journals", target, seeds, ('"body":', "null", "1e999", "\x00"), change)
