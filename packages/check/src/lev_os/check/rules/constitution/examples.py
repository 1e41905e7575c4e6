"""The package that the examples of these rules break, one place at a time."""

from __future__ import annotations

from collections.abc import Mapping

from ...rule import Example
from .._place import place

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
