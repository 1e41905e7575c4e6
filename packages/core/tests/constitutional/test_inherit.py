"""Inheritance may only tighten: what is accepted is never laxer, and what is laxer is refused at both places."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from lev_os.core.constitutional import BASELINE, Constitution, Gate, run_tests
from lev_os.core.constitutional.fixtures import replay
from lev_os.core.constitutional.model import RULINGS, Verdict
from lev_os.core.constitutional.sources import Source
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import load_package

TESTS: dict[str, list[Any]] = {"violates": [{"request": {}}] * 2, "complies": [{"request": {"about": "x"}}] * 2}
PARENT: dict[str, Any] = {
    "id": "A-1",
    "statement": "Say nothing.",
    "authority": "default",
    "severity": "warning",
    "scope": {"artifacts": ["run"], "phase": ["tool", "post"]},
    "checks": [{"forbid_tool": ["send"]}, {"regex": "hush"}],
    "judge": {"rubric": "Is it rude?", "min_tpr": 0.8},
    "on_violation": "escalate",
    "tests": TESTS,
}


def text(*principles: Mapping[str, Any], name: str = "child", **more: Any) -> str:
    """A constitution as JSON, which is YAML."""
    return msgspec.json.encode({"constitution": 1, "name": name, **more, "principles": principles}).decode()


def sources(**texts: str) -> Any:
    """Looks references up among these texts, as `packaging` does among packages."""

    def resolve(reference: str, package: object) -> Source:
        if reference not in texts:
            raise LevError(f"there is no `{reference}`", help="write one of: " + ", ".join(texts))
        return Source(reference, texts[reference], f"{reference}.yaml")

    return resolve


def child(data: Mapping[str, Any], parent: Mapping[str, Any] = PARENT, **more: Any) -> Constitution:
    resolve = sources(parent=text(parent, name="parent"))
    return Constitution.parse(
        text({"id": "A-1", **data}, extends=["parent"], **more), path="child.yaml", specifier="child", resolve=resolve
    )


def problems(make: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        make()
    return [str(problem) for problem in caught.value.problems]


class TestTighter:
    def test_what_is_left_out_is_inherited(self) -> None:
        """A restated principle says only what changes."""
        (principle,) = child({"authority": "hard"}).principles
        assert principle.authority == "hard"
        assert principle.statement == "Say nothing."
        assert [check.kind for check in principle.checks] == ["forbid_tool", "regex"]
        assert principle.source == "child"

    @pytest.mark.parametrize(
        "data",
        [
            {"severity": "error", "authority": "hard"},
            {"on_violation": "block"},
            {"checks": [*PARENT["checks"], {"regex": "psst"}]},
            {"scope": {"artifacts": ["flow", "run"], "phase": ["pre", "tool", "post"]}},
            {"judge": {"rubric": "Is it rude?", "min_tpr": 0.9, "min_tnr": 0.5}},
            {"statement": "Say nothing at all.", "rationale": "Because."},
        ],
    )
    def test_stricter_is_accepted(self, data: dict[str, Any]) -> None:
        """More severe, wider, with more checks."""
        assert len(child(data).principles) == 1

    def test_own_principles_come_after_inherited_ones(self) -> None:
        """A child adds."""
        resolve = sources(parent=text(PARENT, name="parent"))
        own = {**PARENT, "id": "B-1"}
        made = Constitution.parse(text(own, extends=["parent"]), resolve=resolve)
        assert [(p.id, p.source) for p in made.principles] == [("A-1", "parent"), ("B-1", "child")]

    def test_the_baseline_is_found_by_its_name(self) -> None:
        """Extending it needs no look-up."""
        made = Constitution.parse(text(extends=[BASELINE]))
        assert made.principles == Constitution.baseline().principles
        assert Constitution.parse(text(extends=["lev://" + BASELINE])).principles == made.principles


class TestLaxer:
    @pytest.mark.parametrize(
        ("data", "says"),
        [
            ({"severity": "info"}, "severity warning became info"),
            ({"authority": "guideline"}, "authority default became guideline"),
            ({"on_violation": "warn"}, "on_violation escalate became warn"),
            ({"on_violation": "revise"}, "on_violation escalate became revise"),
            ({"scope": {"phase": ["tool"]}}, "the scope no longer holds post"),
            ({"scope": {"artifacts": ["flow"]}}, "the scope no longer holds run"),
            ({"checks": [{"regex": "hush"}]}, 'its check `forbid_tool: ["send"]` is gone'),
            ({"checks": [{"forbid_tool": ["send"]}, {"regex": "hush", "fail": "open"}]}, "`regex` now fails open"),
            ({"judge": {"rubric": "Is it nice?"}}, "its judge has another rubric"),
            ({"judge": {"rubric": "Is it rude?", "min_tpr": 0.8, "fail": "open"}}, "its judge now fails open"),
            ({"judge": {"rubric": "Is it rude?", "min_tpr": 0.7}}, "its judge needs a smaller min_tpr"),
        ],
    )
    def test_is_refused_with_both_places(self, data: dict[str, Any], says: str) -> None:
        """The message names the child's line and the parent's."""
        found = problems(lambda: child(data))
        assert any(says in line and line.startswith("child.yaml:1:") and "parent.yaml:1:" in line for line in found)

    def test_revise_may_not_become_escalate(self) -> None:
        """A person could then let pass what nobody could before."""
        assert (
            "revise became escalate"
            in problems(lambda: child({"on_violation": "escalate"}, {**PARENT, "on_violation": "revise"}))[0]
        )

    def test_shadow_mode_over_an_enforcing_parent(self) -> None:
        """Trying a child out is the run's choice, not the file's."""
        assert "mode shadow loosens parent" in problems(lambda: child({}, mode="shadow"))[0]

    def test_through_two_generations(self) -> None:
        """A grandchild is held to what the grandparent says."""
        resolve = sources(
            old=text(PARENT, name="old"),
            middle=text({"id": "A-1", "on_violation": "block"}, name="middle", extends=["old"]),
        )
        grandchild = text({"id": "A-1", "on_violation": "escalate"}, extends=["middle"])
        assert "block became escalate" in problems(lambda: Constitution.parse(grandchild, resolve=resolve))[0]


class TestSeveralParents:
    def test_of_two_versions_the_stricter_stands(self) -> None:
        """In either order."""
        resolve = sources(
            mild=text(PARENT, name="mild"), strict=text({**PARENT, "on_violation": "block"}, name="strict")
        )
        for order in (["mild", "strict"], ["strict", "mild"]):
            (principle,) = Constitution.parse(text(extends=order), resolve=resolve).principles
            assert principle.on_violation == "block"

    def test_neither_is_stricter(self) -> None:
        """Nobody guesses which one was meant."""
        resolve = sources(
            one=text({**PARENT, "on_violation": "block"}, name="one"),
            two=text({**PARENT, "severity": "error"}, name="two"),
        )
        found = problems(lambda: Constitution.parse(text(extends=["one", "two"]), path="c.yaml", resolve=resolve))
        assert "CON203" in found[0]
        assert "neither is the stricter" in found[0]


class TestBadParents:
    def test_a_circle(self) -> None:
        """The whole way round is shown, at the line that closes it."""
        resolve = sources(a=text(PARENT, name="a", extends=["b"]), b=text(name="b", extends=["a"]))
        found = problems(lambda: Constitution.parse(text(extends=["a"]), specifier="top", resolve=resolve))
        assert any("CON201" in line and "`a` extends `b` extends `a`" in line for line in found)

    def test_itself(self) -> None:
        """The shortest circle."""
        resolve = sources(me=text(name="me", extends=["me"]))
        found = problems(lambda: Constitution.parse(text(extends=["me"]), specifier="me", resolve=resolve))
        assert "`me` extends `me`" in found[0]

    def test_one_that_is_not_there_and_one_that_is_broken(self) -> None:
        """Both are reported at once, with the broken one's own problems at its own lines."""
        resolve = sources(broken="constitution: 1\nname: broken\nprinciples:\n  - id: nope\n")
        found = problems(lambda: Constitution.parse(text(extends=["gone", "broken"]), path="c.yaml", resolve=resolve))
        assert any(line.startswith("c.yaml:1:") and "there is no `gone`" in line for line in found)
        assert any(line.startswith("broken.yaml:4:") for line in found)


def test_parents_are_found_in_packages(tmp_path: Path) -> None:
    """`./x` within the package, `other/x` among the installed ones; what is missing is said with what there is."""
    root = tmp_path / "desk"
    root.mkdir()
    (root / "lev.toml").write_text(
        'format = 1\nname = "desk"\n[exports]\n"./constitution/*" = { llm = "./constitution/*.yaml" }\n'
    )
    (root / "constitution").mkdir()
    (root / "constitution" / "strict.yaml").write_text(text(PARENT, name="strict"))
    package = load_package(root)
    made = Constitution.parse(text(extends=["./constitution/strict", BASELINE]), package=package)
    assert [principle.source for principle in made.principles][:2] == ["desk/constitution/strict", BASELINE]
    found = problems(
        lambda: Constitution.parse(text(extends=["./constitution/strct", "nowhere/constitution/x"]), package=package)
    )
    assert ["CON202" in line for line in found] == [True, True]
    assert "strict" in found[0]


# -- what is accepted is never laxer ---------------------------------------------------------------------------

TOOL = st.fixed_dictionaries(
    {"name": st.sampled_from(["send", "find"])},
    optional={
        "effects": st.lists(st.sampled_from(["spends", "writes_external", "runs_code"]), unique=True, max_size=2)
    },
)
LABELS = st.lists(st.sampled_from(["untrusted", "private", "undeclared"]), unique=True, max_size=2)
ACTIONS = st.one_of(
    st.fixed_dictionaries(
        {"tool": TOOL, "args": st.fixed_dictionaries({"text": st.sampled_from(["hush", "psst", "hi"])})},
        optional={"taint": st.fixed_dictionaries({"args.text": LABELS}), "approved": st.booleans()},
    ),
    st.fixed_dictionaries({"request": st.fixed_dictionaries({"about": st.sampled_from(["hush", "hi"])})}),
    st.fixed_dictionaries(
        {"request": st.just({}), "result": st.fixed_dictionaries({"answer": st.sampled_from(["hush", "hi"])})}
    ),
)
CHECKS = [
    {"forbid_tool": ["send"]},
    {"forbid_tool": {"effects": ["spends", "runs_code"]}},
    {"regex": "hush"},
    {"regex": {"pattern": "psst", "fields": ["args"]}},
    {"taint": {"from": ["untrusted"], "to": ["writes_external"], "unless": ["approval"]}},
    {"budget": {"calls": 0, "effects": ["spends"]}},
    {"temporal": {"requires_before": "approval"}},
    {"regex": "(", "fail": "open"},
]
PRINCIPLES = st.fixed_dictionaries(
    {
        "id": st.just("A-1"),
        "statement": st.just("A rule."),
        "checks": st.lists(st.sampled_from(CHECKS[:-1]), min_size=1, max_size=4, unique_by=str),
        "tests": st.just(TESTS),
        "scope": st.fixed_dictionaries(
            {
                "artifacts": st.just(["run"]),
                "phase": st.lists(st.sampled_from(["pre", "post", "tool"]), unique=True, min_size=1),
            }
        ),
        "authority": st.sampled_from(["guideline", "default", "hard"]),
        "on_violation": st.sampled_from(["warn", "revise", "escalate", "block"]),
    }
)


@st.composite
def families(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A parent and a child that often, not always, keeps what it inherits."""
    parent, other = draw(PRINCIPLES), draw(PRINCIPLES)
    kept = {key: draw(st.sampled_from([parent[key], other[key]])) for key in ("authority", "on_violation", "scope")}
    checks = [*parent["checks"], *(check for check in other["checks"] if check not in parent["checks"])]
    return parent, {**other, **kept, "checks": checks}


def strictness(verdict: Verdict) -> int:
    """What a person has approved is let out and stays in the findings: no less than a warning."""
    return RULINGS.index("warn" if verdict.ruling == "allow" and verdict.findings else verdict.ruling)


RULE: dict[str, Any] = {**PARENT, "checks": [{"forbid_tool": ["send"]}], "on_violation": "warn"}


@given(families(), st.lists(ACTIONS, min_size=1, max_size=6))
@example((RULE, {**RULE, "on_violation": "escalate"}), [{"tool": {"name": "send"}, "args": {}, "approved": True}])
@settings(max_examples=150, deadline=None)
def test_an_accepted_child_is_never_laxer(
    family: tuple[dict[str, Any], dict[str, Any]], actions: list[dict[str, Any]]
) -> None:
    """For every action, the ruling under the child is at least as strict as under the parent."""
    parent, own = family
    try:
        tightened = child(own, parent)
    except InvalidInput:
        assume(False)
    gates = [Gate(made) for made in (Constitution.parse(text(parent, name="parent")), tightened)]
    for action in actions:
        before, after = (strictness(replay(gate, action)[1]) for gate in gates)
        assert after >= before, action


def test_inherited_fixtures_must_still_be_objected_to() -> None:
    """A child adds to `violates` and cannot drop one."""
    resolve = sources(parent=text(PARENT, name="parent"))
    more = {"id": "A-1", "tests": {"violates": [{"request": {"about": "new"}}]}}
    (principle,) = Constitution.parse(text(more, extends=["parent"]), resolve=resolve).principles
    assert principle.violates == (*TESTS["violates"], {"request": {"about": "new"}})
    assert run_tests(Constitution.baseline()) == []
