"""`lev budget`: figures of a package, what they were at a commit, and what they are made of."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MANIFEST = """format = 1
name = "shop"
[exports]
"./contexts/index" = { llm-first = "./contexts/index.md" }
"./contexts/*" = { llm = "./contexts/*.md" }
[budget]
context = 40
bundle = 20
import-ms = 0
wheel-kb = 1
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A package in a repository, once committed."""
    root = tmp_path / "src" / "shop"
    (root / "contexts").mkdir(parents=True)
    (root / "__init__.py").write_text("import json.tool\n")
    (root / "lev.toml").write_text(MANIFEST)
    (root / "contexts" / "index.md").write_text("# Shop\n\nTea.\n")
    (root / "contexts" / "tea.md").write_text("# Tea\n\n" + "leaf " * 10)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return root


def figures(said: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["kind"], one["name"]): one for one in said.json["packages"][0]["measures"]}


def test_within_and_above(lev: Callable[..., Any], shop: Path) -> None:
    """Above a limit is 1; the import alone only warns."""
    fine = lev("budget", "--json")
    assert fine.code == 0
    assert figures(fine)["import-ms", "shop"]["above"]
    (shop / "contexts" / "tea.md").write_text("# Tea\n\n## Green\n\n" + "leaf " * 60 + "\n\n## Black\n\nHot.\n")
    said = lev("budget", "shop", "--base", "HEAD", "--why", "--json")
    tea = figures(said)["context", "shop/contexts/tea"]
    assert said.code == 1
    assert (tea["above"], tea["limit"], tea["before"]) == (True, 40, 14)
    assert tea["parts"][0]["name"] == "## Green"
    assert "above its budget" in lev("budget", "--why").out


def test_what_was_there_before(lev: Callable[..., Any], shop: Path) -> None:
    """New contexts and gone ones; a ref that is none."""
    (shop / "contexts" / "tea.md").rename(shop / "contexts" / "coffee.md")
    said = lev("budget", "--base", "HEAD").out
    assert [line.split()[-1] for line in said.splitlines() if "coffee" in line] == ["new"]
    assert [line.split()[-1] for line in said.splitlines() if "contexts/tea" in line] == ["gone"]
    wrong = lev("budget", "--base", "no-such-branch")
    assert wrong.code == 2
    assert "git cannot say what was there" in wrong.err
    assert lev("budget", "--base", "--output=x").code == 2


def changes(said: Any, kind: str, name: str) -> list[tuple[str, str]]:
    return [(change["what"], change["name"]) for change in figures(said)[kind, name]["changes"]]


def test_what_is_not_as_it_was_though_it_weighs_the_same(lev: Callable[..., Any], shop: Path) -> None:
    """Other words of the same number, other places: the part is named, and what is as it was says so."""
    (shop / "contexts/index.md").write_text("# Shop\n\nTop.\n")
    (shop / "contexts/tea.md").write_text("# Tea\n\n" + "leaf " * 10)
    said = lev("budget", "--base", "HEAD", "--json")
    index = figures(said)["context", "shop/contexts/index"]
    assert index["value"] == index["before"]
    assert changes(said, "context", "shop/contexts/index") == [("changed", "# Shop")]
    assert changes(said, "bundle", "shop") == [("changed", "shop/contexts/index")]
    assert changes(said, "context", "shop/contexts/tea") == []
    told = lev("budget", "--base", "HEAD").out
    assert next(line for line in told.splitlines() if "contexts/index " in line).endswith("other text")
    assert next(line for line in told.splitlines() if "contexts/tea " in line).endswith("as it was")
    assert "       changed  # Shop" in told


def test_the_order_of_sections(lev: Callable[..., Any], shop: Path) -> None:
    """One that has another place is named; new ones and gone ones too."""
    sections = [f"## {name}\n\nLeaf {name}.\n\n" for name in "ABCD"]
    (shop / "contexts/tea.md").write_text("".join(sections))
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "y"], cwd=shop, check=True)
    (shop / "contexts/tea.md").write_text("".join([sections[3], *sections[:3]]))
    said = lev("budget", "--base", "HEAD", "--json")
    assert (
        figures(said)["context", "shop/contexts/tea"]["value"]
        == figures(said)["context", "shop/contexts/tea"]["before"]
    )
    assert changes(said, "context", "shop/contexts/tea") == [("moved", "## D")]
    (shop / "contexts/tea.md").write_text("".join([sections[1], sections[0], sections[3], "## E\n\nLeaf.\n"]))
    said = lev("budget", "--base", "HEAD", "--json")
    told = changes(said, "context", "shop/contexts/tea")
    assert told == [("new", "## E"), ("moved", "## A"), ("gone", "## C")]


def test_a_wheel_and_a_twin(lev: Callable[..., Any], shop: Path, tmp_path: Path) -> None:
    """The newest wheel in `dist/` counts, or the one that is given; files that are none are told."""
    wheel = tmp_path / "shop-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("shop/data.bin", b"x" * 5000)
    twin = tmp_path / "node_modules" / "twin"
    twin.mkdir(parents=True)
    (twin / "index.js").write_text("\n".join(map(str, range(999))))
    (twin / "lev-export.lock").write_text("{}")
    said = lev("budget", "shop", "--wheel", str(wheel), "--twin", str(twin), "--why", "--json")
    found = figures(said)
    assert said.code == 1
    assert found["wheel-kb", wheel.name]["parts"][0] == {"name": "shop/data.bin", "value": 5.0}
    assert found["twin-kb", "twin"]["parts"][0]["name"] == "index.js"
    assert [part["name"] for part in found["twin-kb", "twin"]["parts"]] == ["index.js"]
    (shop / "lev.toml").write_text('format = 1\nname = "shop"\n[budget]\ntwin-kb = 0\n')
    above = lev("budget", "shop", "--twin", str(twin))
    assert (above.code, "twin-kb" in above.out, "above its budget" in above.out) == (1, True, True)
    assert lev("budget", "shop", "--wheel", str(twin / "index.js")).code == 2
    assert lev("budget", "shop", "--twin", str(twin / "index.js")).code == 2


def test_a_wheel_and_a_twin_of_another_package(lev: Callable[..., Any], shop: Path, tmp_path: Path) -> None:
    """Are refused by name, packed or not: their figures say nothing of this one."""
    wheel = tmp_path / "cafe-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("cafe/lev.toml", "format = 1\n")
    said = lev("budget", "shop", "--wheel", str(wheel))
    assert (said.code, f"{wheel} is the wheel of cafe, not of shop" in said.err) == (2, True)
    twin = tmp_path / "package"
    (twin / "llm").mkdir(parents=True)
    (twin / "llm" / "lev.toml").write_text('format = 1\nname = "cafe"\n')
    packed = tmp_path / "cafe-1.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(twin, "package")
    for given in (twin, packed):
        said = lev("budget", "shop", "--twin", str(given))
        assert (said.code, f"{given} is the twin of cafe, not of shop" in said.err) == (2, True)
    (twin / "llm" / "lev.toml").write_text('format = 1\nname = "shop"\n')
    assert lev("budget", "shop", "--twin", str(twin)).code == 0


def test_an_import_that_fails(lev: Callable[..., Any], shop: Path) -> None:
    """The last line of what Python said."""
    (shop / "__init__.py").write_text("raise RuntimeError('no')\n")
    said = lev("budget", "shop")
    assert said.code == 2
    assert "RuntimeError: no" in said.err


def test_nothing_here(lev: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without packages there is nothing to measure."""
    assert lev("budget", "no_such").code == 2
