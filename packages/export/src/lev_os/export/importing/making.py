"""The files of a package made out of what was taken, and writing them: all, or none."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lev_os.core.errors import LevError

from ..targets._parts import compact, kebab
from ..writing.committing import Operation, commit
from ..writing.paths import check_names
from .taken import Taken

__all__ = ["Made", "make"]

_EXPOSE = """\
from lev_os.core import expose

__getattr__, __dir__, __all__ = expose(__name__)
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the import name, the folder, and the files relative to it."""

    name: str
    root: Path
    files: tuple[str, ...]


def make(taken: Taken, *, name: str | None = None, into: Path | None = None) -> Made:
    """Write the package; raises `LevError` for a name that cannot be imported, and for a folder that is not empty."""
    distribution = kebab(name or taken.name)
    module = distribution.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module) or keyword.iskeyword(module) or module in sys.stdlib_module_names:
        raise LevError(f"{name or taken.name!r} is no name for a package", help="choose one with --name")
    root = into or Path(distribution)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise LevError(f"{root} exists and is not an empty folder", help="choose another with --out")
    files = dict(_files(taken, distribution, module))
    check_names(files)
    runs = {f"src/{module}/skills/{path}" for path in taken.executable}
    commit(root, [Operation(path, data, None, path in runs) for path, data in files.items()])
    return Made(module, root, tuple(sorted(files)))


def _files(taken: Taken, distribution: str, module: str) -> Iterator[tuple[str, bytes]]:
    description = " ".join(taken.description.split()) or f"What {distribution} knows, for language models."
    source = f"src/{module}"
    yield "pyproject.toml", _project(taken, distribution, module, description).encode()
    yield "README.md", f"# {distribution}\n\n{description}\n".encode()
    yield f"{source}/__init__.py", f'"""{_plain(description)}"""\n'.encode()
    yield f"{source}/py.typed", b""
    yield f"{source}/lev.toml", _manifest(taken, module, description).encode()
    for folder, there in (("contexts", taken.contexts), ("flows", taken.flows)):
        if there:
            yield f"{source}/{folder}/__init__.py", _EXPOSE.encode()
    for name, data in taken.contexts.items():
        yield f"{source}/contexts/{name}.md", data
    for name, text in taken.flows.items():
        yield f"{source}/flows/{name}.yaml", text.encode()
    for name, files in taken.skills.items():
        for path, data in files.items():
            yield f"{source}/skills/{name}/{path}", data


def _project(taken: Taken, distribution: str, module: str, description: str) -> str:
    license_ = f"license = {compact(taken.license)}\n" if taken.license else ""
    version = taken.version if re.fullmatch(r"\d+(\.\d+)*([ab]\d+|rc\d+)?", taken.version) else "0.1.0"
    return (
        f'[project]\nname = "{distribution}"\nversion = "{version}"\ndescription = {compact(description)}\n'
        f'readme = "README.md"\nrequires-python = ">=3.11"\n{license_}dependencies = ["lev-os-core>=0.1,<0.2"]\n\n'
        f'[project.entry-points."lev_os.packages"]\n{module} = "{module}"\n\n'
        '[build-system]\nrequires = ["uv_build>=0.9,<0.14"]\nbuild-backend = "uv_build"\n'
    )


def _manifest(taken: Taken, module: str, description: str) -> str:
    lines = ["format = 1", f'name = "{module}"', f"description = {compact(description)}", "", "[exports]"]
    if "index" in taken.contexts:
        index = '"./contexts/index.md"'
        lines.append(f'"." = {{ llm-first = {index}, python = "{module}", default = {index} }}')
    if taken.contexts:
        lines.append(f'"./contexts/*" = {{ llm = "./contexts/*.md", python = "{module}.contexts:*" }}')
    if taken.flows:
        lines.append(f'"./flows/*" = {{ llm = "./flows/*.yaml", python = "{module}.flows:*" }}')
    if taken.skills:
        lines.append('"./skills/*" = { llm = "./skills/*/SKILL.md" }')
    return "\n".join([*lines, ""])


def _plain(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")
