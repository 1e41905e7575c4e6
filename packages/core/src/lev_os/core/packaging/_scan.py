"""Reading environments and projects from disk, in one pass and without parsing what cannot matter.

A distribution counts if its `entry_points.txt` has our group or its `RECORD` lists a `SKILL.md` under
`.agents/skills`; both are told by a search for a few bytes before anything is parsed.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import LevError
from ._files import path_fault, read_text

_GROUP = b"lev_os.packages"
_SKILL = b"/.agents/skills/"
_SKILL_PATH = re.compile(r"([A-Za-z0-9_./]+?)/\.agents/skills/([^/]+)/SKILL\.md")
_IMPORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_MAX_RECORD = 64 * 1024 * 1024
_MAX_METADATA = 1024 * 1024
_MAX_MEMBERS = 2000


class Found(msgspec.Struct, frozen=True, array_like=True):
    """A package as it was found, not yet read."""

    name: str
    root: str
    source: Literal["entry-point", "editable", "workspace", "wheel-skills", "path"]
    version: str | None = None
    distribution: str | None = None
    skills: tuple[str, ...] | None = None
    error: str | None = None


@dataclass
class Scan:
    """What was found, what it was made from (`stamps`: path -> mtime in ns), and what could not be used."""

    found: list[Found] = field(default_factory=list)
    stamps: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def stamp(self, path: str) -> bool:
        """Remember the state of a path; whether it exists. A missing one is remembered as 0."""
        self.stamps[path] = when = modified(path)
        return when != 0


def modified(path: str) -> int:
    """The modification time in nanoseconds; 0 for what is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0


def scan(paths: Iterable[str]) -> Scan:
    """Look through site-packages folders, environments, projects and package folders, the first of a name winning."""
    result = Scan()
    for path in paths:
        if not result.stamp(path):
            continue
        if result.stamp(os.path.join(path, "lev.toml")):
            result.found.append(_of_folder(path))
            continue
        if result.stamp(os.path.join(path, "pyvenv.cfg")):
            from .discovery import site_packages

            for site in site_packages(Path(path)):
                result.stamp(str(site))
                _scan_site(str(site), result)
            continue
        if result.stamp(os.path.join(path, "pyproject.toml")):
            _scan_workspace(path, result)
        _scan_site(path, result)
    result.found = list(_merged(result))
    return result


def _of_folder(path: str) -> Found:
    from .loading import import_name

    return Found(import_name(Path(path)), path, "path")


def _merged(result: Scan) -> Iterator[Found]:
    """One entry for each name: the first, with the skills that its wheel declares."""
    rank = {"path": 0, "editable": 1, "entry-point": 1, "workspace": 2, "wheel-skills": 3}
    chosen: dict[str, Found] = {}
    for item in sorted(result.found, key=lambda item: rank[item.source]):
        first = chosen.setdefault(item.name, item)
        if first is item:
            continue
        if os.path.realpath(first.root) != os.path.realpath(item.root):
            result.warnings.append(f"{item.name} is found twice: {first.root} is used, {item.root} is not")
        elif first.skills is None and item.skills is not None and first.source not in {"editable", "workspace"}:
            chosen[item.name] = msgspec.structs.replace(first, skills=item.skills)
    return iter(sorted(chosen.values(), key=lambda item: item.name))


def _scan_site(site: str, result: Scan) -> None:
    try:
        with os.scandir(site) as entries:
            names = [entry.name for entry in entries]
    except OSError as error:
        if not isinstance(error, NotADirectoryError):
            result.warnings.append(f"{site} cannot be listed: {error.strerror}")
        return
    links = None
    for name in sorted(names):
        if not name.endswith(".dist-info"):
            continue
        info = f"{site}/{name}"
        announced = _read(f"{info}/entry_points.txt", _MAX_METADATA)
        if announced is not None and _GROUP in announced:
            links = _links(site, names, result) if links is None else links
            _announced(site, info, announced, links, result)
        record = _read(f"{info}/RECORD", _MAX_RECORD)
        if record is not None and _SKILL in record:
            _recorded(site, info, record, result)


def _read(path: str, limit: int) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        if size > limit:
            return None
        data = os.read(descriptor, size + 1)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _links(site: str, names: Iterable[str], result: Scan) -> list[str]:
    """Folders that the `.pth` files of a site-packages folder add to the path; lines that run code are ignored."""
    folders = []
    for name in sorted(names):
        if name.endswith(".pth"):
            result.stamp(f"{site}/{name}")
            data = _read(f"{site}/{name}", _MAX_METADATA) or b""
            for line in data.decode("utf-8", "replace").splitlines():
                line = line.strip()
                if line and not line.startswith(("#", "import ", "import\t")) and "\x00" not in line:
                    folders.append(os.path.join(site, line))
    return folders


def _identity(info: str) -> tuple[str, str | None]:
    """Distribution and version, from the name of its `.dist-info` folder."""
    distribution, _, version = os.path.basename(info).removesuffix(".dist-info").partition("-")
    return distribution, version or None


def _announced(site: str, info: str, data: bytes, links: list[str], result: Scan) -> None:
    result.stamp(f"{info}/entry_points.txt")
    distribution, version = _identity(info)
    editable = _editable_project(info)
    for name in _entry_points(data.decode("utf-8", "replace")):
        if not _IMPORT_NAME.fullmatch(name):
            result.warnings.append(f"{distribution} announces {name[:80]!r}, which is not an import name")
            continue
        relative = name.replace(".", "/")
        bases = [site, *links, *([editable, f"{editable}/src"] if editable else [])]
        root = next((f"{base}/{relative}" for base in bases if os.path.isfile(f"{base}/{relative}/lev.toml")), None)
        if root is None:
            # The folder without its manifest, if there is one, is the better place to point at.
            root = next(
                (f"{base}/{relative}" for base in bases if os.path.isdir(f"{base}/{relative}")), f"{site}/{relative}"
            )
            error = f"{distribution} announces {name!r}, but there is no lev.toml in {root}"
            result.stamp(f"{root}/lev.toml")
            result.found.append(Found(name, root, "entry-point", version, distribution, error=error))
            continue
        inside = not editable and os.path.dirname(f"{root}/").startswith(site)
        result.found.append(Found(name, root, "entry-point" if inside else "editable", version, distribution))


def _entry_points(text: str) -> list[str]:
    """The values of our group (the part before `:` or `[`)."""
    names, inside = [], False
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("["):
            inside = line == f"[{_GROUP.decode()}]"
        elif inside and "=" in line:
            names.append(re.split(r"[:\[]", line.partition("=")[2])[0].strip())
    return names


def _editable_project(info: str) -> str | None:
    """The project folder of an editable installation (PEP 610), or None."""
    data = _read(f"{info}/direct_url.json", _MAX_METADATA)
    if data is None or b"editable" not in data:
        return None
    try:
        value = msgspec.json.decode(data)
        url, editable = value["url"], value["dir_info"]["editable"]
    except (msgspec.DecodeError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if editable is not True or not isinstance(url, str) or not url.startswith("file://"):
        return None
    from urllib.request import url2pathname

    try:
        return url2pathname(url.removeprefix("file://"))
    except (OSError, ValueError):
        return None


def _recorded(site: str, info: str, record: bytes, result: Scan) -> None:
    """Skills that a wheel's RECORD lists, for each import package that holds them."""
    result.stamp(f"{info}/RECORD")
    distribution, version = _identity(info)
    skills: dict[str, list[str]] = {}
    for line in record.decode("utf-8", "replace").splitlines():
        if "/.agents/skills/" not in line or "SKILL.md" not in line:
            continue
        try:
            path = next(csv.reader(io.StringIO(line)))[0]
        except (csv.Error, StopIteration, IndexError):
            continue
        match = _SKILL_PATH.fullmatch(path)
        package = match[1].replace("/", ".") if match else ""
        if match is None or not _IMPORT_NAME.fullmatch(package) or path_fault(f"./{match[2]}"):
            if path.endswith("/SKILL.md"):
                result.warnings.append(f"{distribution}: {path[:200]!r} in its RECORD is not a skill of a package")
            continue
        skills.setdefault(package, []).append(match[2])
    for package, names in skills.items():
        root = f"{site}/{package.replace('.', '/')}"
        result.found.append(Found(package, root, "wheel-skills", version, distribution, tuple(sorted(set(names)))))


def workspace_root(start: Path) -> Path | None:
    """The nearest folder upwards whose `pyproject.toml` declares a uv workspace, else the nearest with one at all."""
    nearest = None
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        data = _read(str(file), _MAX_METADATA)
        if data is not None:
            if b"tool.uv.workspace" in data:
                return folder
            nearest = nearest or folder
    return nearest


def _scan_workspace(root: str, result: Scan) -> None:
    """The packages of a project and, if it is a workspace, of its members."""
    for folder in (root, *_members(root, result)):
        result.stamp(os.path.join(folder, "pyproject.toml"))
        for item in scan_project(folder, result):
            result.found.append(item)


def _members(root: str, result: Scan) -> Iterator[str]:
    workspace = _table(_pyproject(root, result), "tool", "uv", "workspace")
    excluded = {match for pattern in _texts(workspace.get("exclude")) for match in _glob(root, pattern, result)}
    count = 0
    for pattern in _texts(workspace.get("members")):
        for folder in _glob(root, pattern, result):
            if folder not in excluded and os.path.isfile(os.path.join(folder, "pyproject.toml")):
                count += 1
                if count > _MAX_MEMBERS:
                    result.warnings.append(f"{root} has more than {_MAX_MEMBERS:,} members; the rest is left out")
                    return
                yield folder


def _glob(root: str, pattern: str, result: Scan) -> list[str]:
    """Folders that match a member pattern, below the root only; the folders that were listed are stamped."""
    if pattern.startswith(("/", "~")) or ".." in pattern.split("/") or "\x00" in pattern:
        result.warnings.append(f"{root}: the workspace pattern {pattern!r} leaves the project")
        return []
    folders = [root]
    for part in pattern.strip("/").split("/"):
        if part in {"", "."}:
            continue
        matched: list[str] = []
        for folder in folders:
            result.stamp(folder)
            matched.extend(_children(folder, part))
        folders = matched
    return folders


def _children(folder: str, part: str) -> Iterator[str]:
    import fnmatch

    if not set(part) & set("*?["):
        child = os.path.join(folder, part)
        if os.path.isdir(child):
            yield child
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return
    for name in names:
        if fnmatch.fnmatchcase(name, part) and not name.startswith("."):
            yield os.path.join(folder, name)


def scan_project(folder: str, result: Scan | None = None) -> list[Found]:
    """Import packages with a `lev.toml` in a project: its `src/` or itself, namespaces two levels deep."""
    result = Scan() if result is None else result
    project = _table(_pyproject(folder, result), "project")
    version = project.get("version") if isinstance(project.get("version"), str) else None
    distribution = project.get("name") if isinstance(project.get("name"), str) else None
    found = []
    for base in (os.path.join(folder, "src"), folder):
        for name in _packages_below(base, result):
            root = os.path.join(base, *name.split("."))
            found.append(Found(name, root, "workspace", version, distribution))
        if found:
            break
    return found


def _packages_below(base: str, result: Scan) -> Iterator[str]:
    if not result.stamp(base):
        return
    for first in _folders(base):
        path = os.path.join(base, first)
        if result.stamp(os.path.join(path, "lev.toml")):
            yield first
        elif not os.path.exists(os.path.join(path, "__init__.py")):
            result.stamp(path)
            for second in _folders(path):
                if result.stamp(os.path.join(path, second, "lev.toml")):
                    yield f"{first}.{second}"


def _folders(base: str) -> list[str]:
    try:
        with os.scandir(base) as entries:
            return sorted(entry.name for entry in entries if _IMPORT_NAME.fullmatch(entry.name) and entry.is_dir())
    except OSError:
        return []


def _pyproject(folder: str, result: Scan) -> dict[str, Any]:
    import tomllib

    path = Path(folder, "pyproject.toml")
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(read_text(path, limit=_MAX_METADATA))
    except (LevError, ValueError, RecursionError) as error:
        result.warnings.append(f"{path} cannot be read: {str(error)[:200]}")
        return {}


def _table(value: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
