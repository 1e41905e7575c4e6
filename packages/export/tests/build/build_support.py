"""The project that builds are tested with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lev_os.export.build import Built, build, examine

EXPOSE = "from lev_os.core import expose\n\n__getattr__, __dir__, __all__ = expose(__name__)\n"
PYPROJECT = """\
[project]
name = "acme-shop"
version = "1.2"
requires-python = ">=3.11"

[project.entry-points."lev_os.packages"]
shop = "shop"

[build-system]
requires = ["{requires}"]
build-backend = "{backend}"
"""
UV = PYPROJECT.format(requires="uv_build>=0.9,<0.14", backend="uv_build") + (
    '\n[tool.uv.build-backend]\nmodule-name = "shop"\n'
)
FILES = {
    "pyproject.toml": UV,
    "src/shop/__init__.py": "",
    "src/shop/lev.toml": """\
format = 1
constitution = "./constitution.yaml"
[exports]
"./contexts/*" = { llm = "./contexts/*.md", python = "shop.contexts:*" }
"./flows/*" = { llm = "./flows/*.yaml", python = "shop.flows:*" }
"./tools/*" = { python = "shop.tools:*" }
"./data/*" = "./data/*"
""",
    "src/shop/constitution.yaml": "constitution: 1\nname: shop\nprinciples: []\n",
    "src/shop/contexts/__init__.py": EXPOSE,
    "src/shop/contexts/tone.md": "Be brief.\n",
    "src/shop/flows/__init__.py": EXPOSE,
    "src/shop/flows/triage.yaml": """\
flowmind: 1
name: triage
input: {message: string, priority: {enum: [low, high], default: low}}
output: {category: {enum: [refund, other]}}
steps: [{return: {category: other}}]
""",
    "src/shop/data/prices.csv": "a,1\n",
    "src/shop/tools/__init__.py": "",
    "src/shop/tools/finding.py": '''\
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from lev_os.core import tool

from ..limits import Limit


@dataclass
class Order:
    id: str
    price: float


@tool(effects={"reads_private"})
def find(name: Annotated[str, msgspec.Meta(max_length=9)], limit: Limit = Limit.few) -> Mapping[str, Order]:
    """Find orders."""
    return {}


def _helper() -> None: ...
''',
    "src/shop/tools/paying.py": '''\
from lev_os.core import tool

__all__ = ["refund"]


@tool(effects={"spends"})
def refund(order: str, cents: int) -> bool:
    """Give money back."""
    return cents > 0


def hidden() -> None: ...
''',
    "src/shop/limits.py": "import enum\n\n\nclass Limit(enum.Enum):\n    few = 3\n    many = 30\n",
}


def write(project: Path, files: Mapping[str, str]) -> Path:
    """A project of these files."""
    for path, text in files.items():
        file = project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return project


def made(project: Path, *, package: str = "shop", **options: Any) -> Built:
    """One build of the package, by the interpreter of the tests."""
    return build(project / "src" / package, package, **{"python": sys.executable, "tell": said.append, **options})


def looked_at(project: Path, **options: Any) -> list[str]:
    """The generated files that a build would write."""
    found = examine(project / "src" / "shop", "shop", python=sys.executable, tell=said.append, **options)
    return [file.path.relative_to(project / "src" / "shop").as_posix() for file in found.written]


said: list[str] = []


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
