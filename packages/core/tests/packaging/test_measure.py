"""Digests and tokens of many exports: right the first time, remembered, and never stale."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from lev_os.core.packaging import Package, measure_exports
from lev_os.core.packaging import for_llm as for_llm_module

MakePackage = Callable[..., Package]
TOML = """\
format = 1
[exports]
"./contexts/*" = { llm = "./contexts/*.md" }
"./tools/*" = { python = "acme.tools:*" }
"""
FILES = {
    "contexts/a.md": "---\nname: a\ndescription: An A.\n---\nPlain text.\n",
    "contexts/code.md": "See [`refund`](../tools.py).\n",
    "tools.py": "LIMIT = 1\ndef refund(order: str) -> str:\n    'Give it back.'\n",
}


@pytest.fixture
def acme(make_package: MakePackage) -> Package:
    return make_package(TOML, FILES)


def test_a_measure_is_what_a_model_gets(acme: Package) -> None:
    """Digest and tokens equal those of `for_llm`; what only Python has is left out, tools are not."""
    found = measure_exports(acme.exports())
    assert set(found) == {"acme/contexts/a", "acme/contexts/code", "acme/lev.toml", "acme/tools/refund"}
    for export in acme.exports():
        if export.specifier in found:
            said = export.for_llm()
            assert found[export.specifier].digest == said["digest"]
            assert found[export.specifier].tokens == said["tokens"]


def test_an_unchanged_file_is_not_measured_again(acme: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a context whose text depends on other files, and tools, are looked at each time."""
    first = measure_exports(acme.exports())
    weighed = []
    real = for_llm_module.as_text
    monkeypatch.setattr(
        for_llm_module, "as_text", lambda export, asked: (weighed.append(export.subpath), real(export, asked))[1]
    )
    assert measure_exports(acme.exports()) == first
    assert weighed == ["./contexts/code", "./tools/refund"]


def test_an_edited_file_is_measured_again(acme: Package) -> None:
    """Same size, another time: another digest."""
    before = measure_exports(acme.exports())["acme/contexts/a"]
    file = acme.root / "contexts/a.md"
    file.write_text(file.read_text().replace("Plain", "Other"))
    os.utime(file, ns=(5, 5))
    assert measure_exports(acme.exports())["acme/contexts/a"].digest != before.digest


@pytest.mark.parametrize("damage", [b"", b"\x00\xff", b"[]"])
def test_a_damaged_store_is_built_again(acme: Package, damage: bytes) -> None:
    """It is a cache: garbage in it costs time and nothing else."""
    first = measure_exports(acme.exports())
    (store,) = Path(os.environ["LEV_CACHE_DIR"]).glob("measures.bin")
    store.write_bytes(damage)
    assert measure_exports(acme.exports()) == first


def test_what_cannot_be_read_says_why(make_package: MakePackage) -> None:
    """One bad file does not hide the others."""
    package = make_package(TOML, {**FILES, "contexts/bad.md": b"\xff"})
    found = measure_exports(package.exports())
    assert "not UTF-8" in (found["acme/contexts/bad"].error or "")
    assert found["acme/contexts/a"].tokens
