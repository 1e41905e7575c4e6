"""The package that the examples of these rules break, one place at a time."""

from __future__ import annotations

from collections.abc import Mapping

from ...rule import Example

MANIFEST = 'format = 1\nconstitution = "./constitution.yaml"\n'
SOUND = """\
constitution: 1
name: acme
principles:
  - id: ACME-001
    statement: Nobody deletes an account.
    checks:
      - forbid_tool: ["*/tools/delete_account"]
    tests:
      violates:
        - {tool: acme/tools/delete_account}
        - {tool: acme/tools/delete_account, args: {id: "7"}}
      complies:
        - {tool: acme/tools/find_account}
        - {tool: acme/tools/open_ticket}
"""
_FILE = "acme/constitution.yaml"


def package(text: str = SOUND, *, at: str | None = None, files: Mapping[str, str] | None = None) -> Example:
    """A package with this constitution; the finding is where `at` stands in it first."""
    where = None if at is None else place(_FILE, text, at)
    return Example({"acme/lev.toml": MANIFEST, _FILE: text, **(files or {})}, where)


def changed(old: str, new: str, *, at: str | None = None, files: Mapping[str, str] | None = None) -> Example:
    """The sound constitution with one passage changed."""
    assert old in SOUND, old
    return package(SOUND.replace(old, new, 1), at=at, files=files)


def place(file: str, text: str, fragment: str) -> tuple[str, int, int]:
    """File, line and column of a fragment's first character; a `¶` in it stands before the character meant."""
    before, _, after = fragment.rpartition("¶")
    offset = text.index(before + after) + len(before)
    return file, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
