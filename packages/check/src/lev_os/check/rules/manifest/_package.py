"""The package that the examples of rules on manifests change."""

from __future__ import annotations

from collections.abc import Mapping

from ...rule import Example
from .._place import place

SOUND = {
    "acme/__init__.py": "",
    "acme/lev.toml": (
        'format = 1\ndescription = "A support desk."\n\n[exports]\n'
        '"./contexts/*" = { llm = "./contexts/*.md" }\n"./tools/*" = { python = "acme.tools:*" }\n'
    ),
    "acme/contexts/tone.md": "---\ndescription: How we write.\n---\nBe brief.\n",
    "acme/tools.py": (
        "from lev_os.core import tool\n\n\n@tool(effects=())\ndef add(a: int, b: int) -> int:\n"
        '    """Add two numbers."""\n    return a + b\n'
    ),
}


def sound() -> Example:
    """The package in which everything is in order."""
    return Example(SOUND)


def manifest(old: str, new: str, at: str | None = None, files: Mapping[str, str] | None = None) -> Example:
    """The package with one passage of its manifest changed; the finding is where `at` stands in it."""
    return changed("acme/lev.toml", old, new, at, files)


def changed(file: str, old: str, new: str, at: str | None = None, files: Mapping[str, str] | None = None) -> Example:
    """The package with one passage of a file changed, and more files; the finding is in that file."""
    assert old in SOUND[file], old
    text = SOUND[file].replace(old, new, 1)
    return Example({**SOUND, file: text, **(files or {})}, None if at is None else place(file, text, at))


def added(files: Mapping[str, str], file: str | None = None, at: str = "") -> Example:
    """The package with more files; the finding is in one of them, or in the manifest."""
    every = {**SOUND, **files}
    return Example(every, None if file is None else place(file, every[file], at))
