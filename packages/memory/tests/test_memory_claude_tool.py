"""Claude's memory tool on a memory of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from lev_os.memory import Filter, MemoryManager, Record, Scope
from lev_os.memory.claude_tool import ClaudeMemoryTool

ADA = Scope(tenant="acme", user="ada")
Command = dict[str, Any]
OUTSIDE = ("/etc/passwd", "/memories/../etc", "memories/x", "/memories/a/../../x", "", "/", "/memoriesX")


def run(*commands: Command) -> tuple[list[str], Sequence[Record]]:
    """The answers to commands, and all records there are afterwards, retired ones included."""

    async def main() -> tuple[list[str], Sequence[Record]]:
        async with MemoryManager.open("memory://", embedder=None) as memory:
            tool = ClaudeMemoryTool(memory, ADA)
            answers = [await tool.run(command) for command in commands]
            return answers, (await memory.query(Filter(retired=True), scope=ADA)).records

    return asyncio.run(main())


def create(path: str, text: str) -> Command:
    return {"command": "create", "path": path, "file_text": text}


def view(path: str, **more: Any) -> Command:
    return {"command": "view", "path": path, **more}


def test_a_file_is_written_edited_and_read() -> None:
    """Create, replace, insert, view; the listing shows sizes."""
    answers, records = run(
        create("/memories/notes.md", "tea\nmilk\n"),
        {"command": "str_replace", "path": "/memories/notes.md", "old_str": "milk", "new_str": "sugar"},
        {"command": "insert", "path": "/memories/notes.md", "insert_line": 1, "insert_text": "lemon"},
        view("/memories/notes.md"),
        view("/memories/notes.md", view_range=[2, 2]),
        view("/memories"),
    )
    assert answers == [
        "File created successfully at: /memories/notes.md",
        "The memory file has been edited.",
        "The file /memories/notes.md has been edited.",
        "Here's the content of /memories/notes.md with line numbers:\n"
        "     1\ttea\n     2\tlemon\n     3\tsugar\n     4\t",
        "Here's the content of /memories/notes.md with line numbers:\n     2\tlemon",
        "Here're the files and directories up to 2 levels deep in /memories, excluding hidden items and node_modules:\n"
        "0.0K\t/memories\n0.0K\t/memories/notes.md",
    ]
    assert [record.text for record in records] == ["tea\nmilk\n", "tea\nsugar\n", "tea\nlemon\nsugar\n"]


def test_folders_are_renamed_and_deleted_as_a_whole() -> None:
    """What is deleted is retracted, and can be restored by the program."""
    answers, records = run(
        create("/memories/a/one.md", "1"),
        create("/memories/a/b/two.md", "2"),
        {"command": "rename", "old_path": "/memories/a", "new_path": "/memories/c"},
        view("/memories/c/b/two.md"),
        {"command": "delete", "path": "/memories/c"},
        view("/memories"),
    )
    assert answers[3].endswith("     1\t2")
    assert answers[4] == "Successfully deleted /memories/c"
    assert "one.md" not in answers[5]
    assert sum(record.expired_at is not None for record in records) == 2


def test_a_name_is_a_file_or_a_directory() -> None:
    """As on a disk: else deleting the one would delete the other."""
    answers, records = run(
        create("/memories/z/c/d.txt", "tea"),
        create("/memories/z", "a file where a directory is"),
        create("/memories/z/c/d.txt/e.txt", "a file below a file"),
        create("/memories/y.txt", "milk"),
        {"command": "rename", "old_path": "/memories/y.txt", "new_path": "/memories/z/c/d.txt/y.txt"},
        {"command": "rename", "old_path": "/memories/z", "new_path": "/memories/z/z"},
    )
    assert [answers[1], answers[2], *answers[4:]] == [
        "Error: /memories/z is a directory",
        "Error: /memories/z/c/d.txt is a file, so nothing can lie below it",
        "Error: /memories/z/c/d.txt is a file, so nothing can lie below it",
        "Error: /memories/z/z lies in /memories/z itself",
    ]
    assert [record.subject for record in records] == ["/memories/z/c/d.txt", "/memories/y.txt"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leads_out(path: str) -> None:
    """Every command refuses it, and nothing is written."""
    answers, records = run(
        create(path, "x"),
        view(path),
        {"command": "str_replace", "path": path, "old_str": "a", "new_str": "b"},
        {"command": "insert", "path": path, "insert_line": 0, "insert_text": "x"},
        {"command": "delete", "path": path},
        {"command": "rename", "old_path": path, "new_path": "/memories/x"},
        {"command": "rename", "old_path": "/memories/x", "new_path": path},
    )
    assert all("is not below /memories" in answer for answer in answers)
    assert records == ()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ({"command": "burn"}, "must be one of"),
        ({"command": "view"}, "missing"),
        (view("/memories/none.md"), "does not exist"),
        (view("/memories/x.md", view_range=[5, 9]), "Invalid `view_range`"),
        (create("/memories/x.md", "again"), "already exists"),
        ({"command": "str_replace", "path": "/memories/x.md", "old_str": "no", "new_str": ""}, "did not appear"),
        ({"command": "str_replace", "path": "/memories/x.md", "old_str": "t", "new_str": ""}, "in lines: 1, 2"),
        ({"command": "insert", "path": "/memories/x.md", "insert_line": 7, "insert_text": ""}, "[0, 2]"),
        ({"command": "delete", "path": "/memories"}, "does not exist"),
        ({"command": "rename", "old_path": "/memories/x.md", "new_path": "/memories/x.md"}, "already exists"),
    ],
)
def test_mistakes_are_answered(command: Command, says: str) -> None:
    """The model is told what is wrong, in the words it knows; the file stays as it is."""
    (_, answer), records = run(create("/memories/x.md", "tea\ntoast"), command)
    assert says in answer
    assert [record.text for record in records] == ["tea\ntoast"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": []},
        {"command": "create", "path": "/memories/b", "file_text": "\ud83d"},
        {"command": "create", "path": "/memories/b", "file_text": {}},
        {"command": "create", "path": "/memories/\ud83d", "file_text": "tea"},
        {"command": "view", "path": "/memories/a", "view_range": [1]},
        {"command": "insert", "path": "/memories/a", "insert_line": 0, "insert_text": 5},
        {"command": "str_replace", "path": "/memories/a", "old_str": "tea", "new_str": 5},
        {"command": "str_replace", "path": "/memories/a", "old_str": "tea", "new_str": "\ud83d"},
    ],
)
def test_whatever_a_model_sends_is_answered(wrong: Command) -> None:
    """What cannot be done is said in the answer, and changes nothing."""
    answers, records = run(create("/memories/a", "tea"), wrong)
    assert "rror" in answers[1]
    assert [record.text for record in records] == ["tea"]
