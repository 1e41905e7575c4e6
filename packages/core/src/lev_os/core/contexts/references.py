"""The links of a context, mapped to what they point at: contexts, code, files, other packages.

References are ordinary relative links, so a context renders anywhere. A link that leads nowhere is a problem that
the context carries, not an error: files of other tools load unchanged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from ..documents import nearest
from ..errors import Location, Problem
from .markdown import Link, Span
from .signatures import Signature, read_signatures

if TYPE_CHECKING:
    from ..packaging import Package

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#|/")
_MAX_SOURCE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """One link. `target` is as written, `path` the file it names, `specifier` the `lev://` name without the scheme.

    A `code` reference has `object` (`refund`, `Client.refund`) and, when it exists, `signature`. `problem` says
    why a reference leads nowhere.
    """

    kind: Literal["context", "code", "file", "package"]
    target: str
    label: str
    at: Location
    span: Span
    path: Path | None = None
    specifier: str | None = None
    object: str | None = None
    signature: Signature | None = None
    problem: Problem | None = None


def read_reference(link: Link, at: Location, *, file: Path | None, package: Package | None) -> Reference | None:
    """What `link` points at; None for web addresses, anchors and absolute paths."""
    target = link.target.split("#", 1)[0].split("?", 1)[0]
    if link.target.startswith("lev://"):
        return Reference("package", link.target, link.label, at, link.span, specifier=target.removeprefix("lev://"))
    if not target or _URL.match(link.target):
        return None
    found = Reference(_kind(target, link), link.target, link.label, at, link.span)
    if found.kind == "code":
        found = replace(found, object=re.sub(r"\(.*\)\Z", "", link.label))
    if file is None:
        return found
    path = file.parent / unquote(target)
    root = package.root if package is not None else file.parent
    if not _inside(path, root):
        return replace(found, problem=_leaves(found, package)) if package is not None else found
    found = replace(found, path=path)
    if not _exists(path):
        return replace(found, problem=_missing(found, path))
    return _with_signature(found, path) if found.kind == "code" else found


def _kind(target: str, link: Link) -> Literal["context", "code", "file"]:
    if target.endswith(".py") and link.code:
        return "code"
    return "context" if target.endswith(".md") else "file"


def _inside(path: Path, root: Path) -> bool:
    """Symbolic links count as what they point at; a path the system cannot even name is outside."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def _exists(path: Path) -> bool:
    """False too for a name that the system refuses, such as one that is too long."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _with_signature(found: Reference, path: Path) -> Reference:
    name = found.object or ""
    try:
        if not path.is_file():
            return replace(found, problem=_problem(found, f"`{found.target}` is not a file", None))
        if path.stat().st_size > _MAX_SOURCE:
            return replace(found, problem=_problem(found, f"`{found.target}` is too large to read", None))
        signatures = read_signatures(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        return replace(found, problem=_problem(found, f"`{found.target}` cannot be read: {error}", None))
    signature = signatures.get(name)
    if signature is not None:
        return replace(found, signature=signature)
    message = f"`{name}` does not exist in {found.target}"
    return replace(found, problem=_problem(found, message, nearest(name, signatures)))


def _missing(found: Reference, path: Path) -> Problem:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        names = []
    return _problem(found, f"`{found.target}` does not exist", nearest(path.name, names), "CTX302")


def _leaves(found: Reference, package: Package | None) -> Problem:
    message = f"`{found.target}` leads out of the package"
    return _problem(found, message, "across packages, link to lev://package/…", "CTX303")


def _problem(found: Reference, message: str, help_: str | None, code: str = "CTX301") -> Problem:
    return Problem(code, message, found.at, help=help_, severity="warning")
