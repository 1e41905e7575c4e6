"""Discovery: every way a package can be there, what the index notices, and what broken things do (nothing)."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lev_os.core.errors import LevError
from lev_os.core.packaging import Discovery, discover, environment_paths, load_package
from lev_os.core.packaging._index import index_file

MANIFEST = 'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n'
SKILL = "---\nname: use-it\ndescription: How to use it.\n---\nBody.\n"


def install(site: Path, name: str, version: str = "1.0", *, manifest: str | None = MANIFEST, entry: str = "") -> Path:
    """A wheel as an installer unpacks it: the package and its `.dist-info`."""
    root = site / name.replace(".", "/")
    root.mkdir(parents=True, exist_ok=True)
    (root / "__init__.py").write_text("raise AssertionError('imported')\n")
    if manifest is not None:
        (root / "lev.toml").write_text(manifest)
    info = site / f"{name.replace('.', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n")
    if entry or manifest is not None:
        text = entry or f"[console_scripts]\nx = y:z\n\n[lev_os.packages]\n{name} = {name}\n"
        (info / "entry_points.txt").write_text(text)
    return root


def ship_skill(site: Path, name: str, skill: str, version: str = "1.0") -> None:
    """A wheel that ships `.agents/skills`, listed in its RECORD."""
    file = install(site, name, version, manifest=None) / ".agents/skills" / skill / "SKILL.md"
    file.parent.mkdir(parents=True)
    file.write_text(SKILL)
    with open(site / f"{name}-{version}.dist-info/RECORD", "a") as record:
        record.write(f"{name}/.agents/skills/{skill}/SKILL.md,sha256=x,10\n")


def settle(path: Path) -> None:
    """Date everything a minute back, so that the index may be trusted at once."""
    old = time.time() - 60
    for folder, _, files in os.walk(path):
        for name in (".", *files):
            os.utime(os.path.join(folder, name), (old, old), follow_symlinks=False)


def names(found: Discovery) -> list[str]:
    return [f"{package.name} {package.version} {package.source}" for package in found.packages]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return folder


def test_installed_packages_are_found_by_entry_point(site: Path) -> None:
    """The group `lev_os.packages` announces a package; a namespace package has a dotted name."""
    install(site, "acme")
    install(site, "big.house")
    install(site, "ordinary", manifest=None)
    found = discover([str(site)])
    assert names(found) == ["acme 1.0 entry-point", "big.house 1.0 entry-point"]
    assert found["acme"].distribution == "acme"
    with pytest.raises(KeyError):
        found["ordinary"]


def test_wheels_that_ship_skills_are_packages(site: Path) -> None:
    """Each skill in the RECORD appears as `./skills/<name>`, beside the exports of a manifest if there is one."""
    ship_skill(site, "helper", "use-it")
    (package,) = discover([str(site)]).packages
    assert (package.source, package.error) == ("wheel-skills", None)
    assert [export.specifier for export in package.exports()] == ["helper/skills/use-it"]
    assert package.read("./skills/use-it")[0] == SKILL
    (package.root / "lev.toml").write_text('format = 1\n[exports]\n"./x" = "./__init__.py"\n')
    (site / "helper-1.0.dist-info/entry_points.txt").write_text("[lev_os.packages]\nhelper = helper\n")
    (package,) = discover([str(site)]).packages
    assert [export.subpath for export in package.exports()] == ["./lev.toml", "./skills/use-it", "./x"]


@pytest.mark.parametrize(
    "line",
    ["../../.agents/skills/x/SKILL.md,,", "/etc/.agents/skills/x/SKILL.md,,", "a/.agents/skills/../SKILL.md,,",
     'a/.agents/skills/"x/SKILL.md,,', "a-b/.agents/skills/x/SKILL.md,,", "a/.agents/skills/con/SKILL.md,,",
     '"a/.agents/skills/x\u202e/SKILL.md",,', "a/../b/.agents/skills/x/SKILL.md,,"],
)  # fmt: skip
def test_a_hostile_record_names_nothing(site: Path, line: str) -> None:
    """A RECORD is data from a stranger: paths that leave the environment or hide something are not followed."""
    info = site / "evil-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(line + "\n")
    found = discover([str(site)])
    assert found.packages == ()
    assert len(found.warnings) == 1


def test_broken_packages_are_listed_with_their_error(site: Path) -> None:
    """A bad manifest, a missing one, a name nobody can import: each is said, none stops the others."""
    install(site, "good")
    install(site, "bad", manifest="format = 1\nnaem = 'x'\n")
    (install(site, "gone") / "lev.toml").unlink()
    install(site, "odd", entry="[lev_os.packages]\nx = ../../etc\n")
    found = discover([str(site)])
    errors = {package.name: package.error for package in found.packages}
    assert errors["good"] is None
    assert "MAN104 unknown key `naem`" in (errors["bad"] or "")
    assert "there is no lev.toml" in (errors["gone"] or "")
    assert found.warnings == ("odd announces '../../etc', which is not an import name",)
    with pytest.raises(LevError, match=r"no lev\.toml"):
        found["gone"].exports()


def test_editable_installations_are_found_in_their_projects(site: Path, tmp_path: Path) -> None:
    """Through a `.pth` file, or through `direct_url.json` where an import hook takes its place."""
    for name in ("linked", "hooked"):
        root = tmp_path / f"{name} project/src/{name}"
        root.mkdir(parents=True)
        (root / "lev.toml").write_text(MANIFEST)
        info = site / f"{name}-2.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[lev_os.packages]\n{name}={name}\n")
    (site / "linked.pth").write_text(f"# comment\nimport os; os.abort()\n{tmp_path / 'linked project/src'}\n")
    url = (tmp_path / "hooked project").as_uri()
    (site / "hooked-2.0.dist-info/direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": True}}))
    assert names(discover([str(site)])) == ["hooked 2.0 editable", "linked 2.0 editable"]


def test_a_uv_workspace_shows_its_members(tmp_path: Path) -> None:
    """Members by pattern, without those that are excluded; a pattern cannot leave the workspace."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.uv.workspace]\nmembers = ["packages/*", "one", "../*"]\nexclude = ["packages/out"]\n'
    )
    for folder in ("packages/in", "packages/out", "one", "packages/no-project"):
        root = tmp_path / folder / "src" / f"pkg_{folder.rpartition('/')[2].replace('-', '_')}"
        root.mkdir(parents=True)
        (root / "lev.toml").write_text(MANIFEST)
        if folder != "packages/no-project":
            (tmp_path / folder / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "3.0"\n')
    found = discover([str(tmp_path)])
    assert names(found) == ["pkg_in 3.0 workspace", "pkg_one 3.0 workspace"]
    assert "leaves the project" in found.warnings[0]


def test_another_environment_can_be_looked_at(tmp_path: Path) -> None:
    """A project's `.venv`, whichever interpreter asks; an environment's folder; one package's folder."""
    site = tmp_path / ".venv/lib/python3.12/site-packages"
    site.mkdir(parents=True)
    (tmp_path / ".venv/pyvenv.cfg").write_text("home = /nowhere\n")
    (tmp_path / "pyproject.toml").write_text("[project]\nname='x'\n")
    install(site, "acme")
    assert names(discover(environment_paths(tmp_path))) == ["acme 1.0 entry-point"]
    assert names(discover(environment_paths(tmp_path, python=str(tmp_path / ".venv/bin/python")))) == [
        "acme 1.0 entry-point"
    ]
    assert names(discover([str(tmp_path / ".venv")])) == ["acme 1.0 entry-point"]
    assert names(discover([str(site / "acme")])) == ["acme None path"]
    assert str(sys.path[-1]) in environment_paths("/")


def test_the_first_of_a_name_wins_and_the_second_is_mentioned(tmp_path: Path) -> None:
    """As on `sys.path`; two places for one name are worth a warning."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        install(tmp_path / folder, "acme")
    found = discover([str(tmp_path / "a"), str(tmp_path / "b")])
    assert found["acme"].root == tmp_path / "a/acme"
    assert "found twice" in found.warnings[0]


def test_the_index_notices_installs_upgrades_edits_and_removals(site: Path) -> None:
    """Whatever changes, the next look is right; while nothing does, the index is used."""
    install(site, "acme")
    settle(site)
    assert names(discover([str(site)])) == ["acme 1.0 entry-point"]
    index = Path(index_file((str(site),)) or "")
    written = index.stat().st_mtime_ns
    discover([str(site)])
    assert index.stat().st_mtime_ns == written

    install(site, "beta")
    assert names(discover([str(site)])) == ["acme 1.0 entry-point", "beta 1.0 entry-point"]
    shutil.rmtree(site / "acme-1.0.dist-info")
    install(site, "acme", "2.0")
    settle(site)
    assert names(discover([str(site)])) == ["acme 2.0 entry-point", "beta 1.0 entry-point"]
    (site / "acme/lev.toml").write_text("format = 1\nwrong = 1\n")
    assert discover([str(site)])["acme"].error is not None
    (site / "beta-1.0.dist-info/entry_points.txt").write_text("[lev_os.packages]\nbeta = acme\n")
    assert names(discover([str(site)])) == ["acme 2.0 entry-point"]
    shutil.rmtree(site / "acme-2.0.dist-info")
    shutil.rmtree(site / "beta-1.0.dist-info")
    assert discover([str(site)]).packages == ()


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xc1" * 100, b"[]", None])
def test_a_damaged_index_is_built_again(site: Path, damage: bytes | None) -> None:
    """Empty, garbage, cut in the middle: a cache is never trusted to be whole."""
    install(site, "acme")
    settle(site)
    discover([str(site)])
    index = Path(index_file((str(site),)) or "")
    good = index.read_bytes()
    index.write_bytes(good[: len(good) // 2] if damage is None else damage)
    assert names(discover([str(site)])) == ["acme 1.0 entry-point"]
    assert index.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_no_error(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only home: discovery still answers."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path / "file/below"))
    install(site, "acme")
    settle(site)
    assert names(discover([str(site)])) == ["acme 1.0 entry-point"]


def _look(site: str, rounds: int) -> bool:
    return all(len(discover([site]).packages) == 20 for _ in range(rounds))


@pytest.mark.slow
def test_processes_may_share_the_index(site: Path) -> None:
    """Several at once write and read one file; every answer is whole."""
    for number in range(20):
        install(site, f"acme{number}")
    settle(site)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert all(pool.starmap(_look, [(str(site), 30)] * 3))
    assert [file.suffix for file in Path(os.environ["LEV_CACHE_DIR"]).iterdir()] == [".bin"]


def test_real_wheels_of_this_environment_are_found() -> None:
    """Pydantic AI ships `.agents/skills`; the core is an editable or installed package; neither is imported."""
    before = set(sys.modules)
    found = discover()
    assert "pydantic_ai/skills/building-pydantic-ai-agents" in {
        export.specifier for export in found["pydantic_ai"].exports()
    }
    assert found["pydantic_ai"].version
    assert found["lev_os.core"].error is None
    assert not any(name.startswith("pydantic_ai") for name in set(sys.modules) - before)
    assert load_package("lev_os.core").version == found["lev_os.core"].version


_bytes = st.one_of(st.binary(max_size=80), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
_records = st.builds(
    lambda parts, rest: b"/".join(parts) + rest,
    st.lists(
        st.sampled_from([b"a", b"..", b"", b".agents", b"skills", b"x", b"SKILL.md", b'"', b"\x00", b"\xff"]),
        max_size=7,
    ),
    st.sampled_from([b",,\n", b"", b",sha256=x,1\n"]),
)  # fmt: skip


@example(record=b"", entries=b"", url=b"\xff", link=b"", skill=b"")
@example(record=b"", entries=b"a", url=b'/x"}', link=b"\x00/x\n", skill=b"\x00")
@given(record=_records, entries=_bytes, url=_bytes, link=_bytes, skill=_bytes)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_no_file_of_a_stranger_breaks_discovery(
    tmp_path_factory: pytest.TempPathFactory, record: bytes, entries: bytes, url: bytes, link: bytes, skill: bytes
) -> None:
    """Any bytes as RECORD, entry points, direct_url, .pth or SKILL.md: packages, warnings or errors, all inside."""
    site = tmp_path_factory.mktemp("site")
    info = site / "evil-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_bytes(b"a/.agents/skills/x/SKILL.md,,\n" + record)
    (info / "entry_points.txt").write_bytes(b"[lev_os.packages]\na = " + entries)
    (info / "direct_url.json").write_bytes(b'{"dir_info": {"editable": true}, "url": "file://' + url)
    (site / "x.pth").write_bytes(link)
    file = site / "a/.agents/skills/x/SKILL.md"
    file.parent.mkdir(parents=True)
    file.write_bytes(skill)
    for package in discover([str(site)]).packages:
        assert package.root.is_relative_to(site)
        try:
            for export in package.exports():
                package.read(export.subpath)
        except LevError:
            continue
