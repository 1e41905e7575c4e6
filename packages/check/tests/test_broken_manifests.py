"""What is wrong with a manifest hides nothing else of its package."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.check import check
from lev_os.check.rules.manifest._package import SOUND

MORE = {
    "acme/contexts/tone.md": "---\ndescription: How.\nmetadata:\n  lev-requires: ./contexts/no_such\n---\nBe brief.\n",
    "acme/tools.py": SOUND["acme/tools.py"].replace("@tool(effects=())\n", ""),
}
MANIFEST = SOUND["acme/lev.toml"] + '"./about" = { llm = "./about.md" }\n'


def found(folder: Path, manifest: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The codes of what is said of a package with this manifest, a requirement that is not there and a bare tool."""
    monkeypatch.chdir(folder)
    for name, text in {**SOUND, **MORE, "acme/lev.toml": manifest}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return {item.code for item in check(["."]).diagnostics}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("description", "descripton", "MAN104"),
        ('"./contexts/*" =', '"contexts/*" =', "MAN111"),
        ("{ llm = ", "{ lllm = ", "MAN114"),
    ],
)
def test_a_misspelt_manifest_is_read_as_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, code: str
) -> None:
    """All that is found without the mistake is found with it, and nothing more than the mistake."""
    (tmp_path / "a").mkdir()
    sound = found(tmp_path / "a", MANIFEST, monkeypatch)
    assert {"MAN501", "MAN532", "CTX305"} <= sound
    (tmp_path / "b").mkdir()
    assert found(tmp_path / "b", MANIFEST.replace(old, new, 1), monkeypatch) == sound | {code}


def test_two_names_that_python_confuses_hide_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are read."""
    for name in ("a-b", "a_b"):
        (tmp_path / "acme/contexts").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"acme/contexts/{name}.md").write_text("---\ndescription: x\n---\nBe brief.\n")
    assert {"MAN117", "MAN501", "MAN532", "CTX305"} <= found(tmp_path, MANIFEST, monkeypatch)


def test_an_export_that_cannot_be_read_is_missed_by_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would refer to it is not reported, nor the files that it may reach; the other exports are looked at."""
    codes = found(tmp_path, MANIFEST.replace("./contexts/*.md", "../contexts/*.md"), monkeypatch)
    assert {"MAN115", "MAN501"} <= codes
    assert "MAN505" not in codes
