"""The `exports` of `package.json`: who asks for a name gets which file, and where the files lie.

Conditions are asked in order, so `llm` stands first; inside it `import` and `require` lead to the same modules as
without it. `node --conditions=llm`, which holds for the whole process, therefore breaks no program, while a resolver
for models, which asks for neither, gets the Markdown or YAML.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from .parts import Part, Raw

_SUFFIXES = {"context": "Context", "personality": "Context", "skill": "Skill", "flow": "Flow", "tool": "Tool"}


class Paths:
    """Where modules (`dist/…`) and the files for models (`llm/…`) lie; no two on one path, on any file system."""

    def __init__(self) -> None:
        self._taken: set[str] = {"dist/index", "dist/types"}
        self._raw: dict[Raw, str] = {}

    def module(self, subpath: str) -> str:
        """A new module, without its ending. Its name is plain ASCII: only `exports` refers to it."""
        return self._fresh("dist/" + re.sub(r"[^A-Za-z0-9/_-]", "_", subpath.removeprefix("./")), "")

    def raw(self, raw: Raw) -> str:
        """The place of a file for models: its path in the package, where links between files still lead."""
        if raw not in self._raw:
            stem, dot, ending = raw.path.rpartition(".")
            self._raw[raw] = self._fresh(f"llm/{stem or ending}", dot + ending if stem else "")
        return self._raw[raw]

    def _fresh(self, stem: str, ending: str) -> str:
        found, number = stem, 2
        while _folded(found + ending) in self._taken:
            found, number = f"{stem}-{number}", number + 1
        self._taken.add(_folded(found + ending))
        return found + ending


def _folded(path: str) -> str:
    """Paths that some file system takes for one another are equal."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())


def entry(module: str, *, on_request: str | None, first: str | None, raw: str | None) -> dict[str, Any]:
    """The targets of one name: `first` and `raw` are files for models, `on_request` a module of its own for `llm`."""
    found: dict[str, Any] = {}
    if first is not None:
        found["llm-first"] = {**_modules(module), "default": f"./{first}"}
    if raw is not None:
        found["llm"] = {**_modules(on_request or module, types=module), "default": f"./{raw}"}
    return {**found, **_modules(module), "default": f"./{module}.js"}


def _modules(module: str, types: str | None = None) -> dict[str, Any]:
    types = types or module
    return {
        "import": {"types": f"./{types}.d.ts", "default": f"./{module}.js"},
        "require": {"types": f"./{types}.d.cts", "default": f"./{module}.cjs"},
    }


def index_names(parts: Mapping[str, Part]) -> dict[str, str]:
    """A JavaScript name for each module: `refundPolicyContext`, `triageFlow`; a number follows where two are alike."""
    found: dict[str, str] = {}
    for module, part in parts.items():
        subpath = part.export.subpath.removeprefix("./")
        folder, _, rest = subpath.partition("/")
        suffix = _SUFFIXES.get(part.export.kind, "Document")
        stem = _camel(subpath if suffix == "Document" else rest or folder) + suffix
        name, number = stem, 2
        while name in found:
            name, number = f"{stem}{number}", number + 1
        found[name] = module
    return found


def _camel(text: str) -> str:
    """`personalities/wise-one` as `personalitiesWiseOne`: letters and digits that a name may hold."""
    kept = "".join(
        character if f"a{character}".isidentifier() and character != "_" else " "
        for character in unicodedata.normalize("NFC", text)
    )
    words = kept.split()
    joined = "".join([word if number == 0 else word[:1].upper() + word[1:] for number, word in enumerate(words)])
    joined = joined[:1].lower() + joined[1:]
    return joined if joined.isidentifier() else f"x{joined}"
