"""`__init__.py` files that load nothing until a name is asked for: the same names, read without importing too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lev_os.core import InvalidInput, LevError
from lev_os.core.packaging import Package, lazy_init, lazy_modules, stubs_of
from lev_os.core.packaging.stubs import HEAD, UNTOUCHED

EXPOSE = "from lev_os.core import expose\n\n__getattr__, __dir__, __all__ = expose(__name__)\n"
TOML = """
format = 1
[exports]
"./contexts/*" = { llm = "./contexts/*.md", python = "acme.contexts:*" }
"./tools/*" = { python = "acme.tools:*" }
"""
FINDING = "LIMIT = 3\ndef find(name: str) -> str:\n    '''Find one.'''\n    return name\nclass Order: ...\n"
PAYING = '__all__ = ["refund", "FEE"]\nFEE = 1\ndef refund(cents: int) -> int: return cents\ndef hidden(): ...\n'


@pytest.fixture
def acme(tmp_path: Path) -> Package:
    """A package with a folder of contexts and one of tools."""
    files = {
        "__init__.py": "",
        "lev.toml": TOML,
        "contexts/__init__.py": f'"""What it knows."""\n\n{EXPOSE}',
        "contexts/refund-policy.md": "Be kind.\n",
        "tools/finding.py": FINDING,
        "tools/paying.py": PAYING,
        "tools/_private.py": "def secret(): ...\n",
    }
    for path, text in files.items():
        file = tmp_path / "acme" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Package("acme", tmp_path / "acme")


def write(package: Package, module: str) -> Package:
    """The package once more, with that module made lazy."""
    path, text = lazy_init(package, module)
    path.write_text(text)
    return Package(package.name, package.root)


def python(package: Package, code: str) -> str:
    """What a new interpreter prints."""
    start = f"import sys; sys.path.insert(0, {str(package.root.parent)!r})\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_is_loaded_until_it_is_asked_for(acme: Package) -> None:
    """A name loads its own module and no other; an unknown one is an AttributeError."""
    acme = write(acme, "acme.tools")
    code = """
import acme.tools
loaded = lambda: sorted(name for name in sys.modules if name.startswith(("acme.tools.", "lev_os")) or name == "typing")
print(loaded(), acme.tools.__all__)
from acme.tools import find
print(loaded(), find("x"), acme.tools.find is find, "refund" in dir(acme.tools))
from acme.tools import *
print(refund(2), FEE, hasattr(acme.tools, "hidden"), hasattr(acme.tools, "LIMIT"), hasattr(acme.tools, "secret"))
"""
    before = "['typing'] " if "'typing'" in python(acme, "print([n for n in sys.modules if n == 'typing'])") else "[] "
    lines = python(acme, code).splitlines()
    assert lines[0] == before + "['FEE', 'Order', 'find', 'refund']"
    assert lines[1].replace("'typing'", "").replace(", ]", "]") == "['acme.tools.finding'] x True True"
    assert lines[2] == "2 1 False False False"


def test_it_is_read_without_importing(acme: Package) -> None:
    """The export map sees the same tools, with their cards, as if they had been imported."""
    acme = write(acme, "acme.tools")
    assert [export.subpath for export in acme.exports() if export.kind == "tool"] == ["./tools/find", "./tools/refund"]
    assert acme.card("./tools/find").description == "Find one."


def test_exposed_files(acme: Package) -> None:
    """A module whose names are files loads Leviathan with the first of them; its stub and docstring stay."""
    before = stubs_of(acme)
    acme = write(acme, "acme.contexts")
    assert stubs_of(acme) == before
    code = """
import acme.contexts
print("lev_os" in " ".join(sys.modules), acme.contexts.__doc__, acme.contexts.__all__, hasattr(acme.contexts, "gone"))
print(acme.contexts.refund_policy.text.strip())
"""
    lines = python(acme, code).splitlines()
    assert lines == ["False What it knows. ['refund_policy'] False", "Be kind."]
    (acme.root / "contexts" / "tone.md").write_text("Be brief.\n")
    assert python(acme, "from acme.contexts import tone; print(tone.text.strip())") == "Be brief."


def test_it_is_made_again(acme: Package) -> None:
    """What was made once is known, and follows its files."""
    acme = write(write(acme, "acme.tools"), "acme.contexts")
    assert list(lazy_modules(acme)) == ["acme.contexts", "acme.tools"]
    assert all(lazy_init(acme, module)[0].read_text() == lazy_init(acme, module)[1] for module in lazy_modules(acme))
    (acme.root / "tools" / "paying.py").write_text("def pay(): ...\n")
    text = lazy_init(Package("acme", acme.root), "acme.tools")[1]
    assert '"pay": "paying"' in text
    assert "refund" not in text


def test_code_of_a_person_stays(acme: Package) -> None:
    """Only a docstring and the lines around `expose` may be replaced."""
    file = acme.root / "tools" / "__init__.py"
    file.write_text('"""Tools."""\nfrom .finding import find\n')
    with pytest.raises(LevError, match="code of its own"):
        lazy_init(acme, "acme.tools")
    file.write_text("'''Tools,\nall.'''\nfrom __future__ import annotations\n")
    assert lazy_init(acme, "acme.tools")[1].startswith(f"{HEAD}\n{UNTOUCHED}\n'''Tools,\nall.'''\n\n")
    file.write_text("def (")
    with pytest.raises(LevError, match="is not Python"):
        lazy_init(acme, "acme.tools")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("selling.py", "def find(): ...\n", r"would mean two things: finding\.find and selling\.find"),
        ("selling.py", "class selling: ...\n", r"the module selling\.py and selling\.selling"),
    ],
)
def test_names_that_mean_two_things(acme: Package, name: str, text: str, message: str) -> None:
    """They are refused, with what to do."""
    (acme.root / "tools" / name).write_text(text)
    with pytest.raises(LevError, match=message) as caught:
        lazy_init(acme, "acme.tools")
    assert "__all__" in str(caught.value.help)


@pytest.mark.parametrize(
    ("module", "message"),
    [("os", "no module of acme"), ("acme.gone", "is no folder"), ("acme.tools.finding", "is no folder"),
     ("acme", "nothing to load")],
)  # fmt: skip
def test_what_cannot_load_lazily(acme: Package, module: str, message: str) -> None:
    """Another's module, a file, a folder with no names."""
    with pytest.raises(LevError, match=message):
        lazy_init(acme, module)


def test_a_module_beside_it_is_broken(acme: Package) -> None:
    """The error is where it stands."""
    (acme.root / "tools" / "finding.py").write_text("def (\n")
    with pytest.raises(InvalidInput, match=r"finding\.py:1:\d+ MAN201"):
        lazy_init(acme, "acme.tools")
