"""The package as a whole: its exports, its Python side, its constitution, its wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.core import Constitution, Context, load_package
from lev_os.core.constitutional.fixtures import run_tests
from lev_os.core.flowmind import Flow

PACKAGE = load_package("acme_support")


def test_one_name_for_two_audiences() -> None:
    """`acme_support/contexts/refund-policy` is text for a model and an object for a program."""
    from acme_support.contexts import refund_policy
    from acme_support.flows import triage

    assert isinstance(refund_policy, Context)
    assert refund_policy.text == PACKAGE.export("./contexts/refund-policy").for_llm()["text"]
    assert isinstance(triage, Flow)
    assert triage.specifier == "acme_support/flows/triage"


def test_every_export_reads_for_a_model() -> None:
    """Contexts stay within the budget that lev.toml sets."""
    budget = PACKAGE.manifest.budget.context
    for export in PACKAGE.exports():
        if export.kind == "context":
            assert export.for_llm()["tokens"] <= budget


@pytest.mark.parametrize("name", ["triage", "refund", "escalate"])
def test_every_flow_links(name: str) -> None:
    """All contexts, tools and flows it names are there."""
    text, path = PACKAGE.read(f"./flows/{name}")
    linked = Flow.parse(text, package=PACKAGE, path=str(path), specifier=f"acme_support/flows/{name}").link()
    assert [constitution.name for constitution in linked.constitutions] == ["acme_support"]


def test_the_constitution_extends_the_baseline_and_its_fixtures_hold() -> None:
    """Each principle says why, and has two examples of each kind at least, which the gate judges as it says."""
    path = PACKAGE.constitution_path
    assert isinstance(path, Path)
    text = path.read_text("utf-8")
    constitution = Constitution.parse(text, package=PACKAGE, path=str(path), specifier="acme_support/constitution")
    assert run_tests(constitution) == []
    own = [principle for principle in constitution.principles if principle.id.startswith("ACME-")]
    assert len(own) == 5
    assert len(constitution.principles) > len(own)
    for principle in own:
        assert principle.rationale
        assert len(principle.violates) >= 2
        assert len(principle.complies) >= 2
