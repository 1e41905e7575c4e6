"""Reading `constitution.yaml`: all problems at once, each at its line and column, and never a traceback."""

from __future__ import annotations

import textwrap
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core.constitutional import Constitution, Gate, constitution_schema
from lev_os.core.constitutional.checks import KINDS
from lev_os.core.constitutional.fixtures import action_of
from lev_os.core.constitutional.parse import examine, has_errors
from lev_os.core.errors import InvalidInput

GOOD = textwrap.dedent(
    """\
    constitution: 1
    name: acme
    principles:
      - id: ACME-001
        statement: Content from outside must not reach an outside write without approval.
        rationale: Letters can hold orders.
        authority: hard
        severity: error
        scope: {artifacts: [context, flow, tool, run], phase: [pre, post, tool]}
        checks:
          - taint: {from: [untrusted], to: [writes_external], unless: [approval]}
          - temporal: {requires_before: approval, within: 10m, same: [args.to]}
        judge: {rubric: "Does it follow orders?", min_tpr: 0.9, min_tnr: 0.9}
        on_violation: block
        tests:
          violates:
            - {tool: {name: s, effects: [writes_external]}, args: {to: a}, taint: {args.to: [untrusted]}}
            - {tool: {name: s, effects: [writes_external]}, args: {to: a}}
          complies:
            - {tool: {name: s, effects: []}, args: {to: a}}
            - {request: {instruction: hi}}
        maps: {owasp_asi: [ASI01]}
    """
)


def broken(old: str, new: str) -> list[str]:
    """The problems of the good file with one thing changed."""
    assert old in GOOD
    text = GOOD.replace(old, new)
    with pytest.raises(InvalidInput) as caught:
        Constitution.parse(text, path="c.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_the_format_page_s_principle_reads() -> None:
    """Every key of the format, in one principle."""
    made = Constitution.parse(GOOD, path="c.yaml", specifier="acme/constitution")
    (principle,) = made.principles
    assert (made.name, made.specifier, made.mode) == ("acme", "acme/constitution", "enforce")
    assert [check.kind for check in principle.checks] == ["taint", "temporal"]
    assert principle.judge is not None
    assert principle.maps == {"owasp_asi": ("ASI01",)}
    assert str(principle.checks[1].at) == "c.yaml:12:9"


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("statement:", "statment:", "c.yaml:5:5", "did you mean `statement`?"),
        ("authority: hard", "authority: hadr", "c.yaml:7:16", "did you mean `hard`?"),
        ("- temporal:", "- temporl:", "c.yaml:12:9", "did you mean `temporal`?"),
        ("to: [writes_external]", "to: [write_external]", "c.yaml:11:41", "did you mean `writes_external`?"),
        ("within: 10m", "within: soon", "c.yaml:12:55", "is not a duration such as 30s"),
        ("id: ACME-001", "id: acme 1", "c.yaml:4:9", "`id`"),
        ("on_violation: block", "on_violation: explode", "c.yaml:14:19", "must be one of"),
        ("min_tpr: 0.9", "min_tpr: 90", "c.yaml:13:56", "`min_tpr`"),
        ("phase: [pre, post, tool]", "phase: []", "c.yaml:9:59", "`phase`"),
        ("{request: {instruction: hi}}", "{requst: {}}", "c.yaml:21:12", "did you mean `request`?"),
    ],
)
def test_what_is_wrong_where_and_the_way_out(old: str, new: str, place: str, says: str) -> None:
    """Each problem names its place and, where one is near, what was meant."""
    found = broken(old, new)
    assert any(line.startswith(place) and says in line for line in found), found


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("regex: '(?=x)'", "not RE2"),
        ("regex: {pattern: '('}", "not RE2"),
        ("regex: {pattern: x, fields: [nonsense.x]}", "fields"),
        ("cel: 'args.amount >'", "cel"),
        ("cel: {holds: 'amount > 1'}", "there is no amount"),
        ("schema: {args: {type: strnig}}", "no JSON Schema"),
        ("schema: {args: {$ref: 'https://example.com/x.json'}}", "no JSON Schema"),
        ("schema: {tools: [x]}", "schema"),
        ("budget: {tools: [x]}", "limits nothing"),
        ("budget: {field: args.amount}", "total"),
        ("temporal: {within: 1m}", "requires_before"),
        ("temporal: {requires_before: approval, at_most: 1}", "either"),
        ("temporal: {same: [args.to]}", "either"),
        ("forbid_tool: []", "forbid_tool"),
        ("forbid_tool: {unless: [approval]}", "forbid_tool"),
        ("fail: open", "this has 0"),
        ("regex: x\n        cel: 'true'", "this has 2"),
        ("require_phrase: ''", "require_phrase"),
    ],
)
def test_arguments_of_checks_are_held_to_their_kind(check: str, says: str) -> None:
    """What would deny at run time is an error when it is read."""
    found = broken("temporal: {requires_before: approval, within: 10m, same: [args.to]}", check)
    assert any(line.startswith("c.yaml:12:") and says in line for line in found), found


def test_all_problems_at_once() -> None:
    """Three mistakes, three problems, in one go."""
    text = (
        GOOD.replace("authority: hard", "authority: soft")
        .replace("severity: error", "severity: bad")
        .replace("name: acme", "nam: acme")
    )
    with pytest.raises(InvalidInput) as caught:
        Constitution.parse(text)
    assert len(caught.value.problems) >= 3


def test_an_unknown_key_hides_nothing() -> None:
    """What is wrong besides is said too; a misspelt key counts as the one that was meant, and is needed no more."""
    text = GOOD.replace("name: acme", "nmae: acme\nextra: 1").replace("statement:", "statment:")
    text = text.replace("temporal:", "tempral:").replace("        - {request: {instruction: hi}}\n", "")
    _, problems = examine(text)
    assert [problem.code for problem in problems if "missing key" not in problem.message] == [
        *["CON101"] * 4,
        "CON109",
    ]


def test_what_can_be_read_besides_is_there_to_look_at() -> None:
    """Of three principles one is of another form and one has a pattern that is none; the third is whole."""
    text = (
        "constitution: 1\nname: a\nfoo: 1\nprinciples:\n"
        "  - {id: A-1, statement: x, checks: [{forbid_tool: 5}], tests: {violates: [{}], complies: [{}]}}\n"
        "  - {id: A-2, statement: x, checks: [{regex: '('}], tests: {violates: [{}, {}], complies: [{}, {}]}}\n"
        "  - {id: A-3, statement: x, severity: eror, checks: [{regex: x}], tests: {violates: [{}], "
        "complies: [{}, {}]}}\n"
    )
    made, problems = examine(text, path="c.yaml")
    assert made is not None
    assert [principle.id for principle in made.principles] == ["A-3"]
    assert sorted((problem.code, problem.at.line) for problem in problems) == [
        ("CON101", 3),
        ("CON101", 5),
        ("CON101", 7),
        ("CON106", 6),
        ("CON109", 7),
    ]
    with pytest.raises(InvalidInput):
        Constitution.parse(text)


def test_what_an_unread_parent_may_say_is_not_missed() -> None:
    """A principle that only tightens an inherited one has no statement of its own; with `extends` broken, nobody knows
    what it inherits."""
    text = "constitution: 1\nname: a\nextends: [no_such/constitution]\nprinciples: [{id: A-1, severity: error}]\n"
    assert [problem.code for problem in examine(text)[1]] == ["CON202"]


@pytest.mark.parametrize("version", ["2", "1.5", "99"])
def test_a_newer_version_says_only_that(version: str) -> None:
    """No guess at what it means."""
    (problem,) = broken("constitution: 1", f"constitution: {version}\nnew_key: 1")
    assert "CON102" in problem
    assert "upgrade lev-os-core" in problem


def test_two_tests_each_way() -> None:
    """One example is an anecdote."""
    found = broken("        - {request: {instruction: hi}}\n", "")
    assert "CON109 ACME-001 has 1 tests under `complies`" in found[0]


def test_a_principle_that_nothing_enforces() -> None:
    """Neither a check nor a judge, and no statement."""
    text = "constitution: 1\nname: a\nprinciples:\n  - id: A-1\n    tests: {violates: [{}, {}], complies: [{}, {}]}\n"
    with pytest.raises(InvalidInput) as caught:
        Constitution.parse(text)
    assert [problem.code for problem in caught.value.problems] == ["CON107", "CON108"]


def test_ids_are_unique() -> None:
    """The second is shown with the first's place."""
    twice = GOOD + GOOD[GOOD.index("  - id:") :]
    with pytest.raises(InvalidInput) as caught:
        Constitution.parse(twice, path="c.yaml")
    assert "ACME-001 is already the id of a principle at c.yaml:4:9" in str(caught.value)


def test_fail_open_is_reported_and_usable() -> None:
    """A warning at its place, on checks and on judges."""
    text = GOOD.replace("within: 10m, same: [args.to]}", "within: 10m}\n        fail: open").replace(
        "0.9}", "0.9, fail: open}", 1
    )
    made, problems = examine(text, path="c.yaml")
    assert made is not None
    assert [(p.severity, p.code, p.at.line) for p in problems] == [("warning", "CON110", 13), ("warning", "CON110", 14)]


def test_an_empty_constitution_must_be_written_out() -> None:
    """Forgetting the principles is an error, `principles: []` a decision."""
    with pytest.raises(InvalidInput, match=r"principles: \[\]"):
        Constitution.parse("constitution: 1\nname: a\n")
    empty = Constitution.parse("constitution: 1\nname: a\nprinciples: []\n")
    assert Gate(empty).judge(action_of({"tool": {"name": "rm", "effects": ["irreversible"]}})).ruling == "allow"


def test_pinned_and_read_back() -> None:
    """Through JSON, with the same digest, without looking anything up."""
    for made in (Constitution.parse(GOOD), Constitution.baseline()):
        again = Constitution.from_pinned(msgspec.json.decode(msgspec.json.encode(made.pinned())))
        assert again == made
        assert again.digest == made.digest
        assert again.principles == made.principles
        assert again.text == made.text


def test_the_digest_names_what_is_said() -> None:
    """Another comment is the same constitution, another rule is not."""
    made = Constitution.parse(GOOD)
    assert Constitution.parse("# hello\n" + GOOD) == made
    assert Constitution.parse(GOOD.replace("10m", "11m")) != made
    assert len({made, Constitution.parse(GOOD)}) == 1
    assert made != "acme"


def test_the_published_schema_is_one_and_takes_what_parse_takes() -> None:
    """Editors and the parser agree."""
    jsonschema_rs.meta.validate(constitution_schema())
    validator = jsonschema_rs.validator_for(constitution_schema())
    assert validator.is_valid(yaml.safe_load(GOOD))
    assert not validator.is_valid({"constitution": 1})


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe",
        b"\x00",
        "",
        "[]",
        "3",
        "null",
        "a: b: c",
        "constitution: {}",
        "constitution: 1\nprinciples: 7",
        "\u202ename: x",
    ],
)
def test_what_is_no_constitution(text: str | bytes) -> None:
    """An answer with a place, whatever was given."""
    with pytest.raises(InvalidInput) as caught:
        Constitution.parse(text, path="c.yaml")
    assert all(str(problem).startswith("c.yaml") for problem in caught.value.problems)


PRINCIPLE = constitution_schema()["properties"]["principles"]["items"]["properties"]
KEYS = st.sampled_from([*constitution_schema()["properties"], *PRINCIPLE, *KINDS, "fail", "tool", "args", "violates"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5),
    max_leaves=25,
)


def fuzzed(data: Any) -> None:
    """What can be read can be judged with; what is wrong has a place."""
    made, problems = examine(yaml.safe_dump(data, allow_unicode=True), path="c.yaml")
    assert made is not None or has_errors(problems)
    assert all(problem.at.line is not None for problem in problems)
    if made is not None:
        Gate(made).judge(action_of({"tool": "x", "args": {"a": "b"}}))


@given(JUNK)
@settings(max_examples=150, deadline=None)
def test_junk_never_gives_a_traceback(data: Any) -> None:
    """Any YAML value at all."""
    fuzzed(data)


@st.composite
def mutilated(draw: st.DrawFn) -> Any:
    """The good file with some values replaced by junk."""
    data = yaml.safe_load(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        place: Any = data
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            if not keys:
                break
            key = draw(st.sampled_from(list(keys)))
            if not isinstance(place[key], (dict, list)) or draw(st.booleans()):
                place[key] = draw(JUNK)
                break
            place = place[key]
    return data


@given(mutilated())
@settings(max_examples=200, deadline=None)
def test_a_mutilated_file_never_gives_a_traceback(data: Any) -> None:
    """Nearly right files reach the depths of the checks."""
    fuzzed(data)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_text_at_all(text: str | bytes) -> None:
    """Bytes from anywhere state no principle and are never put to use, and the answer says why."""
    made, problems = examine(text)
    assert problems
    assert made is None or not made.principles
    with pytest.raises(InvalidInput):
        Constitution.parse(text)
