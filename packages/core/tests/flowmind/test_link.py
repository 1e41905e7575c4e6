"""Linking: what a flow names is found or reported, all of it at once, each at its place; cycles are refused."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core import InvalidInput, LevError, tool
from lev_os.core.bidirectional import run_sync
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.flowmind import Flow, FlowError
from lev_os.core.flowmind._linking import MAX_DEPTH, MAX_FLOWS
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.packaging import Package, load_package, specifiers
from lev_os.core.tools import ToolCard

TOOLS = '''\
raise AssertionError("linking imports nothing")

def find(name: str, limit: int = 3) -> str:
    """Find one."""

def anything(**fields: str) -> str:
    """Takes whatever it is given."""
'''


class Site:
    """A folder on `sys.path` with packages in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, files: Mapping[str, str], *, head: str = "") -> Package:
        """A package whose files in `contexts/` and `flows/` and whose functions in `tools.py` are exported."""
        toml = (
            f'format = 1\n{head}[exports]\n"./contexts/*" = {{ llm = "./contexts/*.md" }}\n'
            f'"./flows/*" = {{ llm = "./flows/*.yaml" }}\n"./tools/*" = {{ python = "{name}.tools:*" }}\n'
            '"./constitution" = { llm = "./constitution.yaml" }\n'
        )
        for path, text in {"lev.toml": toml, "__init__.py": "", "tools.py": TOOLS, **files}.items():
            file = self.root / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return load_package(name)

    def flow(self, specifier: str) -> Flow:
        """An exported flow, parsed."""
        name, _, rest = specifier.partition("/")
        package = load_package(name)
        text, path = package.read(f"./{rest}")
        return Flow.parse(text, package=package, path=str(path), specifier=specifier)

    def problems(self, specifier: str) -> list[str]:
        """What linking a flow says, as `file:line:column CODE message; help`, files below the site."""
        with pytest.raises(InvalidInput) as caught:
            self.flow(specifier).link()
        return [
            f"{str(p.at).removeprefix(f'{self.root}/')} {p.code} {p.message}; {p.help}" for p in caught.value.problems
        ]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(specifiers, "_shared", [])
    (tmp_path / "site").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    return Site(tmp_path / "site")


def flow(*steps: str, head: str = "") -> str:
    """A flow's text: one step a line, in flow style."""
    return (
        f"flowmind: 1\nname: x\n{head}steps:\n" + "".join(f"  - {{{step}}}\n" for step in steps) + "  - return: null\n"
    )


def calls(*references: str) -> str:
    """A flow that calls these flows, one after the other."""
    return flow(*(f"flow: {reference}" for reference in references))


# --- what is found


def test_every_kind_of_reference_is_found(site: Site) -> None:
    """Contexts of header and ask, tools of ask and call, flows, own and of another package; nothing is imported."""
    site.write(
        "acme",
        {
            "contexts/tone.md": "Be kind.\n",
            "flows/main.yaml": flow(
                "ask: hi, context: [other/contexts/law], tools: [./tools/anything]",
                "call: ./tools/find, with: {name: a}",
                "call: lev://other/tools/find, with: {name: a}",
                "flow: ./flows/inner",
                "flow: other/flows/inner",
                head="context: [./contexts/tone]\n",
            ),
            "flows/inner.yaml": calls(),
        },
    )
    site.write("other", {"contexts/law.md": "Obey.\n", "flows/inner.yaml": calls()})
    linked = site.flow("acme/flows/main").link()
    assert {ref: (c.specifier, c.text, c.tokens) for ref, c in linked.contexts.items()} == {
        "./contexts/tone": ("acme/contexts/tone", "Be kind.\n", 3),
        "other/contexts/law": ("other/contexts/law", "Obey.\n", 3),
    }
    assert {ref: (c.specifier, c.description) for ref, c in linked.tools.items()} == {
        "./tools/find": ("acme/tools/find", "Find one."),
        "./tools/anything": ("acme/tools/anything", "Takes whatever it is given."),
        "lev://other/tools/find": ("other/tools/find", "Find one."),
    }
    assert {ref: (f.specifier, f.package) for ref, f in linked.flows.items()} == {
        "./flows/inner": ("acme/flows/inner", "acme"),
        "other/flows/inner": ("other/flows/inner", "other"),
    }
    assert (linked.specifier, linked.package, linked.size, linked.depth) == ("acme/flows/main", "acme", 3, 2)
    assert linked.constitutions == (Constitution.baseline(),)


def test_tools_that_are_given_go_first(site: Site) -> None:
    """By the reference as written or by specifier, as functions or cards, before what the package exports."""
    site.write("acme", {"flows/main.yaml": flow("call: ./tools/find, with: {}", "call: ./tools/anything, with: {}")})

    def mine() -> None:
        """Mine."""

    card = ToolCard(specifier="else/where", name="where")
    linked = site.flow("acme/flows/main").link(tools={"./tools/find": mine, "acme/tools/anything": card})
    assert linked.tools["./tools/find"].description == "Mine."
    assert linked.tools["./tools/find"].specifier == "./tools/find"
    assert linked.tools["./tools/anything"] is card


def test_a_flow_without_a_package() -> None:
    """Its tools count as undeclared until they are given; its contexts and flows cannot be found."""
    tree = Flow.parse(flow("call: ./tools/find, with: {a: 1}"))
    linked = tree.link()
    assert linked.tools["./tools/find"] == ToolCard(specifier="./tools/find", name="find")
    assert (linked.specifier, linked.package) == ("x", None)
    with pytest.raises(InvalidInput) as caught:
        Flow.parse(flow("ask: hi, context: [./contexts/a]", "flow: ./flows/b")).link()
    assert [str(p).partition("\n")[0] for p in caught.value.problems] == [
        "<text>:4:25 FLW501 './contexts/a' is inside a package, and none is given",
        "<text>:5:12 FLW501 './flows/b' is inside a package, and none is given",
    ]


def test_a_context_with_parameters_is_filled_in_when_it_is_asked(site: Site) -> None:
    """The model sees the values of the moment; the journal's pinned text still holds the expressions."""
    head = '---\nname: who\nmetadata:\n  lev-params: "input who"\n---\n'
    site.write(
        "acme",
        {
            "contexts/who.md": head + "Speak to ${who} of ${input.n}; `${code}` stays.\n",
            "flows/main.yaml": flow(
                "set: {who: Ada}", "ask: hi, context: [./contexts/who]", head="input: {n: integer}\n"
            ),
        },
    )
    asked: list[Any] = []

    def model(request: Mapping[str, Any]) -> dict[str, Any]:
        asked.extend(request["context"])
        return {"answer": "ok"}

    main = site.flow("acme/flows/main")
    gate = Gate(Constitution.parse("constitution: 1\nname: open\nprinciples: []\n"))
    result = run_sync(main, {"n": 3}, model=model, gate=gate)
    assert (result.status, result.error) == ("done", None)
    assert [item["text"] for item in asked] == ["Speak to Ada of 3; `${code}` stays.\n"]
    context = main.link().contexts["./contexts/who"]
    assert context.text == "Speak to ${who} of ${input.n}; `${code}` stays.\n"
    with pytest.raises(LevError, match=r"acme/contexts/who needs a value for `input`, `who`"):
        context.render({})


# --- what is not


def test_all_that_is_missing_is_reported_at_once(site: Site) -> None:
    """Each at its line and column, wherever it stands, with the nearest name."""
    site.write(
        "acme",
        {
            "contexts/tone.md": "x",
            "flows/inner.yaml": calls(),
            "flows/main.yaml": (
                "flowmind: 1\nname: x\ncontext: [./contexts/tone, ./contexts/tonne]\nsteps:\n"
                "  - ask: hi\n    tools: [./tools/find, ./tools/fnd]\n    context: [./contexts/tonne]\n"
                "  - switch: '\"1\"'\n    cases:\n"
                '      "1":\n        - call: ./tools/fnd\n          with: {}\n'
                '      "a/b~c":\n        - flow: ./flows/iner\n'
                "  - call: nowhere/tools/x\n    with: {}\n  - flow: no-where/flows/x\n"
            ),
        },
    )
    assert [problem.removeprefix("acme/flows/main.yaml:") for problem in site.problems("acme/flows/main")] == [
        "3:28 FLW501 acme does not export './contexts/tonne'; did you mean ./contexts/tone?",
        "6:27 FLW501 'acme/tools/fnd' is not exported: acme.tools does not define a public 'fnd'; "
        "it defines anything, find",
        "7:15 FLW501 acme does not export './contexts/tonne'; did you mean ./contexts/tone?",
        "11:17 FLW501 'acme/tools/fnd' is not exported: acme.tools does not define a public 'fnd'; "
        "it defines anything, find",
        "14:17 FLW501 acme does not export './flows/iner'; did you mean ./flows/inner or ./flows/main?",
        "15:11 FLW501 there is no package 'nowhere'; install it, or run where its project is; "
        "a package has lev.toml beside its __init__.py",
        "17:11 FLW501 'no-where/flows/x' is not a specifier: 'no-where' is a distribution's name; "
        "packages go by their import name; write no_where/flows/x",
    ]


def test_a_name_of_another_kind_is_no_flow(site: Site) -> None:
    """It is said at every place, and again in another flow."""
    site.write(
        "acme",
        {
            "contexts/tone.md": "x",
            "flows/a.yaml": calls("./contexts/tone", "./flows/b", "./contexts/tone"),
            "flows/b.yaml": calls("./contexts/tone"),
        },
    )
    why = "FLW501 `acme/contexts/tone` is a context, not a flow; flows are exported under `./flows/`"
    assert sorted(site.problems("acme/flows/a")) == [
        f"acme/flows/a.yaml:4:12 {why}",
        f"acme/flows/a.yaml:6:12 {why}",
        f"acme/flows/b.yaml:4:12 {why}",
    ]


def test_what_is_broken_elsewhere_is_reported_where_it_is_broken(site: Site) -> None:
    """Flow, context, constitution and manifest of another package, each once, however often they are used."""
    site.write(
        "other",
        {
            "contexts/bad.md": "---\nname: [\n---\n",
            "flows/bad.yaml": "flowmind: 1\nname: x\nsteps:\n  - aks: hi\n",
            "flows/fine.yaml": calls(),
            "constitution.yaml": "constitution: 1\nname: other\nprinciples: []\nextends: [acme/constitution]\nx: 1\n",
        },
        head='constitution = "./constitution.yaml"\n',
    )
    site.write(
        "acme",
        {
            "flows/main.yaml": flow(
                "ask: a, context: [other/contexts/bad]",
                "ask: b, context: [other/contexts/bad]",
                "flow: other/flows/bad",
                "flow: other/flows/fine",
                "flow: ./flows/again",
            ),
            "flows/again.yaml": calls("other/flows/bad", "other/flows/fine"),
        },
    )
    places = [problem.split()[:2] for problem in site.problems("acme/flows/main")]
    assert places == [
        ["other/contexts/bad.md:3:1", "YML101"],
        ["other/flows/bad.yaml:4:5", "FLW102"],
        ["other/constitution.yaml:4:11", "CON202"],
        ["other/constitution.yaml:5:1", "CON101"],
    ]


def test_a_constitution_that_is_not_there(site: Site) -> None:
    """The manifest names a file that does not exist: said once, with the manifest's place."""
    site.write(
        "acme", {"flows/main.yaml": calls("./flows/b"), "flows/b.yaml": calls()}, head='constitution = "./c.yaml"\n'
    )
    assert site.problems("acme/flows/main") == [
        "acme/lev.toml FLW501 the constitution `./c.yaml` cannot be read: No such file or directory; "
        "correct `constitution`, or write that file"
    ]


def test_each_flow_obeys_its_own_package(site: Site) -> None:
    """A flow is linked to its package's constitution, not its caller's; a package without one to the baseline."""
    text = "constitution: 1\nname: strict\nprinciples: []\n"
    site.write("acme", {"flows/main.yaml": calls("other/flows/f", "plain/flows/f")})
    site.write(
        "other", {"flows/f.yaml": calls(), "constitution.yaml": text}, head='constitution = "./constitution.yaml"\n'
    )
    site.write("plain", {"flows/f.yaml": calls()})
    linked = site.flow("acme/flows/main").link()
    assert [c.specifier for c in linked.flows["other/flows/f"].constitutions] == ["other/constitution.yaml"]
    assert linked.flows["plain/flows/f"].constitutions == linked.constitutions == (Constitution.baseline(),)


# --- cycles and sizes


def test_flows_in_a_circle(site: Site) -> None:
    """A flow that calls itself, or comes back by others or another package, is refused with the whole way."""
    site.write(
        "acme",
        {
            "flows/self.yaml": calls("./flows/self"),
            "flows/a.yaml": calls("./flows/b"),
            "flows/b.yaml": calls("acme/flows/c"),
            "flows/c.yaml": calls("lev://acme/flows/a"),
            "flows/out.yaml": calls("other/flows/back"),
        },
    )
    site.write("other", {"flows/back.yaml": calls("acme/flows/out")})
    way = "repeat with `while` or `for_each`"
    assert site.problems("acme/flows/self") == [
        f"acme/flows/self.yaml:4:12 FLW502 flows must not form a cycle: acme/flows/self → acme/flows/self; {way}"
    ]
    assert site.problems("acme/flows/a") == [
        "acme/flows/c.yaml:4:12 FLW502 flows must not form a cycle: "
        f"acme/flows/a → acme/flows/b → acme/flows/c → acme/flows/a; {way}"
    ]
    assert site.problems("acme/flows/out") == [
        "other/flows/back.yaml:4:12 FLW502 flows must not form a cycle: "
        f"acme/flows/out → other/flows/back → acme/flows/out; {way}"
    ]


@pytest.mark.parametrize("order", [("two/flows/f", "one/flows/f"), ("one/flows/f", "two/flows/f")])
def test_packages_in_a_circle(site: Site, order: tuple[str, str]) -> None:
    """Refused although no flow comes back to itself, and whichever way is linked first."""
    site.write("acme", {"flows/main.yaml": calls(*order)})
    site.write("one", {"flows/f.yaml": calls("two/flows/g"), "flows/g.yaml": calls()})
    site.write("two", {"flows/f.yaml": calls("three/flows/f"), "flows/g.yaml": calls()})
    site.write("three", {"flows/f.yaml": calls("one/flows/g")})
    (problem,) = site.problems("acme/flows/main")
    assert "FLW502 packages must not form a cycle: " in problem
    assert problem.endswith("move what both need into a third package")
    names = problem.partition("cycle: ")[2].partition(";")[0].split(" → ")
    assert (len(names), names[0], set(names)) == (4, names[-1], {"one", "two", "three"})


def test_diamonds_are_fine(site: Site) -> None:
    """Two ways to one flow, in one package and across several, are no cycle; the flow is linked once."""
    site.write(
        "acme",
        {"flows/main.yaml": calls("one/flows/f", "two/flows/f", "./flows/own"), "flows/own.yaml": calls("one/flows/f")},
    )
    site.write("one", {"flows/f.yaml": calls("base/flows/f")})
    site.write("two", {"flows/f.yaml": calls("base/flows/f", "one/flows/f")})
    site.write("base", {"flows/f.yaml": calls()})
    linked = site.flow("acme/flows/main").link()
    one, two = linked.flows["one/flows/f"], linked.flows["two/flows/f"]
    assert one.flows["base/flows/f"] is two.flows["base/flows/f"]
    assert two.flows["one/flows/f"] is one
    assert (linked.size, linked.depth) == (10, 4)


def test_too_many_flows(site: Site) -> None:
    """Ten levels of two calls each reach a thousand flows: refused at every flow that is too big, without a blow-up."""
    flows = {f"flows/f{n}.yaml": calls(f"./flows/f{n + 1}", f"lev://acme/flows/f{n + 1}") for n in range(40)}
    site.write("acme", flows | {"flows/f40.yaml": calls()})
    site.flow("acme/flows/f33").link()
    assert site.problems("acme/flows/f32") == [
        f"acme/flows/f32.yaml FLW503 the flow `acme/flows/f32` reaches 511 flows; the limit is {MAX_FLOWS}; "
        "call fewer flows from flows"
    ]
    assert len(site.problems("acme/flows/f0")) == 33


def test_flows_too_deep(site: Site) -> None:
    """A long chain of flows is refused, however it is reached; one within the limit is linked, pinned and read back."""
    flows = {f"flows/f{n}.yaml": calls(f"./flows/f{n + 1}") for n in range(300)}
    site.write(
        "acme",
        {
            **flows,
            "flows/f300.yaml": calls(),
            "flows/two.yaml": calls("./flows/f201", "./flows/f200"),
            "flows/one.yaml": calls("./flows/f202"),
        },
    )
    linked = site.flow("acme/flows/f201").link()
    assert linked.depth == MAX_DEPTH
    assert LinkedFlow.from_pinned(linked.pinned).digest == linked.digest
    assert run_sync(site.flow("acme/flows/f201"), {}).status == "done"
    limit = f"at once; the limit is {MAX_DEPTH}; let fewer flows call each other"
    assert site.problems("acme/flows/f0") == [
        f"acme/flows/f99.yaml:4:12 FLW501 `acme/flows/f100` would be flow number 101 under way {limit}"
    ]
    assert site.problems("acme/flows/two")[0].startswith("acme/flows/f299.yaml:4:12 FLW501 `acme/flows/f300`")
    assert site.flow("acme/flows/one").link().depth == MAX_DEPTH


def test_a_deep_flow_that_is_known_already(site: Site) -> None:
    """What was fine below one caller is too deep below another."""
    flows = {f"flows/f{n}.yaml": calls(f"./flows/f{n + 1}") for n in range(98)}
    site.write(
        "acme",
        {
            **flows,
            "flows/f98.yaml": calls(),
            "flows/mid.yaml": calls("./flows/f0"),
            "flows/top.yaml": calls("./flows/f0", "./flows/mid"),
        },
    )
    assert site.problems("acme/flows/top") == [
        "acme/flows/mid.yaml:4:12 FLW501 `acme/flows/f0` would be flow number 101 under way at once; "
        f"the limit is {MAX_DEPTH}; let fewer flows call each other"
    ]


# --- arguments


def test_arguments_that_do_not_fit(site: Site) -> None:
    """Missing, unknown and of the wrong kind, for tools and flows; templates are left to the run."""
    inner = flow(head="input:\n  n: integer\n  kind: {enum: [a, b], default: a}\n")
    site.write(
        "acme",
        {
            "flows/inner.yaml": inner,
            "flows/main.yaml": (
                "flowmind: 1\nname: x\ninput: {v: any}\nsteps:\n"
                "  - call: ./tools/find\n    with: {nam: a}\n"
                '  - call: ./tools/find\n    with: {name: "${input.v}", limit: "3"}\n'
                "  - call: ./tools/anything\n    with: {whatever: 1}\n"
                "  - flow: ./flows/inner\n"
                '  - flow: ./flows/inner\n    with:\n      kind: c\n      n: "${input.v}"\n'
                '  - flow: ./flows/inner\n    with: {n: {x: ["${input.v}"]}, kind: "${input.v}", zzz: 1}\n'
            ),
        },
    )
    assert [problem.removeprefix("acme/flows/main.yaml:") for problem in site.problems("acme/flows/main")] == [
        "5:5 FLW304 `./tools/find` needs `name`; add it under `with`",
        "6:12 FLW304 `./tools/find` takes no `nam`; did you mean `name`?",
        "8:32 FLW304 `./tools/find` does not take this: /limit: must be a whole number, not the text '3'; None",
        "11:5 FLW304 `./flows/inner` needs `n`; add it under `with`",
        "14:7 FLW304 `./flows/inner` does not take this: /kind: must be one of `a`, `b`, not the text 'c'; None",
        "17:56 FLW304 `./flows/inner` takes no `zzz`; it takes n, kind",
    ]


def test_a_tool_whose_schema_says_nothing() -> None:
    """Any argument may be given: an empty schema, or one without `properties`."""
    card = ToolCard(specifier="t", name="t", input_schema={"type": "object"})
    Flow.parse(flow("call: ./tools/t, with: {a: 1}")).link(tools={"./tools/t": card})
    closed = ToolCard(
        specifier="t", name="t", input_schema={"type": "object", "properties": {}, "additionalProperties": False}
    )
    with pytest.raises(InvalidInput, match=r"`./tools/t` takes no `a`\n    help: it takes nothing"):
        Flow.parse(flow("call: ./tools/t, with: {a: 1}")).link(tools={"./tools/t": closed})


# --- pinning


@pytest.fixture
def linked(site: Site) -> LinkedFlow:
    """A flow with one of everything."""
    site.write(
        "acme",
        {
            "contexts/tone.md": '---\nmetadata:\n  lev-params: "n"\n---\nBe ${n}.\n',
            "flows/main.yaml": flow("ask: hi, context: [./contexts/tone], tools: [./tools/find]", "flow: ./flows/b"),
            "flows/b.yaml": flow("call: ./tools/find, with: {name: a}"),
        },
    )
    return site.flow("acme/flows/main").link()


def test_what_is_pinned_is_read_back_without_any_package(linked: LinkedFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through JSON, with nothing looked up, to the same digest."""
    data = msgspec.json.decode(msgspec.json.encode(linked.pinned))
    monkeypatch.setattr(specifiers, "find", None)
    again = LinkedFlow.from_pinned(data)
    assert again == linked
    assert again.digest == linked.digest
    assert again.pinned == linked.pinned


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inner for place in _places(value, (*path, key)))]


JUNK: tuple[Any, ...] = (None, 1, "x", [], {}, [1], {"x": 1}, [[]], {"text": 1})


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_pin_is_invalid_input(linked: LinkedFlow, data: st.DataObject) -> None:
    """Whatever part is replaced or gone: a sound flow is read, or it is refused with words."""
    pinned = copy.deepcopy(dict(linked.pinned))
    place = data.draw(st.sampled_from(_places(pinned)[1:]))
    holder: Any = pinned
    for key in place[:-1]:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[place[-1]] = data.draw(st.sampled_from(JUNK))
    else:
        del holder[place[-1]]
    with contextlib.suppress(InvalidInput):
        again = LinkedFlow.from_pinned(pinned)
        assert all(isinstance(context.text, str) for context in again.contexts.values())
        assert LinkedFlow.from_pinned(again.pinned).digest == again.digest


def test_a_pin_without_its_text(linked: LinkedFlow) -> None:
    """The message says that the journal was changed, not which Python error that led to."""
    damaged = dict(linked.pinned)
    del damaged["text"]
    with pytest.raises(InvalidInput) as caught:
        LinkedFlow.from_pinned(damaged)
    assert [(p.code, p.help) for p in caught.value.problems] == [("FLW504", "the journal was changed; start a new run")]


@pytest.mark.parametrize("kind", ["contexts", "tools", "flows"])
def test_a_pin_without_what_its_text_names(kind: str, linked: LinkedFlow) -> None:
    """What a step would look up has to be there before the run is replayed."""
    names = sorted(linked.pinned[kind])
    assert names
    with pytest.raises(InvalidInput, match=f"does not hold what it names: {re.escape(', '.join(names))}"):
        LinkedFlow.from_pinned({**linked.pinned, kind: {}})


# --- awaiting a flow


def test_a_flow_is_awaited_like_a_function() -> None:
    """Its inputs are keyword arguments, its output is what it gives; options go under `lev`."""
    double = Flow.parse('flowmind: 1\nname: double\ninput: {n: integer}\nsteps:\n  - return: "${input.n * 2}"\n')

    async def main() -> Any:
        return await double(n=4)

    assert asyncio.run(main()) == 8
    assert double.name == "double"
    with pytest.raises(InvalidInput, match="/n"):
        asyncio.run(double(n="four"))


def test_a_flow_that_gives_no_output_raises(tmp_path: Path) -> None:
    """How it ended is in the message and on the error; one that waits says how it goes on."""

    def refuse() -> None:
        """Refuse."""
        raise RuntimeError("no such luck")

    failing = Flow.parse(flow("call: ./tools/refuse, with: {}"))
    with pytest.raises(FlowError, match=r"the flow `x` ended as failed: .*no such luck") as failed:
        asyncio.run(failing(lev={"tools": {"./tools/refuse": tool(effects=[])(refuse)}}))
    assert (failed.value.status, failed.value.exit_code, failed.value.help) == ("failed", 3, None)
    assert failed.value.result.error.kind == "tool"
    waiting = Flow.parse(flow("wait: a person"))
    with pytest.raises(FlowError, match="ended as waiting") as waits:
        asyncio.run(waiting(lev={"journal": tmp_path / "j.jsonl"}))
    assert "lev runs" in (waits.value.help or "")


# --- cost


def test_every_file_is_read_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many flows use a flow, a context or a constitution."""
    many = flow(*["flow: ./flows/leaf", "ask: hi, context: [./contexts/tone]"] * 20)
    files = {f"flows/f{n}.yaml": many for n in range(10)}
    site.write(
        "acme",
        {
            **files,
            "flows/leaf.yaml": flow("ask: hi, context: [./contexts/tone]"),
            "flows/main.yaml": flow(*(f"flow: ./flows/f{n}" for n in range(10)), head="context: [./contexts/tone]\n"),
            "contexts/tone.md": "x",
            "constitution.yaml": "constitution: 1\nname: c\nprinciples: []\n",
        },
        head='constitution = "./constitution.yaml"\n',
    )
    main = site.flow("acme/flows/main")
    opened: Counter[str] = Counter()
    watching = [True]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and str(arguments[0]).startswith(f"{site.root}/"):
            opened[str(arguments[0]).removeprefix(f"{site.root}/acme/")] += 1

    sys.addaudithook(watch)
    try:
        main.link()
    finally:
        watching.clear()
    assert {name: count for name, count in opened.items() if count > 1} == {}
    assert opened.keys() >= {"contexts/tone.md", "flows/leaf.yaml", "constitution.yaml"}


def test_two_tools_of_one_name_cannot_be_offered_together() -> None:
    """A model calls tools by name; which one it means would be a guess."""
    head = "flowmind: 1\nname: two\ninput: {}\nsteps:\n"
    text = head + "  - ask: Look it up.\n    tools: [./tools/find, ./tools/other]\n"
    cards = {f"./tools/{ref}": ToolCard(specifier=f"acme/tools/{ref}", name="find") for ref in ("find", "other")}
    with pytest.raises(InvalidInput, match="both are called `find`"):
        Flow.parse(text).link(tools=cards)
