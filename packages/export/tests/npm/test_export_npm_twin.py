"""The npm twin of a package: what is in it, who gets what, and what cannot be carried over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lev_os.core import LevError, load_package
from npm_support import MakePackage, rendered

TOML = """
format = 1
description = "A shop."
[exports]
"." = { llm = "./contexts/tone.md", python = "acme" }
"./contexts/*" = { llm = "./contexts/*.md" }
"./flows/*" = { llm = "./flows/*.yaml" }
"./tools/*" = { python = "acme.tools:*" }
"./notes/*" = "./notes/*"
"./code" = { python = "acme.tools:Thing" }
"""
TOOLS = '''
from lev_os.core import tool
class Thing: ...
@tool(effects={"reads_private"})
def find(name: str, limit: int = 5) -> list[str]:
    """Find a thing."""
'''
FLOW = "flowmind: 1\nname: go\ninput: {a: string}\noutput: {b: integer}\nsteps:\n  - return: {b: 1}\n"
FILES: dict[str, str | bytes] = {
    "contexts/tone.md": b"\xef\xbb\xbf---\r\ndescription: How.\r\nmetadata: {a: b}\r\n---\r\nBe `brief`.\r\n",
    "flows/go.yaml": FLOW.replace("\n", "\r\n"),
    "tools.py": TOOLS,
    "notes/plain.txt": "no end of line",
    "notes/picture.png": b"\x89PNG\xff\x00",
}


def described(made: Any) -> dict[str, Any]:
    """The twin's `package.json`."""
    found: dict[str, Any] = json.loads(made.files["package.json"])
    return found


def test_what_is_in_it(make_package: MakePackage) -> None:
    """A module for each text, flow and tool; the files for models byte for byte; nothing of it is imported."""
    made = rendered(make_package(TOML, FILES))
    whole = described(made)
    assert (whole["name"], whole["version"], whole["description"]) == ("acme", "1.2.0", "A shop.")
    assert (whole["type"], whole["sideEffects"]) == ("module", False)
    assert list(whole["exports"]) == [
        ".", "./contexts/tone", "./flows/go", "./lev.toml", "./notes/plain.txt", "./tools/find", "./package.json",
    ]  # fmt: skip
    assert b'name = "go"' in made.files["dist/flows/go.js"]
    for subpath, path in (("contexts/tone", "contexts/tone.md"), ("flows/go", "flows/go.yaml")):
        content = FILES[path]
        target = whole["exports"][f"./{subpath}"]["llm"]["default"].removeprefix("./")
        assert made.files[target] == (content if isinstance(content, bytes) else content.encode())
    assert whole["exports"]["."]["llm"]["default"] == "./llm/contexts/tone.md"
    assert {(lost.specifier, lost.what.split(":")[0].split(",")[0]) for lost in made.lost} == {
        ("acme", "names no repository in [project.urls]"),
        ("acme/code", "is Python code"),
        ("acme", "its flows are data"),
        ("acme", "its tools are schemas"),
        ("acme/notes/picture.png", "is no text"),
        ("acme/tools/Thing", "is Python code"),
    }


def test_conditions(make_package: MakePackage) -> None:
    """`llm` stands first and leads Node to the same modules; each module has types of its own kind."""
    exports = described(rendered(make_package(TOML, FILES)))["exports"]
    entry = exports["./contexts/tone"]
    modules = {
        "import": {"types": "./dist/contexts/tone.d.ts", "default": "./dist/contexts/tone.js"},
        "require": {"types": "./dist/contexts/tone.d.cts", "default": "./dist/contexts/tone.cjs"},
    }
    assert entry == {
        "llm": {**modules, "default": "./llm/contexts/tone.md"}, **modules, "default": "./dist/contexts/tone.js",
    }  # fmt: skip
    assert list(entry) == ["llm", "import", "require", "default"]
    assert all(list(inner) == ["types", "default"] for inner in modules.values())


def test_every_target_is_there(make_package: MakePackage) -> None:
    """What `exports` and the modules refer to is in the tarball."""
    made = rendered(make_package(TOML, FILES))
    targets = re.findall(r'"(\./(?:dist|llm)/[^"]+)"', made.files["package.json"].decode())
    assert {target.removeprefix("./") for target in targets} <= set(made.files)
    assert all(
        path.startswith(("dist/", "llm/", "skills/", ".agents/skills/", "package.json", "README.md"))
        for path in made.files
    )


def test_the_same_again(make_package: MakePackage) -> None:
    """Two renderings of one package are the same bytes."""
    package = make_package(TOML, FILES)
    assert rendered(package) == rendered(package)


TWO = """
format = 1
[exports]
"./contexts/help" = { llm-first = "./short.md", llm = "./long.md" }
"./old" = { llm = "./long.md", deprecated = "use ./contexts/help" }
"""


def test_two_texts_for_one_name(make_package: MakePackage) -> None:
    """Programs and `llm-first` get the short one, as in Python; `llm` has modules of its own, with the same types."""
    made = rendered(make_package(TWO, {"short.md": "Short.\n", "long.md": "Long.\n"}))
    entry = described(made)["exports"]["./contexts/help"]
    assert list(entry) == ["llm-first", "llm", "import", "require", "default"]
    assert entry["llm-first"]["default"] == "./llm/short.md"
    assert entry["llm"]["default"] == "./llm/long.md"
    assert b'text = "Short.\\n"' in made.files[entry["import"]["default"].removeprefix("./")]
    assert b'text = "Long.\\n"' in made.files[entry["llm"]["import"]["default"].removeprefix("./")]
    assert entry["llm"]["import"]["types"] == entry["import"]["types"]
    assert b"@deprecated use ./contexts/help" in made.files["dist/old.d.ts"]


def test_names_that_a_file_system_confuses(make_package: MakePackage) -> None:
    """Each export has files of its own, whatever the letters; the index names them apart."""
    names = ["Tone", "tone", "straße", "strasse", "日本", "ｔone", "class", "a b", "x.y", "delete"]
    toml = 'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n'
    made = rendered(make_package(toml, {f"contexts/{name}.md": f"# {name}\n" for name in names}))
    lower = [path.casefold() for path in made.files]
    assert len(set(lower)) == len(lower)
    assert all(path.isascii() for path in made.files if path.startswith("dist/"))
    entries = described(made)["exports"]
    for name in names:
        module = entries[f"./contexts/{name}"]["import"]["default"].removeprefix("./")
        assert json.dumps(f"# {name}\n", ensure_ascii=False).encode() in made.files[module]
    listed = re.findall(r"default as (\S+) }", made.files["dist/index.js"].decode())
    assert len(set(listed)) == len(names) + 1
    assert any("differ only in case" in lost.what for lost in made.lost)
    assert {"classContext", "aBContext", "日本Context", "deleteContext"} <= set(listed)


@pytest.mark.parametrize(
    ("name", "toml", "npm"),
    [
        ("acme_support", "", "acme-support"),
        ("lev_os.core", "", "@lev-os/core"),
        ("a.b.c_d", "", "@a/b-c-d"),
        ("acme", '[npm]\nname = "@acme/support"\n', "@acme/support"),
    ],
)
def test_what_it_is_called(make_package: MakePackage, name: str, toml: str, npm: str) -> None:
    """By the import name, a namespace as the scope; `[npm] name` goes before."""
    made = rendered(make_package(f"format = 1\n{toml}", name=name))
    assert described(made)["name"] == npm


def test_several_packages(make_package: MakePackage) -> None:
    """A folder for each."""
    one, other = make_package("format = 1\n"), make_package("format = 1\n", name="lev_os.core")
    made = rendered(one, other)
    assert {path.partition("/")[0] for path in made.files} == {"acme", "lev-os-core"}


def test_what_npm_cannot_have(make_package: MakePackage) -> None:
    """A version without a counterpart is refused; an unknown one is said to be."""
    with pytest.raises(LevError, match="post-releases"):
        rendered(make_package("format = 1\n", version="1.0.post1"))
    package = load_package(make_package("format = 1\n").root)
    made = rendered(package)
    assert described(made)["version"] == "0.0.0"
    assert "its version is not known" in made.lost[0].what


def test_a_broken_export(make_package: MakePackage) -> None:
    """Nothing is made of a package with a flow that cannot be read; the error says where."""
    with pytest.raises(LevError, match=r"go\.yaml:1:1"):
        rendered(make_package(TOML, {**FILES, "flows/go.yaml": "flowmind: 1\n"}))


PROJECT = """
[project]
name = "acme"
version = "1.2"
license = "MIT"
dependencies = ["lev-os-core[llm] (>=0.1,<0.2) ; python_version > '3'", "requests>=2", "acme_support!=3"]
[project.urls]
Repository = "https://example.org/acme/acme.git"
Homepage = "https://example.org"
"""


def test_what_the_project_says(make_package: MakePackage) -> None:
    """Licence, addresses, and the packages with an export map that it needs, as optional peers."""
    package = make_package("format = 1\n")
    (package.root.parent / "pyproject.toml").write_text(PROJECT)
    (package.root.parent / "LICENSE").write_text("MIT\n")
    made = rendered(package)
    whole = described(made)
    assert (whole["license"], whole["homepage"]) == ("MIT", "https://example.org")
    assert whole["repository"] == {"type": "git", "url": "git+https://example.org/acme/acme.git"}
    assert whole["peerDependencies"] == {"@lev-os/core": ">=0.1.0 <0.2.0", "acme-support": "*"}
    assert set(whole["peerDependenciesMeta"]) == {"@lev-os/core", "acme-support"}
    assert made.files["LICENSE"] == b"MIT\n"


def test_what_an_installed_distribution_says(make_package: MakePackage) -> None:
    """The same from its metadata."""
    package = make_package("format = 1\n")
    package.distribution = "acme"
    info: Path = package.root.parent / "acme-1.2.dist-info"
    (info / "licenses").mkdir(parents=True)
    (info / "licenses" / "LICENSE").write_text("MIT\n")
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: acme\nVersion: 1.2\nSummary: Things.\nLicense-Expression: MIT\n"
        "Project-URL: Source, https://example.org/acme\nRequires-Dist: lev-os-core>=0.1\n\nLong.\n"
    )
    made = rendered(package)
    whole = described(made)
    assert (whole["description"], whole["license"]) == ("Things.", "MIT")
    assert whole["repository"]["url"] == "git+https://example.org/acme.git"
    assert whole["peerDependencies"] == {"@lev-os/core": ">=0.1.0"}
    assert made.files["LICENSE"] == b"MIT\n"


def test_parameters_are_not_filled_in(make_package: MakePackage) -> None:
    """The text keeps its `${…}`, and the target says so."""
    toml = 'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n'
    text = "---\nmetadata: {lev-params: name}\n---\nHello ${name}.\n"
    made = rendered(make_package(toml, {"contexts/a.md": text}))
    assert b'"Hello ${name}.\\n"' in made.files["dist/contexts/a.js"]
    assert "acme/contexts/a" in [lost.specifier for lost in made.lost]
