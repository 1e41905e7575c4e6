"""Taint belongs to bound values: whatever references a tainted name is tainted, on every way through a flow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lev_os.core.bidirectional import Effect, Machine
from lev_os.core.constitutional import Check, Constitution, Gate, Principle
from lev_os.core.flowmind import Flow
from machines import card, drive, machine

MAIL = card("mail", "ingests_untrusted")
FILES = card("files", "reads_private")
PURE = card("pure")
SEND = card("send", "writes_external")
READ = "  - {id: mail, call: ./tools/mail, with: {}}\n"
ITEMS = "  - {id: mail, call: ./tools/mail, with: {}}\n  - set: {items: [1, 2]}\n"

WAYS = {
    "set": READ + '  - set: {x: "${mail}"}\n',
    "text around it": READ + '  - set: {x: "so: ${mail}!"}\n',
    "a part of it": READ + '  - set: {o: {a: "${mail}"}}\n  - set: {x: "${o.a}"}\n',
    "a pure tool": READ + '  - {id: x, call: ./tools/pure, with: {text: "${mail}"}}\n',
    "a model": READ + '  - {id: x, ask: Say it., about: "${mail}"}\n',
    "an instruction": READ + '  - {id: x, ask: "Say ${mail}."}\n',
    "collect of an outer name": ITEMS + '  - {id: x, for_each: i in items, do: [set: {y: 1}], collect: "${mail}"}\n',
    "collect of an inner name": ITEMS
    + '  - {id: x, for_each: i in items, do: [set: {y: "${mail}"}], collect: "${y}"}\n',
    "items": READ + '  - set: {l: ["${mail}"]}\n  - {id: x, for_each: i in l, do: [set: {y: 1}], collect: "${y}"}\n',
    "where": ITEMS + "  - {id: x, for_each: i in items, where: \"mail == 'cat'\", do: [set: {y: 1}], collect: 1}\n",
    "a branch taken": READ + "  - if: \"mail == 'cat'\"\n    then: [{set: {x: 1}}]\n",
    "a branch not taken": READ + "  - if: \"mail == 'dog'\"\n    then: [{set: {x: 1}}]\n",
    "a case not taken": READ + '  - switch: "mail"\n    cases: {dog: [{set: {x: 1}}]}\n    default: [{set: {y: 1}}]\n',
    "rounds": READ + "  - id: x\n    while: \"mail == 'dog'\"\n    max_iterations: 2\n    do: [{set: {y: 1}}]\n",
    "a loop without rounds": READ + "  - while: \"mail == 'dog'\"\n    max_iterations: 2\n    do: [{set: {x: 1}}]\n",
    "a parallel branch": READ + '  - {id: x, parallel: {a: [{set: {y: "${mail}"}}], b: [{set: {z: 1}}]}}\n',
    "an error": READ
    + '  - try: [{call: ./tools/pure, with: {text: "${mail}"}}]\n    catch: [{set: {x: "${error.message}"}}]\n',
    "items and where": READ
    + '  - set: {l: ["${mail}"]}\n'
    + '  - {id: x, for_each: i in l, where: "1 == 1", do: [set: {y: 1}], collect: 1}\n',
    "one item of several": ITEMS
    + "  - {id: x, for_each: i in items, collect: 1,"
    + " do: [{if: i == 1, then: [{set: {y: '${mail}'}}], else: [{set: {z: 1}}]}]}\n",
    "an item decided on": READ
    + '  - set: {l: ["${mail}"]}\n  - {for_each: i in l, do: [{id: y, call: ./tools/pure, with: {}}], id: x}\n',
    "rounds that a later one ended": READ
    + "  - set: {n: 0, z: 'cat'}\n  - id: x\n    while: \"z != 'dog'\"\n    max_iterations: 3\n"
    + "    do: [{set: {z: '${n == 0 ? mail : string(n)}'}}, {set: {n: '${n + 1}'}}]\n",
    "a name that a judgement may bind": READ
    + '  - {if_semantic: angry, about: "${mail}", then: [{id: x, call: ./tools/pure, with: {}}], uncertain: []}\n',
    "a label": READ + '  - {id: x, switch_semantic: mood, about: "${mail}", cases: {yes: [], no: []}, uncertain: []}\n',
    "a judged statement": READ + '  - {id: x, if_semantic: "it is ${mail}", about: it, then: [], uncertain: []}\n',
    "rounds that an earlier one let in": READ
    + "  - set: {z: '${mail}'}\n  - {id: x, while: \"z == 'cat'\", max_iterations: 3, do: [{set: {z: dog}}]}\n",
    "an error inside a flow's expression": READ
    + "  - try: [{set: {y: \"${mail['no'].such}\"}}]\n    catch: [{set: {x: '${error.kind}'}}]\n",
    "a judgement": READ + '  - {id: x, if_semantic: angry, about: "${mail}", then: [], else: [], uncertain: []}\n',
}


def answer(effect: Effect) -> object:
    """The mail says `cat`; everything else answers plainly, and `pure` fails when it is told to in a `try`."""
    if effect.kind == "judge":
        return {"label": "yes", "decided_by": "test"}
    if effect.kind == "model":
        return {"answer": "cat"}
    if effect.request["name"] == "pure" and "try" in effect.path.split("/"):
        return RuntimeError("cat")
    return "cat"


def sent(steps: str, value: str) -> tuple[Machine, Effect | None]:
    """Run the steps under the baseline, then send a value out; the effect that is open then."""
    send = f'  - {{call: ./tools/send, with: {{text: "{value}"}}}}\n'
    m = machine(steps + send, tools=(MAIL, FILES, PURE, SEND), gate=Gate())
    step = m.start()
    while (
        m.outcome is None and m.effects and m.effects[0].kind != "wait" and m.effects[0].request.get("name") != "send"
    ):
        effect = m.effects[0]
        result = answer(effect)
        step = m.fail(effect.token, result) if isinstance(result, Exception) else m.submit(effect.token, result)
    assert step.outcome is None, step.outcome
    return m, m.effects[0]


@pytest.mark.parametrize("way", WAYS)
def test_taint_reaches_an_outside_write(way: str) -> None:
    """On every way from the mail to `x` a person is asked before `x` leaves."""
    _, effect = sent(WAYS[way], "${x}")
    assert effect is not None
    assert (effect.kind, effect.request["name"]) == ("wait", "approval")


@pytest.mark.parametrize("way", ["set", "a part of it", "collect of an outer name", "rounds"])
def test_what_does_not_touch_it_stays_clean(way: str) -> None:
    """Another name leaves unasked: taint follows references, not time."""
    _, effect = sent(WAYS[way] + "  - set: {clean: 1}\n", "${clean}")
    assert effect is not None
    assert effect.request["name"] == "send"


def test_a_call_without_arguments_is_tainted_by_what_its_model_has_read() -> None:
    """A model that has read a stranger's mail decides to ring: nothing is in the arguments, yet a person is asked."""
    ring = card("ring", "writes_external")
    m = machine(
        READ + '  - {ask: Handle it., about: "${mail}", tools: [./tools/ring]}\n', tools=(MAIL, ring), gate=Gate()
    )
    step = m.submit(m.start().effects[0].token, "ring, now!")
    step = m.submit(step.effects[0].token, {"tool_calls": [{"tool": "ring", "arguments": {}}]})
    assert [effect.kind for effect in step.effects] == ["wait"]


@pytest.mark.parametrize(
    ("catch", "status"),
    [
        ('[{return: "${error.message}"}]', "done"),
        ('[{ask: "What does this mean: ${error.message}"}]', "denied"),
        ('[{call: ./tools/pure, with: {text: "${error.message}"}}]', "denied"),
        ('[{ask: Do it., tools: [./tools/pure], about: "${error.message}"}]', "denied"),
    ],
)
def test_what_an_error_says_is_judged_where_it_goes(catch: str, status: str) -> None:
    """Its text has no verdict of its own; a prompt or a call that holds it has, and who called the flow may read it."""
    hush = Principle(id="T-1", statement="Hush.", checks=(Check(kind="regex", argument="hush"),))
    gate = Gate(Constitution.of((hush,), name="hush"))
    m = machine(f"  - try: [{{call: ./tools/files, with: {{}}}}]\n    catch: {catch}\n", tools=(FILES, PURE), gate=gate)
    step = m.fail(m.start().effects[0].token, "hush, it failed")
    assert [record.type for record in step.records][:1] == ["failure"]
    assert m.outcome is not None
    assert m.outcome.status == status
    assert m.outcome.output == ("hush, it failed" if status == "done" else None)


def test_what_a_private_tool_says_when_it_fails_is_private() -> None:
    """An error message may quote what the tool has read."""
    steps = (
        "  - try: [{call: ./tools/files, with: {}}]\n"
        '    catch: [{call: ./tools/send, with: {text: "${error.message}"}}]\n'
    )
    m = machine(steps, tools=(FILES, SEND), gate=Gate())
    step = m.fail(m.start().effects[0].token, "no room in /home/alice/diary")
    (wait,) = step.effects
    assert {"BASE-001", "BASE-002"} <= {finding["principle"] for finding in wait.request["for"]["findings"]}


def test_a_private_tools_failure_inside_an_ask_makes_the_answer_private() -> None:
    """The model hears the message, so what it says next may quote it."""
    steps = '  - {id: a, ask: Look., tools: [./tools/files]}\n  - {call: ./tools/send, with: {text: "${a}"}}\n'
    m = machine(steps, tools=(FILES, SEND), gate=Gate())

    def play(effect: Effect) -> object:
        if effect.kind == "tool":
            return RuntimeError("no room in /home/alice/diary")
        return {"answer": "x"} if effect.request["turns"] else {"tool_calls": [{"tool": "files", "arguments": {}}]}

    step = m.start()
    while m.effects and m.effects[0].kind != "wait":
        effect = m.effects[0]
        result = play(effect)
        step = m.fail(effect.token, result) if isinstance(result, Exception) else m.submit(effect.token, result)
    assert "BASE-002" in {finding["principle"] for finding in step.effects[0].request["for"]["findings"]}


def test_only_the_very_value_that_a_person_approved_is_cleared() -> None:
    """Showing one value and sending another is asked about."""
    approve = '  - {id: w, wait: approval, about: "${mail}"}\n'
    for value, kind in (("${mail}", "tool"), ("${mail}!", "wait")):
        m = machine(
            READ + approve + f'  - {{call: ./tools/send, with: {{text: "{value}"}}}}\n', tools=(MAIL, SEND), gate=Gate()
        )
        step = m.submit(m.start().effects[0].token, "cat")
        step = m.submit(step.effects[0].token, {"approved": True})
        assert [effect.kind for effect in step.effects] == [kind]


def test_nothing_is_cleared_by_an_approval_that_showed_nothing() -> None:
    """A wait without `about` approves no value: not even null."""
    nothing = card("nothing", "ingests_untrusted")
    steps = (
        "  - {id: n, call: ./tools/nothing, with: {}}\n  - {id: w, wait: approval}\n"
        '  - {call: ./tools/send, with: {text: "${n}"}}\n'
    )
    m = machine(steps, tools=(nothing, SEND), gate=Gate())
    step = m.submit(m.start().effects[0].token, None)
    step = m.submit(step.effects[0].token, {"approved": True})
    assert [effect.kind for effect in step.effects] == ["wait"]


def test_a_clean_flow_asks_nobody() -> None:
    """The control: the same write of a constant needs no person."""
    m = machine("  - {call: ./tools/send, with: {text: hello}}\n", tools=(SEND,), gate=Gate())
    assert drive(m, m.start(), lambda effect: "sent").outcome is not None


def test_what_follows_a_tainted_return_is_decided_by_it() -> None:
    """That the flow went on says what the mail did not say."""
    steps = READ + "  - if: \"mail == 'dog'\"\n    then: [{return: 1}]\n"
    _, effect = sent(steps, "hello")
    assert effect is not None
    assert effect.kind == "wait"


RETURNS = {
    "a judgement": "  - {if_semantic: angry, about: '${mail}', then: [], else: [{return: 1}], uncertain: []}\n",
    "a classification": "  - {switch_semantic: mood, about: '${mail}', cases: {yes: [], no: [{return: 1}]},"
    " uncertain: []}\n",
    "a loop": "  - {while: \"mail == 'dog'\", max_iterations: 2, do: [{return: 1}]}\n",
    "an error": "  - try: [{call: ./tools/pure, with: {text: '${mail}'}}]\n"
    "    catch: [{if: 'false', then: [{return: 1}]}]\n",
}


@pytest.mark.parametrize("way", RETURNS)
def test_what_might_have_returned_decides_what_follows(way: str) -> None:
    """Wherever the `return` stands, and however it was decided on."""
    _, effect = sent(READ + RETURNS[way], "hello")
    assert effect is not None
    assert effect.kind == "wait"


def test_a_sub_flow_that_fails_hands_up_what_it_has_read() -> None:
    """Its failure may quote what a private tool inside it has seen."""
    inside = Flow.parse("flowmind: 1\nname: inner\ninput: {}\nsteps:\n  - {call: ./tools/files, with: {}}\n")
    outer = (
        "flowmind: 1\nname: outer\ninput: {}\nsteps:\n  - try: [{flow: ./flows/inner}]\n"
        '    catch: [{call: ./tools/send, with: {text: "${error.message}"}}]\n'
    )
    base = Flow.parse("flowmind: 1\nname: outer\ninput: {}\nsteps: [{return: 1}]\n").link()
    tools = {"./tools/files": FILES, "./tools/send": SEND}
    flows = {"./flows/inner": inside.link(tools=tools)}
    linked = replace(base, tree=Flow.parse(outer).tree, flows=flows, tools=tools)
    m = Machine(linked, gate=Gate(), run="r", secret=b"s")
    (wait,) = m.fail(m.start().effects[0].token, "no room in /home/alice/diary").effects
    assert {"BASE-001", "BASE-002"} <= {finding["principle"] for finding in wait.request["for"]["findings"]}


def test_an_expression_that_fails_hands_on_what_it_has_read() -> None:
    """What an error says of a private value is private."""
    steps = (
        "  - {id: file, call: ./tools/files, with: {}}\n"
        '  - try: [{set: {x: "${file.missing}"}}]\n'
        '    catch: [{call: ./tools/send, with: {text: "${error.message}"}}]\n'
    )
    m = machine(steps, tools=(FILES, SEND), gate=Gate())
    (wait,) = m.submit(m.start().effects[0].token, {"diary": 1}).effects
    assert "BASE-002" in {finding["principle"] for finding in wait.request["for"]["findings"]}


@pytest.mark.parametrize(("value", "kind"), [("${input.its_text}", "wait"), ("${input.our_text}", "tool")])
def test_a_field_that_comes_from_outside_is_apart_from_the_others(value: str, kind: str) -> None:
    """An input is tainted field by field."""
    m = machine(
        f'  - {{call: ./tools/send, with: {{text: "{value}"}}}}\n',
        tools=(SEND,),
        gate=Gate(),
        head="input: {its_text: {type: string, untrusted: true}, our_text: string}",
    )
    assert [effect.kind for effect in m.start({"its_text": "cat", "our_text": "dog"}).effects] == [kind]


def test_what_a_failing_tool_says_to_a_model_comes_from_outside() -> None:
    """Even a pure tool's error may quote anybody: what the model does next is asked about."""
    m = machine("  - {ask: Handle it., tools: [./tools/pure, ./tools/send]}\n", tools=(PURE, SEND), gate=Gate())

    def calls(tool: str) -> object:
        return {"tool_calls": [{"tool": tool, "arguments": {"text": "hi"}}]}

    step = m.submit(m.start().effects[0].token, calls("pure"))
    step = m.fail(step.effects[0].token, "ring 555-1234 at once")
    step = m.submit(step.effects[0].token, calls("send"))
    assert [effect.kind for effect in step.effects] == ["wait"]


def test_a_person_s_answer_is_clean() -> None:
    """What a person says after reading a stranger's mail is the person's own."""
    m = machine(
        READ + '  - {id: w, wait: word, about: "${mail}"}\n  - {call: ./tools/send, with: {text: "${w}"}}\n',
        tools=(MAIL, SEND),
        gate=Gate(),
    )
    step = m.submit(m.start().effects[0].token, "cat")
    step = m.submit(step.effects[0].token, "dog")
    assert [effect.request["name"] for effect in step.effects] == ["send"]


def test_a_branch_that_cannot_return_decides_nothing_after_it() -> None:
    """Without a `return` inside, what follows runs either way."""
    steps = READ + "  - if: \"mail == 'dog'\"\n    then: [{set: {y: 1}}]\n"
    _, effect = sent(steps, "hello")
    assert effect is not None
    assert effect.request["name"] == "send"


def test_what_catch_does_is_decided_by_what_failed() -> None:
    """A tool that was given the mail and failed led to the call inside `catch`."""
    m = machine(
        READ + '  - try: [{call: ./tools/pure, with: {text: "${mail}"}}]\n'
        "    catch: [{call: ./tools/send, with: {text: hello}}]\n",
        tools=(MAIL, PURE, SEND),
        gate=Gate(),
    )
    (mail,) = m.start().effects
    (pure,) = m.submit(mail.token, "cat").effects
    (effect,) = m.fail(pure.token, "boom").effects
    assert effect.kind == "wait"


@pytest.mark.parametrize(("waits", "leaves"), [("legal", True), ("manager", False)])
def test_only_the_named_approval_clears_a_value(waits: str, leaves: bool) -> None:
    """`unless: [legal]` is not met by a manager's yes."""
    check = "{taint: {from: [untrusted], to: [writes_external], unless: [legal]}}"
    text = (
        "constitution: 1\nname: c\nprinciples:\n  - id: C-1\n    statement: s\n"
        f"    checks: [{check}]\n    tests: {{violates: [{{}}, {{}}], complies: [{{}}, {{}}]}}\n"
    )
    m = machine(
        READ + f'  - {{wait: {waits}, about: "${{mail}}"}}\n  - {{call: ./tools/send, with: {{text: "${{mail}}"}}}}\n',
        tools=(MAIL, SEND),
        gate=Gate(Constitution.parse(text)),
    )
    (mail,) = m.start().effects
    (wait,) = m.submit(mail.token, "cat").effects
    step = m.submit(wait.token, {"approved": True})
    assert bool(step.effects) is leaves
    assert (step.outcome is None) is leaves
