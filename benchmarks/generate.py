"""Generated inputs, the same for every peer: export maps, and environments full of installed wheels."""

from __future__ import annotations

import base64
import hashlib
import random
import sys
from pathlib import Path
from typing import Any

CONDITIONS = ("llm", "default")


def export_cases(packages: int = 300, seed: int = 7) -> list[dict[str, Any]]:
    """Export maps as packages write them, each with subpaths to look up; a tenth of those is not exported."""
    draw = random.Random(seed)
    cases: list[dict[str, Any]] = []
    for _ in range(packages):
        exports: dict[str, Any] = {
            ".": {"llm": "./contexts/index.md", "import": "./index.js", "default": "./index.md"},
            "./contexts/*": {"llm": "./contexts/*.md", "types": "./contexts/*.d.ts", "default": "./contexts/*.js"},
            "./contexts/internal/*": None,
            "./flows/*": {"llm": {"import": "./flows/*.js", "default": "./flows/*.yaml"}, "default": "./flows/*.js"},
            "./data/*.json": ["./data/*.json"],
        }
        for number in range(draw.randint(1, 12)):
            exports[f"./tool{number}"] = {"types": f"./t{number}.d.ts", "default": f"./t{number}.js"}
        known = [key.replace("*", f"x{draw.randint(0, 9)}") for key, target in exports.items() if target is not None]
        subpaths = [*draw.choices(known, k=18), "./contexts/internal/secret", "./nothing"]
        cases.append({"exports": exports, "subpaths": subpaths})
    return cases


def environment(home: Path, *, distributions: int, skills: int = 0, announced: int = 0) -> Path:
    """Make a project with a virtual environment of installed wheels in an empty folder; returns the folder.

    Every distribution has a module and metadata; each of the first `skills` ships two skills in `.agents/skills`;
    the next `announced` hold a lev.toml and an entry point.
    """
    site = home / ".venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    (home / ".venv" / "bin").mkdir()
    (home / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (home / ".venv" / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n", encoding="utf-8")
    names = [f"bench-{number:04}" for number in range(distributions)]
    (home / "pyproject.toml").write_text(
        f'[project]\nname = "bench"\nversion = "0"\ndependencies = {names!r}\n'.replace("'", '"'), encoding="utf-8"
    )
    for number, name in enumerate(names):
        files = {f"{name.replace('-', '_')}/__init__.py": f'"""Module {number}."""\n'}
        if number < skills:
            files |= _skills(name)
        elif number < skills + announced:
            files |= _package(name)
        _install(site, name, files)
    return home


def _skills(name: str) -> dict[str, str]:
    module = name.replace("-", "_")
    return {
        f"{module}/.agents/skills/{name}-{kind}/SKILL.md": (
            f"---\nname: {name}-{kind}\ndescription: How to {kind} with {name}; use it when somebody asks to.\n---\n"
            f"# {kind.title()} with {name}\n\n" + f"Call `{module}.{kind}()` and check what it returns.\n" * 20
        )
        for kind in ("start", "deploy")
    }


def _package(name: str) -> dict[str, str]:
    module = name.replace("-", "_")
    return {
        f"{module}/lev.toml": (
            f'format = 1\nname = "{module}"\n[exports]\n"./contexts/*" = {{ llm = "./contexts/*.md" }}\n'
        ),
        f"{module}/contexts/guide.md": f"# {module}\n\nUse it with care.\n",
        f"{name.replace('-', '_')}-1.0.dist-info/entry_points.txt": f"[lev_os.packages]\n{module} = {module}\n",
    }


def _install(site: Path, name: str, files: dict[str, str]) -> None:
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/INSTALLER"] = "uv\n"
    record = []
    for path, text in files.items():
        data = text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(data)}\n")
        file = site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (site / info / "RECORD").write_text("".join(record) + f"{info}/RECORD,,\n", encoding="utf-8")
