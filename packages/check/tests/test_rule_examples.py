"""Every rule's own examples, run as they stand: the bad ones are found at their place, the good ones are not."""

import subprocess
import sys
from pathlib import Path

import pytest
from lev_os.check import Example, Rule, check
from lev_os.check.registry import _OF_KINDS, rules

# A rule or a plugin that fails, a configuration that cannot be used, 10 MB of YAML: they have tests of their own.
WITHOUT_EXAMPLES = {"CHK901", "CHK906", "CHK907", "CHK910", "YML102"}
EXEMPLIFIED = [rule for rule in rules().values() if rule.on != "command" and rule.code not in WITHOUT_EXAMPLES]


def written(example: Example, folder: Path) -> Path:
    """The example's tree of files."""
    for name, text in example.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


@pytest.mark.parametrize("rule", EXEMPLIFIED, ids=lambda rule: rule.code)
def test_bad_is_found_at_its_place(rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bad example has a finding of this code at the line and column that the example names."""
    assert rule.bad, f"{rule.code} has no bad example"
    for number, example in enumerate(rule.bad):
        folder = written(example, tmp_path / str(number))
        monkeypatch.chdir(folder)
        found = [(d.file, d.line, d.column) for d in check([folder], select=[rule.code]).diagnostics]
        assert example.at in found, f"{rule.code} was found at {found}"


@pytest.mark.parametrize("rule", EXEMPLIFIED, ids=lambda rule: rule.code)
def test_good_is_left_alone(rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No good example has a finding of this code."""
    assert rule.good, f"{rule.code} has no good example"
    for number, example in enumerate(rule.good):
        folder = written(example, tmp_path / str(number))
        monkeypatch.chdir(folder)
        assert check([folder], select=[rule.code]).diagnostics == ()


def test_rules_on_files_and_projects_load_without_those_on_packages() -> None:
    """The modules that are left out until there is a package hold no other rules; this is half the time to start."""
    code = (
        "import sys\nfrom lev_os.check.registry import _OF_PACKAGES, rules, rules_on\n"
        "few = {rule.code for on in ('file', 'project') for rule in rules_on(on)}\n"
        "late = tuple('lev_os.check.rules.' + name for name in _OF_PACKAGES)\n"
        "print(*(name for name in sys.modules if name.startswith(late)))\n"
        "print(*({rule.code for rule in rules().values() if rule.check and rule.on in ('file', 'project')} - few))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "\n\n"


def test_rules_about_kinds_of_files_that_are_not_there_are_not_loaded() -> None:
    """A check of skills loads no module about plugins, hooks and MCP servers; these say what they are about."""
    for rule in rules().values():
        about = _OF_KINDS.get(rule.check.__module__.removeprefix("lev_os.check.rules.")) if rule.check else None
        assert about is None or rule.on == "project" or rule.kinds <= about, rule.code
    code = (
        "import sys\nfrom lev_os.check.registry import _OF_KINDS, rules_on\n"
        "print(len([*rules_on('file', frozenset({'skill'})), *rules_on('project', frozenset({'skill'}))]) > 50)\n"
        "print(*(name for name in sys.modules if name.removeprefix('lev_os.check.rules.') in _OF_KINDS))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "True\n\n"
