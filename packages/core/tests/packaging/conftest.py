"""Packages written for a test, and Node if there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from lev_os.core.packaging import Package

sys.path.insert(0, str(Path(__file__).parent))  # `node_oracle` is a module beside the tests, not a test

MakePackage = Callable[..., Package]


@pytest.fixture
def make_package(tmp_path: Path) -> MakePackage:
    """`make_package(toml, {path: text})` writes a package `acme` and loads it, without any import."""

    def make(toml: str, files: Mapping[str, str | bytes] | None = None, *, name: str = "acme") -> Package:
        root = tmp_path / name.replace(".", "/")
        everything = {"lev.toml": toml, "__init__.py": "raise AssertionError('imported')\n", **(files or {})}
        for path, content in everything.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return Package(name, root)

    return make


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
