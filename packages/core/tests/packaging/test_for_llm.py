"""What a model gets of a package, and the same names in Python."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lev_os.core.contexts import Context
from lev_os.core.errors import LevError
from lev_os.core.flowmind import Flow
from lev_os.core.packaging import Package, PackageConfig, card_of, expose, package_for_llm
from lev_os.core.tokens import count

MakePackage = Callable[..., Package]
TOML = """\
format = 1
constitution = "./constitution.yaml"
[exports]
"./contexts/*" = { llm-first = "./brief/*.md", llm = "./contexts/*.md", python = "NAME.contexts:*" }
"./flows/*" = { llm = "./flows/*.yaml", python = "NAME.flows:*" }
"./tools/*" = { python = "NAME.tools:*" }
"./constitution" = { llm = "./constitution.yaml" }
"./notes/*" = { llm = "./notes/*.txt" }
"""
EXPOSE = "from lev_os.core import expose\n\n__getattr__, __dir__, __all__ = expose(__name__)\n"
FLOW = "flowmind: 1\nname: triage\ninput: {message: string}\nsteps:\n  - return: {said: '${input.message}'}\n"
CONSTITUTION = "constitution: 1\nname: acme\nextends: [lev_os.core/constitution/baseline]\nprinciples: []\n"
FILES = {
    "__init__.py": "",
    "contexts/__init__.py": EXPOSE,
    "contexts/refund-policy.md": "---\ndescription: Who gets money back.\n---\n# Refunds\n\nThe long text.\n",
    "brief/refund-policy.md": "# Refunds, in short\n",
    "flows/__init__.py": EXPOSE,
    "flows/triage.yaml": FLOW,
    "tools.py": "def refund(order: str) -> str:\n    'Give it back.'\n    return order\n",
    "constitution.yaml": CONSTITUTION,
    "notes/plain.txt": "Plain.",
}


@pytest.fixture
def acme(make_package: MakePackage, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Package:
    """A package under a name of its own for each test, since Python keeps what it has imported."""
    name = "acme_" + "".join(letter if letter.isalnum() else "_" for letter in request.node.name)
    package = make_package(TOML.replace("NAME", name), FILES, name=name)
    monkeypatch.syspath_prepend(package.root.parent)
    return package


def test_a_package_for_a_model(acme: Package) -> None:
    """Contexts, flows, tools as JSON Schemas and the constitution, each with specifier, digest and tokens."""
    given = package_for_llm(acme)
    texts = {item["specifier"]: item["text"] for item in given.contexts}
    assert "The long text." in texts[f"{acme.name}/contexts/refund-policy"]
    assert [flow["text"] for flow in given.flows] == [FLOW]
    assert given.tools[0]["schema"]["input_schema"]["properties"] == {"order": {"type": "string"}}
    assert given.constitutional is not None
    assert given.constitutional["name"] == "acme"
    for item in (*given.contexts, *given.flows, *given.tools, given.constitutional):
        assert item["digest"].startswith("sha256:")
        assert item["tokens"] > 0
    assert given["contexts"] == given.contexts
    json.dumps(dict(given))
    with pytest.raises(KeyError):
        given["text"]


def test_up_front_and_on_request_may_differ(acme: Package) -> None:
    """`llm-first` gets the short text where there are two."""
    (first, *_) = package_for_llm(acme.root, conditions="llm-first").contexts
    assert first["text"] == "# Refunds, in short\n"


def test_both_directions_of_loading_are_explicit(acme: Package) -> None:
    """`from_python` gives the object, `for_llm` the text."""
    export = acme.export("./contexts/refund-policy")
    said = export.for_llm()
    assert (said["module"], said["context"], said["tokens"]) == (acme.name, "refund-policy", count(said["text"]))
    assert isinstance(export.from_python(), Context)
    tool = acme.export("./tools/refund")
    assert tool.from_python()("o1") == "o1"
    assert json.loads(tool.for_llm()["text"])["name"] == "refund"
    assert acme.export("./notes/plain").from_python() == "Plain."
    assert acme.export("./notes/plain").for_llm()["text"] == "Plain."
    assert acme.export("./constitution").from_python().name == "acme"


def test_the_same_names_in_python(acme: Package) -> None:
    """`from acme.contexts import refund_policy` gives a Context, `from acme.flows import triage` an async callable."""
    contexts = importlib.import_module(f"{acme.name}.contexts")
    assert isinstance(contexts.refund_policy, Context)
    assert contexts.refund_policy is contexts.refund_policy
    assert contexts.refund_policy.body.startswith("# Refunds, in short")
    assert list(contexts.__all__) == ["refund_policy"]
    assert contexts.__all__[:1] == ["refund_policy"]
    assert "refund_policy" in dir(contexts)
    flow = importlib.import_module(f"{acme.name}.flows").triage
    assert isinstance(flow, Flow)
    assert flow.specifier == f"{acme.name}/flows/triage"
    scope: dict[str, object] = {}
    exec(f"from {acme.name}.contexts import *", scope)
    assert isinstance(scope["refund_policy"], Context)


def test_a_name_that_is_not_exposed_is_an_attribute_error(acme: Package) -> None:
    """With the names there are; and nothing is read for the names Python itself asks for."""
    contexts = importlib.import_module(f"{acme.name}.contexts")
    with pytest.raises(AttributeError, match="it exposes refund_policy"):
        _ = contexts.refunds
    (acme.root / "lev.toml").write_text("broken")
    flows = importlib.import_module(f"{acme.name}.flows")
    assert not hasattr(flows, "__wrapped__")
    with pytest.raises(LevError, match=r"lev\.toml:1"):
        _ = flows.triage


def test_expose_needs_a_manifest_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that belongs to no package says so when a name is asked for."""
    (tmp_path / "lonely_module.py").write_text(EXPOSE)
    monkeypatch.syspath_prepend(tmp_path)
    lonely = importlib.import_module("lonely_module")
    with pytest.raises(LevError, match=r"no lev\.toml above"):
        _ = lonely.anything
    get, _, _ = expose("sys")
    with pytest.raises(LevError, match="has no file"):
        get("anything")


def test_folders_without_a_manifest(tmp_path: Path) -> None:
    """A `PackageConfig` names folders and a constitution; no `lev.toml` is needed."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/tone.md").write_text("Be kind.\n")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/triage.yaml").write_text(FLOW)
    (tmp_path / "values.yaml").write_text(CONSTITUTION)
    config = PackageConfig(
        contexts_dir=tmp_path / "prompts", flows_dir=str(tmp_path / "flows"), constitution_path=tmp_path / "values.yaml"
    )
    given = package_for_llm(config)
    assert [item["specifier"] for item in given.contexts] == ["config/contexts/tone"]
    assert [item["specifier"] for item in given.flows] == ["config/flows/triage"]
    assert given.constitutional is not None
    only = package_for_llm(PackageConfig(contexts_dir=tmp_path / "prompts"))
    assert (len(only.contexts), only.constitutional) == (1, None)
    with pytest.raises(LevError, match="names at least one"):
        package_for_llm(PackageConfig())
    with pytest.raises(LevError, match="does not exist"):
        package_for_llm(PackageConfig(flows_dir=tmp_path / "nowhere"))


def test_a_tool_card_is_what_the_model_sees(acme: Package) -> None:
    """The card read from the tree and that of the live function tell a model the same."""
    live = card_of(acme.tool("./tools/refund"))
    assert live.input_schema == acme.card("./tools/refund").input_schema
