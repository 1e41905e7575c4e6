"""`lev memory`: from adding to erasing, on the memory of a project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]
WORDS = ("--embedder", "none")


def add(lev: Lev, text: str, *options: str) -> str:
    said = lev("memory", "add", text, *options, *WORDS)
    assert said.code == 0, said.err
    return str(said.out.strip())


def test_what_is_added_is_found_and_explained(lev: Lev, tmp_path: Path) -> None:
    """The memory lies in the project; a search prints a table, `why` the parts of each score."""
    id = add(lev, "Ada takes her tea without milk", "--type", "semantic", "--user", "ada")
    assert id == add(lev, "Ada takes her tea without milk", "--type", "semantic", "--user", "ada")
    add(lev, "Bob drinks coffee", "--user", "bob")
    assert (tmp_path / ".lev" / "memory.db").is_file()
    found = lev("memory", "search", "tea", "--user", "ada", *WORDS)
    assert found.out.split()[1:3] == [id, "semantic"]
    assert "Bob" not in found.out
    assert "raw_bm25" in lev("memory", "why", "tea", "--user", "ada", *WORDS).out
    assert lev("memory", "search", "tea", "--json", *WORDS).json[0]["record"]["text"].startswith("Ada")
    assert lev("memory", "search", "tea", "--tenant", "other", *WORDS).out == ""


def test_forgetting_can_be_undone_and_erasing_cannot(lev: Lev) -> None:
    """`history` keeps the reasons until `erase` leaves nothing but that something was erased."""
    id = add(lev, "tea")
    assert lev("memory", "forget", id, "--reason", "a mistake").code == 0
    assert lev("memory", "search", "tea", *WORDS).out == ""
    assert "a mistake" in lev("memory", "history", id).out
    assert lev("memory", "restore", id).code == 0
    assert "text" not in lev("memory", "show", id).out.split("\n\n")[0]
    refused = lev("memory", "erase", id)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert lev("memory", "erase", id, "--yes").out == "erased 1 records\n"
    assert lev("memory", "history", id, "--json").json[0]["op"] == "erase"
    assert lev("memory", "show", id).code == 2


def test_erasing_tells_what_went_along(lev: Lev) -> None:
    """A fact that was made of the erased record goes with it."""
    id = add(lev, "Ada: I live in Rome.", "--session", "s1")
    assert lev("memory", "consolidate", *WORDS).code == 0
    told = lev("memory", "erase", id, "--yes").out
    assert told == "erased 2 records, 1 of them derived from the others\n"
    assert "Rome" not in lev("memory", "export").out
    assert lev("memory", "erase", id, "--yes", "--json").json == {"erased": [], "derived": []}


@pytest.mark.parametrize(
    "url", ["sqlite:///no/m.db", "files:///no/folder?commit=1", "hybrid:sqlite:///no/m.db|memory://"]
)
def test_looking_makes_no_memory(lev: Lev, tmp_path: Path, url: str) -> None:
    """Where there is none, a mistyped address say, it is told; what is there of it is nothing."""
    for command in (["stats"], ["search", "tea"], ["export"], ["show", "x"], ["erase", "--everything", "--yes"]):
        said = lev("memory", *command, "--memory", url, *WORDS)
        assert f"there is no memory yet at {url.partition('|')[0]}\n" in said.err
    assert lev("memory", "migrate", url, "files:///target", *WORDS).code == 2
    assert lev("memory", "stats", *WORDS).code == 0
    assert [path for path in ("no", "target", ".lev/memory.db") if (tmp_path / path).exists()] == []
    assert lev("memory", "add", "tea", "--memory", url, *WORDS).code == 0
    assert (tmp_path / "no").exists()


def test_a_question_about_a_time(lev: Lev) -> None:
    """`as-of` answers with what was true then."""
    add(lev, "Ada lives in Rome", "--since", "2026-05-07")
    assert lev("memory", "as-of", "2026-05-06", "Ada", *WORDS).out == ""
    assert "Rome" in lev("memory", "as-of", "2026-05-08", "Ada", *WORDS).out
    assert lev("memory", "as-of", "2020-01-01", "Ada", "--known", *WORDS).out == ""
    wrong = lev("memory", "as-of", "yesterday", "Ada")
    assert (wrong.code, "2026-05-07" in wrong.err) == (2, True)


def test_a_memory_is_exported_imported_and_moved(lev: Lev, tmp_path: Path) -> None:
    """Lines of JSON, and a folder of files: nothing is lost on the way."""
    for text in ("tea", "coffee"):
        add(lev, text)
    exported = lev("memory", "export").out
    (tmp_path / "all.jsonl").write_text(exported, encoding="utf-8")
    assert lev("memory", "import", "all.jsonl", "--tenant", "copy", *WORDS).out == "took in 2 changes\n"
    assert lev("memory", "export", "--tenant", "copy").out == exported.replace('"local"', '"copy"')
    moved = lev("memory", "migrate", "sqlite:///.lev/memory.db", "files:///notes", *WORDS)
    assert moved.out == "2 records are in both, 2 changes were new\n"
    assert len(list((tmp_path / "notes" / "local" / "episodic").glob("*.md"))) == 2
    stats = lev("memory", "stats", "--memory", "files:///notes", "--json", *WORDS).json
    assert stats["by_type"] == {"episodic": 2}


def test_tidying_shows_its_plan_first(lev: Lev) -> None:
    """A dry run changes nothing; afterwards there is a fact, and nothing left to tidy."""
    add(lev, "Ada: I live in Rome.", "--session", "s1", "--user", "ada")
    planned = lev("memory", "consolidate", "--dry-run", *WORDS).out
    assert "Ada lives in Rome" in planned
    assert lev("memory", "search", "Rome", "--type", "semantic", *WORDS).out == ""
    assert lev("memory", "consolidate", *WORDS).out == planned
    assert "Ada lives in Rome" in lev("memory", "search", "Rome", "--type", "semantic", *WORDS).out
    assert lev("memory", "consolidate", *WORDS).out == "nothing to tidy\n"


def test_an_index_is_made_again(lev: Lev) -> None:
    """What was found is found afterwards."""
    add(lev, "tea")
    assert lev("memory", "reindex", *WORDS).code == 0
    assert "tea" in lev("memory", "search", "tea", *WORDS).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("search", "x", "--memory", "nonsense"), "names no memory"),
        (("search", "x", "--memory", "sqlite://memory.db"), "three slashes"),
        (("show", "nothing"), "there is no record nothing"),
        (("forget", "nothing"), "no record 'nothing'"),
        (("add", "x", "--tenant", ""), "`tenant` must be text"),
        (("erase", "--yes"), "--everything"),
        (("import", "nowhere.jsonl"), "does not exist"),
        (("migrate", "sqlite:///typo.db", "files:///notes"), "there is no memory at sqlite:///typo.db"),
        (("as-of", "0001-01-01T00:00:00+05:00", "tea"), "no time that can be kept"),
    ],
)
def test_mistakes_are_said_with_the_way_out(lev: Lev, arguments: tuple[str, ...], says: str) -> None:
    """Exit code 2, one message, no traceback."""
    said = lev("memory", *arguments)
    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err


def test_bytes_that_are_no_export_are_named_at_their_line(lev: Lev, tmp_path: Path) -> None:
    """Also when they are no text at all."""
    (tmp_path / "x.jsonl").write_bytes(b'{"lev_memory":1}\n\xff\xfe\n')
    said = lev("memory", "import", "x.jsonl")
    assert (said.code, said.err.startswith("x.jsonl:2:1 MEM201")) == (2, True)


def test_markdown_and_other_memories(lev: Lev, tmp_path: Path) -> None:
    """A folder of Markdown comes back as it was; notes are taken in, and what is left out is said."""
    add(lev, "tea")
    exported = lev("memory", "export").out
    assert lev("memory", "export", "--format", "markdown").code == 2
    assert lev("memory", "export", "--format", "markdown", "--to", "md").code == 0
    assert lev("memory", "import", "md", "--tenant", "copy", *WORDS).out == "took in 1 changes\n"
    assert lev("memory", "export", "--tenant", "copy").out == exported.replace('"local"', '"copy"')
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("Ada sings.", encoding="utf-8")
    (tmp_path / "notes" / "a.png").write_bytes(b"")
    took = lev("memory", "import-from", "markdown", "notes", "--user", "ada", *WORDS)
    assert (took.out, took.err) == ("took in 1 of 1 changes\n", "left out: 1 files that are not Markdown\n")
    assert "Ada sings" in lev("memory", "search", "sings", "--user", "ada", *WORDS).out
    wrong = lev("memory", "import-from", "mem0", "nowhere", *WORDS)
    assert (wrong.code, "get_all" in wrong.err or "mem0" in wrong.err) == (2, True)


def test_a_backend_that_is_down_is_said(lev: Lev) -> None:
    """A search is answered by the others; that one was missing goes to stderr, and is no error."""
    pytest.importorskip("psycopg")
    url = ("--memory", "hybrid:sqlite:///m.db|postgresql://127.0.0.1:1/x")
    assert lev("memory", "add", "Ada drinks tea", *url, *WORDS).code == 0
    found = lev("memory", "search", "tea", *url, *WORDS)
    assert (found.code, "Ada drinks tea" in found.out) == (0, True)
    assert "MEM401 postgresql://127.0.0.1:1/x is down" in found.err
