"""Every kind of check, both ways: what it objects to, what it lets pass, and that what it cannot evaluate is denied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
from lev_os.core.constitutional import Action, Check, Constitution, Gate, GateSession, Principle, Verdict
from lev_os.core.constitutional.checks import KINDS
from lev_os.core.constitutional.fixtures import action_of
from lev_os.core.constitutional.rules import _reason
from lev_os.core.tools import TOOL_EFFECTS

SEND = {"name": "send", "effects": ["writes_external"]}


def principle(kind: str, argument: Any, **more: Any) -> Principle:
    check = Check(kind=kind, argument=argument, fail_open=more.pop("fail_open", False))
    return Principle(id="T-1", statement="A rule.", checks=(check,), **more)


def gate(kind: str, argument: Any, **more: Any) -> Gate:
    return Gate(Constitution.of((principle(kind, argument, **more),), name="test"))


def judge(kind: str, argument: Any, action: Mapping[str, Any], **more: Any) -> Verdict:
    return gate(kind, argument, **more).judge(action_of(action))


def ruling(kind: str, argument: Any, action: Mapping[str, Any], **more: Any) -> str:
    return judge(kind, argument, action, **more).ruling


class TestRegex:
    def test_finds_a_pattern_in_what_leaves(self) -> None:
        """A string anywhere in a tool's arguments, keys included, is read."""
        for args in ({"a": "xx hush xx"}, {"a": [{"b": "hush"}]}, {"hush": 1}):
            assert ruling("regex", "hush", {"tool": SEND, "args": args}) == "deny"
        assert ruling("regex", "hush", {"tool": SEND, "args": {"a": "loud", "n": 3}}) == "allow"

    def test_reads_the_named_fields_only(self) -> None:
        """`fields` narrows it; a field of results is not read before there is one."""
        argument = {"pattern": "hush", "fields": ["args.to", "result.answer"]}
        assert ruling("regex", argument, {"tool": SEND, "args": {"to": "hush"}}) == "deny"
        assert ruling("regex", argument, {"tool": SEND, "args": {"text": "hush"}}) == "allow"
        assert ruling("regex", argument, {"request": {"instruction": "x"}, "result": {"answer": "hush"}}) == "deny"
        assert ruling("regex", argument, {"request": {"instruction": "hush"}}) == "allow"

    @pytest.mark.parametrize("pattern", ["^hush$", r"\Ahush\z", "^hush", "hush$", r"\bhush\b", "[^x]ush", "(?m)^hush$"])
    def test_anchors_mean_the_ends_of_each_text(self, pattern: str) -> None:
        """Texts are searched together for speed, and the answer is that of searching each alone."""
        assert ruling("regex", pattern, {"tool": SEND, "args": {"a": "one", "b": "hush", "c": "two"}}) == "deny"

    def test_a_match_never_spans_two_texts(self) -> None:
        """Two harmless values do not make a forbidden one."""
        assert ruling("regex", "(?s)hu.sh", {"tool": SEND, "args": {"a": "hu", "b": "sh"}}) == "allow"

    @pytest.mark.parametrize("padding", [0, 240, 246, 247, 248, 249, 250, 260, 5_000])
    def test_says_the_same_of_a_text_of_any_length_however_often_it_is_asked(self, padding: int) -> None:
        """What was found in short texts is remembered, for each pattern by itself."""
        clean, bad = ({"tool": SEND, "args": {"text": "." * padding + end}} for end in ("done", "hush"))
        for _ in range(2):
            assert [ruling("regex", "hush", action) for action in (clean, bad)] == ["allow", "deny"]
            assert [ruling("regex", "done", action) for action in (clean, bad)] == ["deny", "allow"]

    def test_evidence_says_where_and_never_what(self) -> None:
        """What was found may be a secret: only its place goes to the audit trail, in characters."""
        verdict = judge("regex", "s3cr3t", {"tool": SEND, "args": {"note": "été s3cr3t"}})
        assert verdict.findings[0].evidence == {"field": "args.note", "start": 4, "end": 10}
        assert "s3cr3t" not in str(verdict.findings[0].evidence)

    @pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*#", "(a|a?)+b", "([a-zA-Z]+)*!"])
    def test_patterns_that_explode_elsewhere_stay_linear(self, pattern: str) -> None:
        """A quarter of a megabyte against classic denial-of-service patterns has an end: elsewhere it has none."""
        assert ruling("regex", pattern, {"tool": SEND, "args": {"text": "a" * 250_000 + "\n"}}) == "allow"

    def test_half_characters_do_not_break_it(self) -> None:
        """A lone surrogate is read as any other wrong character."""
        action = msgspec.structs.replace(
            action_of({"tool": SEND}), request={"tool": "send", "arguments": {"a": "\ud800 hush"}}
        )
        assert gate("regex", "hush").judge(action).ruling == "deny"
        assert gate("regex", "^hush$").judge(action).ruling == "allow"

    def test_a_pattern_that_is_not_re2_denies(self) -> None:
        """A constitution that was never linted still fails closed."""
        for pattern in ("(", "(?=x)", r"(a)\1"):
            assert ruling("regex", pattern, {"tool": SEND, "args": {"a": "b"}}) == "deny"

    def test_nesting_without_end_denies(self) -> None:
        """What is too deep to be read is refused."""
        deep: Any = "x"
        for _ in range(400):
            deep = [deep]
        assert ruling("regex", "hush", {"tool": SEND, "args": {"a": deep}}) == "deny"

    def test_max_match_lets_an_answer_stream_late(self) -> None:
        """The gate says by how many characters a streamed text must lag; without the promise, not at all."""
        assert gate("regex", {"pattern": "hush", "max_match": 4}).holdback("post", "model") == 4
        assert gate("regex", "hush").holdback("post", "model") is None
        assert gate("taint", {"from": ["untrusted"], "to": ["spends"]}).holdback("post", "model") == 0
        assert gate("require_phrase", "Not legal advice").holdback("post", "model") is None

    def test_a_fault_of_a_pattern_is_told_at_its_place(self) -> None:
        """With RE2's reason, whichever way the pattern is written."""
        help = "RE2 has no backreferences and no look-around"
        assert list(KINDS["regex"].faults("fine")) == []
        assert list(KINDS["regex"].faults({"pattern": "fine"})) == []
        (short,) = KINDS["regex"].faults("(")
        (long,) = KINDS["regex"].faults({"pattern": "("})
        assert (short.path, long.path) == ((), ("pattern",))
        assert short.message == long.message == "the pattern is not RE2: missing ): ("
        assert short.help == long.help == help
        (half,) = KINDS["regex"].faults("\ud800")
        assert half.message.startswith("the pattern is not RE2: ")

    def test_waits_are_read_and_sleeps_have_nothing_to_read(self) -> None:
        """What a person is shown leaves as well; a pause says nothing."""
        shown = {"kind": "wait", "phase": "pre", "request": {"about": "hush"}}
        assert ruling("regex", "hush", shown) == "deny"
        assert ruling("regex", "1", {"kind": "sleep", "phase": "pre", "request": {"seconds": "1"}}) == "allow"


class TestRequirePhrase:
    def test_an_answer_must_say_it(self) -> None:
        """The phrase is looked for in a model's answer, in any of its strings."""
        said = {"request": {}, "result": {"answer": {"text": "Well. Not legal advice."}}}
        unsaid = {"request": {}, "result": {"answer": "Sue them."}}
        assert ruling("require_phrase", "Not legal advice.", said, phases=frozenset({"post"})) == "allow"
        assert ruling("require_phrase", "Not legal advice.", unsaid, phases=frozenset({"post"})) == "deny"

    def test_a_tool_call_is_no_answer_yet(self) -> None:
        """A model that calls a tool need not say it."""
        calls = {"request": {}, "result": {"tool_calls": [{"tool": "x", "arguments": {}}]}}
        assert ruling("require_phrase", "advice", calls) == "allow"

    def test_capitals_matter_unless_told_otherwise(self) -> None:
        """The words as they are written."""
        said = {"request": {}, "result": {"answer": "NOT LEGAL ADVICE"}}
        post = frozenset({"post"})
        assert ruling("require_phrase", "Not legal advice", said, phases=post) == "deny"
        assert ruling("require_phrase", {"phrase": "Not legal advice"}, said, phases=post) == "deny"
        assert ruling("require_phrase", {"phrase": "not LEGAL", "ignore_case": True}, said, phases=post) == "allow"

    def test_what_is_missing_is_said(self) -> None:
        """The fields, and the words that one of them must say."""
        argument = {"phrase": "Yours", "fields": ["args.text", "args.note"]}
        (finding,) = judge("require_phrase", argument, {"tool": SEND, "args": {"text": "Bye"}}).findings
        assert finding.message == "A rule: `args.text` and `args.note` must say “Yours”"
        assert finding.evidence == {"fields": ["args.text", "args.note"]}

    def test_a_pause_needs_no_words(self) -> None:
        """There is nothing that could say them."""
        assert ruling("require_phrase", "x", {"kind": "sleep", "phase": "pre", "request": {"seconds": 1}}) == "allow"

    def test_fields_and_case(self) -> None:
        """Named fields, and capitals when they do not matter."""
        argument = {"phrase": "Yours", "fields": ["args.text"], "ignore_case": True}
        assert ruling("require_phrase", argument, {"tool": SEND, "args": {"text": "YOURS truly"}}) == "allow"
        assert ruling("require_phrase", argument, {"tool": SEND, "args": {"text": "Bye", "x": "yours"}}) == "deny"


class TestForbidTool:
    @pytest.mark.parametrize("glob", ["send", "acme/tools/*", "*/send", "acme/tools/send"])
    def test_globs_meet_specifier_and_name(self, glob: str) -> None:
        """A glob fits the specifier or the bare name."""
        tool = {"specifier": "acme/tools/send", "effects": []}
        assert ruling("forbid_tool", [glob], {"tool": tool}) == "deny"
        assert ruling("forbid_tool", [glob], {"tool": {"specifier": "acme/other/find", "effects": []}}) == "allow"

    def test_effects_and_globs_must_both_fit(self) -> None:
        """With both, only tools that meet both are forbidden."""
        argument = {"effects": ["spends"], "tools": ["pay*"]}
        assert ruling("forbid_tool", argument, {"tool": {"name": "pay", "effects": ["spends"]}}) == "deny"
        assert ruling("forbid_tool", argument, {"tool": {"name": "pay", "effects": []}}) == "allow"
        assert ruling("forbid_tool", argument, {"tool": {"name": "buy", "effects": ["spends"]}}) == "allow"

    def test_undeclared_is_the_worst_case_for_hard_principles_only(self) -> None:
        """A tool that declares nothing counts as spending where the principle is hard."""
        argument = {"effects": ["spends"]}
        assert ruling("forbid_tool", argument, {"tool": {"name": "x"}}, authority="hard") == "deny"
        assert ruling("forbid_tool", argument, {"tool": {"name": "x"}}, authority="default") == "allow"

    def test_a_call_without_a_card_declares_nothing(self) -> None:
        """If the machine knows no card, the worst is assumed."""
        action = Action(
            phase="tool", kind="tool", key="k", attempt=1, digest="d", at=0.0, request={"tool": "x", "arguments": {}}
        )
        assert gate("forbid_tool", {"effects": ["spends"]}, authority="hard").judge(action).ruling == "deny"

    def test_a_tool_that_declares_nothing_is_told_how(self) -> None:
        """The declaration to write, with the name that its function has, where being undeclared is what is wrong."""
        argument = {"effects": ["undeclared", "spends"]}
        for specifier, function in (
            ("acme/tools/pay-now", "pay_now"),
            ("acme.tools:pay", "pay"),
            ("a:b:pay", "pay"),
            ("acme/tools/", "your_tool"),
        ):
            (finding,) = judge("forbid_tool", argument, {"tool": {"specifier": specifier, "name": "x"}}).findings
            assert finding.message == f"A rule: `{specifier}` declares no effects"
            assert finding.help == (
                f'write `@tool(effects={{"reads_private"}})` above `def {function}(…)` with the effects it has, or '
                "`@tool(effects=())` if it has none (`from lev_os.core import tool`); the effects are "
                f"{', '.join(sorted(TOOL_EFFECTS))}"
            )
        (finding,) = judge("forbid_tool", {"effects": ["spends"]}, {"tool": {"name": "x"}}, authority="hard").findings
        assert finding.help is None

    def test_what_is_forbidden_is_said(self) -> None:
        """By name, or by the effects that are too much."""
        tool = {"name": "pay", "effects": ["spends", "irreversible", "reads_private"]}
        (named,) = judge("forbid_tool", ["pay"], {"tool": tool}).findings
        assert (named.message, named.evidence) == ("A rule: `pay` may not be called", {"tool": "pay"})
        (by_effect,) = judge("forbid_tool", {"effects": ["spends", "irreversible"]}, {"tool": tool}).findings
        assert by_effect.message == "A rule: `pay` has the effects `irreversible`, `spends`"
        assert by_effect.evidence == {"tool": "pay", "effects": ["irreversible", "spends"]}

    def test_an_approval_is_used_up_only_by_what_needed_it(self) -> None:
        """A harmless call with the same arguments leaves it for the one that pays."""
        session = gate("forbid_tool", {"effects": ["spends"], "unless": ["approval"]}).session()
        pay = action_of({"tool": {"name": "pay", "effects": ["spends"]}, "args": {"to": "ann"}}, key="pay")
        look = action_of({"tool": {"name": "look", "effects": []}, "args": {"to": "ann"}}, key="look")
        session.person(1, "ok", {"to": "ann"}, {"approved": True})
        session.left(look)
        assert session.judge(pay).ruling == "allow"

    def test_unless_a_person_was_shown_all_arguments(self) -> None:
        """One yes must have covered every argument; two halves do not add up."""
        rules = gate("forbid_tool", {"effects": ["spends"], "unless": ["approval"]}, on_violation="escalate")
        action = action_of({"tool": {"name": "pay", "effects": ["spends"]}, "args": {"amount": 20.0, "to": "ann"}})
        whole, halves, other = rules.session(), rules.session(), rules.session()
        whole.person(1, "pay", {"amount": 20, "to": "ann", "why": "late"}, {"approved": True})
        halves.person(1, "pay", {"amount": 20}, {"approved": True})
        halves.person(2, "pay", {"to": "ann"}, {"approved": True})
        other.person(1, "pay", {"amount": 20, "to": "ann"}, {"approved": False})
        assert [session.judge(action).ruling for session in (whole, halves, other)] == ["allow", "ask", "ask"]

    def test_one_yes_is_good_for_one_call_and_its_retries(self) -> None:
        """A loop does not pay twice on one approval."""
        argument = {"effects": ["spends"], "unless": ["approval"]}
        session = gate("forbid_tool", argument, on_violation="escalate").session()
        pay = {"tool": {"name": "pay", "effects": ["spends"]}, "args": {"amount": 20}}
        first, second = action_of(pay, key="first"), action_of(pay, key="second")
        session.person(1, "ok", {"amount": 20}, {"approved": True})
        session.left(first)
        assert session.judge(first).ruling == "allow"
        assert session.judge(second).ruling == "ask"
        session.person(2, "ok", {"amount": 20}, {"approved": True})
        assert session.judge(second).ruling == "allow"


class TestTaint:
    ARGUMENT: ClassVar[dict[str, Any]] = {"from": ["untrusted"], "to": ["writes_external"], "unless": ["approval"]}
    ACTION: ClassVar[dict[str, Any]] = {
        "tool": SEND,
        "args": {"to": "ann", "text": "hi"},
        "taint": {"args.text": ["untrusted"]},
    }

    def test_a_tainted_value_may_not_reach_the_effect(self) -> None:
        """From and to must both fit."""
        assert ruling("taint", self.ARGUMENT, self.ACTION) == "deny"
        assert ruling("taint", self.ARGUMENT, {**self.ACTION, "taint": {"args.text": ["private"]}}) == "allow"
        assert ruling("taint", self.ARGUMENT, {**self.ACTION, "tool": {"name": "s", "effects": []}}) == "allow"
        assert ruling("taint", self.ARGUMENT, {**self.ACTION, "taint": {}}) == "allow"

    def test_what_led_to_the_call_counts_too(self) -> None:
        """A clean call that happens because of something untrusted is tainted at the path ""."""
        assert ruling("taint", self.ARGUMENT, {**self.ACTION, "taint": {"": ["untrusted"]}}) == "deny"

    def test_undeclared_is_any_label_and_any_effect_when_hard(self) -> None:
        """Unknown origins and unknown effects are the worst case for hard principles alone."""
        origin = {**self.ACTION, "taint": {"args.text": ["undeclared"]}}
        effect = {**self.ACTION, "tool": {"name": "send"}}
        for action in (origin, effect):
            assert ruling("taint", self.ARGUMENT, action, authority="hard") == "deny"
            assert ruling("taint", self.ARGUMENT, action, authority="default") == "allow"

    def test_what_is_tainted_is_said(self) -> None:
        """Every argument and what led to the call, with all labels, and the way out where there is one."""
        action = {**self.ACTION, "taint": {"": ["untrusted"], "args.text": ["untrusted", "private"]}}
        argument = {"from": ["untrusted", "private"], "to": ["writes_external", "spends"]}
        (finding,) = judge("taint", argument, action).findings
        assert finding.message == (
            "A rule: what led to this call is untrusted; `args.text` is private and untrusted, "
            "and `send` has the effect `writes_external`"
        )
        paths = {"": ["untrusted"], "args.text": ["private", "untrusted"]}
        assert finding.evidence == {"tool": "send", "paths": paths, "to": ["writes_external"]}
        assert finding.help is None
        (finding,) = judge("taint", self.ARGUMENT, self.ACTION).findings
        assert finding.help == "let a person approve that very value before the call"
        undeclared = {**self.ACTION, "tool": {"name": "send"}}
        (finding,) = judge("taint", self.ARGUMENT, undeclared, authority="hard").findings
        assert finding.message.endswith("and `send` declares no effects, so the worst is assumed")

    def test_only_the_approval_of_that_very_value_clears_it(self) -> None:
        """Another value, a no, or another wait's name leave it tainted."""

        def after(name: str, value: Any, answer: Any, unless: str = "approval") -> str:
            session = gate("taint", {**self.ARGUMENT, "unless": [unless]}).session()
            session.person(1, name, value, answer)
            return session.judge(action_of(self.ACTION)).ruling

        assert after("review", "hi", {"approved": True}) == "allow"
        assert after("review", {"draft": {"text": "hi"}}, {"approved": True}) == "allow"
        assert after("review", "hi", {"approved": True}, unless="review") == "allow"
        assert after("review", "hi!", {"approved": True}) == "deny"
        assert after("review", "hi", {"approved": False}) == "deny"
        assert after("review", "hi", {"approved": "true"}) == "deny"
        assert after("review", "hi", {"approved": True}, unless="legal") == "deny"

    def test_a_cause_is_cleared_when_all_arguments_were_approved(self) -> None:
        """A person who saw everything that is sent has decided that it is sent."""
        action = action_of({**self.ACTION, "taint": {"": ["untrusted"]}})
        session = gate("taint", self.ARGUMENT).session()
        session.person(1, "a", "hi", {"approved": True})
        assert session.judge(action).ruling == "deny"
        session.person(2, "b", {"to": "ann", "text": "hi"}, {"approved": True})
        assert session.judge(action).ruling == "allow"

    def test_an_approved_action_does_not_clear_its_values_elsewhere(self) -> None:
        """An approval of one call holds for that call."""
        session = gate("taint", self.ARGUMENT).session()
        session.approved(action_of(self.ACTION, key="first"))
        assert session.judge(action_of(self.ACTION, key="first")).ruling == "allow"
        assert session.judge(action_of(self.ACTION, key="second")).ruling == "deny"


class TestTemporal:
    PAY: ClassVar[dict[str, Any]] = {"name": "pay", "effects": ["spends"]}

    def call(self, at: float = 0, key: str = "k", tool: Any = None, **args: Any) -> Action:
        return action_of({"tool": tool or self.PAY, "args": args, "at": at}, key=key)

    def test_an_approval_must_come_before(self) -> None:
        """Within the window, and over the same value."""
        rules = gate("temporal", {"requires_before": "approval", "within": "10m", "same": ["args.to"]})
        session = rules.session()
        assert session.judge(self.call(0, to="ann")).ruling == "deny"
        session.person(100, "ok", {"to": "ann"}, {"approved": True})
        assert session.judge(self.call(700, to="ann")).ruling == "allow"
        assert session.judge(self.call(701, to="ann")).ruling == "deny"
        assert session.judge(self.call(200, to="bob")).ruling == "deny"
        assert "needs `approval` by a person before it" in session.judge(self.call(200)).findings[0].message

    def test_without_same_a_wait_of_the_flow_counts_and_another_call_does_not(self) -> None:
        """An approved action vouches for itself only."""
        rules = gate("temporal", {"requires_before": "approval"})
        session = rules.session()
        session.approved(self.call(1, "first", to="ann"))
        assert session.judge(self.call(2, "first", to="ann")).ruling == "allow"
        assert session.judge(self.call(2, "second", to="bob")).ruling == "deny"
        session.person(3, "ok", "anything", {"approved": True})
        assert session.judge(self.call(4, "second", to="bob")).ruling == "allow"

    def test_an_approval_of_the_call_itself_grows_old_too(self) -> None:
        """`within` counts from the moment at which the person said yes."""
        session = gate("temporal", {"requires_before": "approval", "within": "10m"}).session()
        session.approved(self.call(100, to="ann"))
        assert session.judge(self.call(700, to="ann")).ruling == "allow"
        assert session.judge(self.call(701, to="ann")).ruling == "deny"

    def test_it_is_about_consequential_calls_unless_told_otherwise(self) -> None:
        """A look-up needs no approval, a selected tool does."""
        find = {"name": "find", "effects": ["reads_private"]}
        assert gate("temporal", {"requires_before": "approval"}).judge(self.call(tool=find)).ruling == "allow"
        named = gate("temporal", {"requires_before": "approval", "tools": ["find"]})
        assert named.judge(self.call(tool=find)).ruling == "deny"

    def test_a_tool_must_have_been_called_before(self) -> None:
        """With the same value, not too long ago."""
        argument = {"requires_before": {"tool": "*verify"}, "within": 60, "same": ["args.who"], "tools": ["pay"]}
        session = gate("temporal", argument).session()
        verify = {"name": "verify", "effects": []}
        session.left(self.call(0, "v", tool=verify))
        session.left(self.call(10, "v", tool=verify, who="ann"))
        assert session.judge(self.call(70, who="ann")).ruling == "allow"
        assert session.judge(self.call(71, who="ann")).ruling == "deny"
        assert session.judge(self.call(20, who="bob")).ruling == "deny"

    def test_so_many_in_a_window(self) -> None:
        """The window slides; calls that agree in `same` are counted together."""
        session = gate("temporal", {"at_most": 2, "per": "10s", "same": ["args.to"]}).session()
        for at in (0, 5):
            call = self.call(at, f"k{at}", to="ann")
            assert session.judge(call).ruling == "allow"
            session.left(call)
        assert session.judge(self.call(9.9, "k", to="ann")).ruling == "deny"
        assert session.judge(self.call(9.9, "k", to="bob")).ruling == "allow"
        assert session.judge(self.call(10, "k", to="ann")).ruling == "allow"

    def test_a_retry_counts_again_unless_the_tool_is_idempotent(self) -> None:
        """The key names the act; only a tool that says so makes its attempts one."""
        call = self.call(0, "k")
        card = call.tool
        assert card is not None
        sure = msgspec.structs.replace(card.declaration, idempotent=True)
        again = msgspec.structs.replace(call, tool=msgspec.structs.replace(card, declaration=sure))
        for rules in (gate("temporal", {"at_most": 1}), gate("budget", {"calls": 1})):
            plain, idempotent = rules.session(), rules.session()
            plain.left(call)
            idempotent.left(again)
            idempotent.left(again)
            assert plain.judge(call).ruling == "deny"
            assert idempotent.judge(again).ruling == "allow"

    def test_windows_forget_idempotent_calls_one_by_one(self) -> None:
        """An attempt that is still in the window is no other call; one that has left it is a new call."""
        session = gate("temporal", {"at_most": 2, "per": "10s"}).session()

        def sure(at: float, key: str) -> Action:
            call = self.call(at, key)
            assert call.tool is not None
            declaration = msgspec.structs.replace(call.tool.declaration, idempotent=True)
            return msgspec.structs.replace(call, tool=msgspec.structs.replace(call.tool, declaration=declaration))

        session.left(sure(0, "a"))
        session.left(sure(4, "a"))
        session.left(sure(5, "b"))
        assert session.judge(sure(6, "a")).ruling == "allow"
        assert session.judge(sure(6, "c")).ruling == "deny"
        assert session.judge(sure(10, "c")).ruling == "allow"
        session.left(sure(10, "a"))
        assert session.judge(sure(11, "a")).ruling == "allow"
        assert session.judge(sure(11, "c")).ruling == "deny"
        assert session.judge(sure(15, "c")).ruling == "allow"
        assert session.judge(sure(20, "c")).ruling == "allow"

    def test_plain_calls_of_one_key_are_forgotten_one_by_one(self) -> None:
        """Each attempt of a tool that is not idempotent counts, and leaves the window by itself."""
        session = gate("temporal", {"at_most": 2, "per": "10s"}).session()
        session.left(self.call(0, "a"))
        session.left(self.call(5, "a"))
        assert session.judge(self.call(9, "b")).ruling == "deny"
        assert session.judge(self.call(10, "b")).ruling == "allow"
        session.left(self.call(10, "a"))
        assert session.judge(self.call(14, "b")).ruling == "deny"
        assert session.judge(self.call(15, "b")).ruling == "allow"

    def test_only_the_tools_it_is_about_need_something_before(self) -> None:
        """`tools` and `effects` say which; what comes before need not be one of them."""
        argument = {"requires_before": {"tool": "verify"}, "tools": ["pay"], "effects": ["spends"]}
        session = gate("temporal", argument).session()
        assert session.judge(self.call(tool={"name": "pay", "effects": []})).ruling == "allow"
        assert session.judge(self.call(tool={"name": "buy", "effects": ["spends"]})).ruling == "allow"
        assert session.judge(self.call()).ruling == "deny"
        session.left(self.call(1, "v", tool={"name": "verify", "effects": []}))
        assert session.judge(self.call(2)).ruling == "allow"

    def test_a_window_counts_the_tools_it_is_about(self) -> None:
        """By name and by effect; others pass, and use nothing up."""
        session = gate("temporal", {"at_most": 1, "tools": ["pay"], "effects": ["spends"]}).session()
        session.left(self.call(0, "a", tool={"name": "buy", "effects": ["spends"]}))
        session.left(self.call(0, "b", tool={"name": "pay", "effects": []}))
        assert session.judge(self.call(1, "c")).ruling == "allow"
        session.left(self.call(1, "c"))
        assert session.judge(self.call(2, "d")).ruling == "deny"
        assert session.judge(self.call(2, "d", tool={"name": "buy", "effects": ["spends"]})).ruling == "allow"

    def test_a_duration_that_is_none_denies(self) -> None:
        """Unlinted, it still fails closed."""
        assert gate("temporal", {"at_most": 1, "per": "soon"}).judge(self.call()).ruling == "deny"


class TestBudget:
    def spend(self, session: GateSession, **args: Any) -> str:
        action = action_of({"tool": {"name": "pay", "effects": ["spends"]}, "args": args})
        verdict = session.judge(action)
        if verdict.ruling == "allow":
            session.left(action)
        return verdict.ruling

    def test_calls_of_a_run(self) -> None:
        """The last allowed call is the last."""
        session = gate("budget", {"calls": 2}).session()
        assert [self.spend(session) for _ in range(3)] == ["allow", "allow", "deny"]

    def test_totals_are_exact_in_decimals(self) -> None:
        """Ten dimes are a dollar."""
        session = gate("budget", {"field": "args.amount", "total": 1}).session()
        assert [self.spend(session, amount=0.1) for _ in range(11)] == ["allow"] * 10 + ["deny"]

    def test_what_cannot_be_counted(self) -> None:
        """No field adds nothing, a negative amount gives nothing back, anything but a number is refused."""
        session = gate("budget", {"field": "args.amount", "total": 5}).session()
        assert self.spend(session, amount=5) == "allow"
        assert self.spend(session, amount=-100) == "allow"
        assert self.spend(session) == "allow"
        assert self.spend(session, amount=None) == "allow"
        assert self.spend(session, amount=1) == "deny"
        strange: list[Any] = ["0", True, [], float("nan"), float("inf")]
        for amount in strange:
            assert self.spend(session, amount=amount) == "deny"

    def test_an_unknown_amount_that_left_uses_it_up(self) -> None:
        """If something uncountable was let out all the same, nothing is left."""
        session = gate("budget", {"field": "args.amount", "total": 5}).session()
        session.left(action_of({"tool": SEND, "args": {"amount": "lots"}}))
        assert self.spend(session, amount=1) == "deny"

    def test_attempts_of_an_idempotent_tool_are_spent_once(self) -> None:
        """Its key is what counts: another key is another act, and another amount."""
        session = gate("budget", {"calls": 2, "field": "args.amount", "total": 10}).session()

        def sure(key: str, amount: float) -> Action:
            action = action_of({"tool": {"name": "pay", "effects": []}, "args": {"amount": amount}}, key=key)
            assert action.tool is not None
            declaration = msgspec.structs.replace(action.tool.declaration, idempotent=True)
            return msgspec.structs.replace(action, tool=msgspec.structs.replace(action.tool, declaration=declaration))

        for _ in range(3):
            assert session.judge(sure("a", 6)).ruling == "allow"
            session.left(sure("a", 6))
        assert session.judge(sure("b", 5)).ruling == "deny"
        assert session.judge(sure("b", 4)).ruling == "allow"
        session.left(sure("b", 4))
        assert session.judge(sure("b", 4)).ruling == "allow"
        assert session.judge(sure("c", 0)).ruling == "deny"

    def test_what_would_be_too_much_is_said(self) -> None:
        """How many calls, or how much of what."""
        session = gate("budget", {"calls": 1, "field": "args.amount", "total": 10}).session()
        assert self.spend(session, amount=6) == "allow"
        (calls,) = session.judge(action_of({"tool": SEND, "args": {}})).findings
        assert calls.message == "A rule: `send` would be call 2 of at most 1 in this run"
        assert calls.evidence == {"calls": 1}
        session = gate("budget", {"field": "args.amount", "total": 10}).session()
        assert self.spend(session, amount=6) == "allow"
        (total,) = session.judge(action_of({"tool": SEND, "args": {"amount": 5}})).findings
        assert total.message == "A rule: `args.amount` would come to 11 in this run, of at most 10"
        assert total.evidence == {"field": "args.amount", "spent": 6.0, "asked": 5.0}
        (strange,) = session.judge(action_of({"tool": SEND, "args": {"amount": "5"}})).findings
        assert strange.message == "the check `budget` could not be evaluated: `args.amount` is not a number"
        (endless,) = session.judge(action_of({"tool": SEND, "args": {"amount": float("inf")}})).findings
        assert endless.message == "the check `budget` could not be evaluated: `args.amount` is not a finite number"

    def test_only_selected_tools_count(self) -> None:
        """Others neither use the budget nor are stopped by it."""
        session = gate("budget", {"calls": 0, "tools": ["refund"]}).session()
        assert self.spend(session) == "allow"
        session = gate("budget", {"calls": 0, "effects": ["irreversible"]}).session()
        assert self.spend(session) == "allow"
        assert session.judge(action_of({"tool": {"name": "x", "effects": ["irreversible"]}})).ruling == "deny"

    def test_a_budget_of_nothing_is_a_fault(self) -> None:
        """It would limit nothing."""
        (fault,) = KINDS["budget"].faults({"tools": ["x"]})
        assert (fault.path, fault.message) == ((), "it limits nothing")
        assert fault.help == "write `calls: 5`, or `field: args.amount` with `total: 500`"


class TestSchema:
    def test_arguments_requests_and_results(self) -> None:
        """Each is held to its schema in its phase."""
        small = {"properties": {"amount": {"type": "number", "maximum": 100}}}
        assert ruling("schema", {"args": small}, {"tool": SEND, "args": {"amount": 100}}) == "allow"
        assert ruling("schema", {"args": small}, {"tool": SEND, "args": {"amount": 101}}) == "deny"
        asks = {"request": {"required": ["about"]}}
        assert ruling("schema", asks, {"request": {"about": "x"}}) == "allow"
        assert ruling("schema", asks, {"request": {"instruction": "x"}}) == "deny"
        answer = {"result": {"required": ["answer"]}}
        assert ruling("schema", answer, {"request": {}, "result": {"answer": 1}}) == "allow"
        assert ruling("schema", answer, {"request": {}, "result": {}}) == "deny"

    def test_narrowed_to_tools(self) -> None:
        """Other tools, and models, are not held to it."""
        argument = {"args": False, "result": False, "tools": ["pay"]}
        assert ruling("schema", argument, {"tool": {"name": "pay", "effects": []}}) == "deny"
        assert ruling("schema", argument, {"tool": SEND}) == "allow"
        assert ruling("schema", argument, {"request": {}, "result": 1}) == "allow"

    def test_narrowed_to_effects(self) -> None:
        """Tools with one of them; one that declares nothing, if the principle is hard."""
        argument = {"args": False, "effects": ["spends"]}
        assert ruling("schema", argument, {"tool": {"name": "pay", "effects": ["spends"]}}) == "deny"
        assert ruling("schema", argument, {"tool": SEND}) == "allow"
        assert ruling("schema", argument, {"tool": {"name": "x"}}, authority="hard") == "deny"
        assert ruling("schema", argument, {"tool": {"name": "x"}}, authority="default") == "allow"
        both = {**argument, "tools": ["pay"]}
        assert ruling("schema", both, {"tool": {"name": "buy", "effects": ["spends"]}}) == "allow"

    def test_what_does_not_fit_is_said(self) -> None:
        """The first of what is wrong, and ten at most as evidence."""
        many = {"args": {"required": [f"a{number}" for number in range(12)]}}
        (finding,) = judge("schema", many, {"tool": SEND}).findings
        assert finding.message.startswith("A rule: `args` does not fit: ")
        assert len(finding.evidence["problems"]) == 10

    def test_what_is_not_there_is_null(self) -> None:
        """A request without arguments is held to the schema all the same."""
        action = action_of({"tool": SEND})
        bare = msgspec.structs.replace(action, request={"tool": "send", "name": "send"})
        assert gate("schema", {"args": {"type": "object"}}).judge(bare).ruling == "deny"
        assert gate("schema", {"args": {"type": "null"}}).judge(bare).ruling == "allow"

    def test_a_fault_of_a_schema_names_it(self) -> None:
        """Which of the three, why, and what is allowed."""
        (fault,) = KINDS["schema"].faults({"args": True, "result": {"$ref": "https://example.com/x"}})
        assert fault.path == ("result",)
        assert fault.message.startswith("this is no JSON Schema: ")
        assert "example.com" in fault.message
        assert fault.help == "only local `$ref`s are followed"

    def test_remote_references_are_refused(self) -> None:
        """No schema of a package makes anybody fetch something: the check cannot be evaluated, so it denies."""
        argument = {"args": {"$ref": "https://example.com/schema.json"}}
        assert ruling("schema", argument, {"tool": SEND}) == "deny"


class TestCel:
    @pytest.mark.parametrize(
        ("expression", "wanted"),
        [
            ("args.amount <= 100.0", "allow"),
            ("args.amount > 100.0", "deny"),
            ("tool == 'send' && 'writes_external' in effects && phase == 'tool' && kind == 'tool'", "allow"),
            ("'untrusted' in taint['args.amount']", "allow"),
            ("result == null && request.name == 'send'", "allow"),
        ],
    )
    def test_an_expression_must_hold(self, expression: str, wanted: str) -> None:
        """False is a violation."""
        action = {"tool": SEND, "args": {"amount": 20.5}, "taint": {"args.amount": ["untrusted"]}}
        assert ruling("cel", expression, action) == wanted

    def test_when_says_where_it_applies(self) -> None:
        """Where `when` is false nothing is required."""
        argument = {"holds": "result.answer.score >= 0.5", "when": "kind == 'model' && phase == 'post'"}
        assert ruling("cel", argument, {"request": {}, "result": {"answer": {"score": 0.9}}}) == "allow"
        assert ruling("cel", argument, {"request": {}, "result": {"answer": {"score": 0.1}}}) == "deny"
        assert ruling("cel", argument, {"tool": SEND}) == "allow"

    @pytest.mark.parametrize(
        "expression", ["args.nothing == 1", "1 / 0 == 1", "'text'", "nobody > 1", "(", "args.a + 1 > 0"]
    )
    def test_what_is_neither_true_nor_false_denies(self, expression: str) -> None:
        """Missing values, errors, unknown names and broken expressions fail closed."""
        assert ruling("cel", expression, {"tool": SEND, "args": {"a": "b"}}) == "deny"

    def test_a_fault_of_an_expression_names_it_and_says_the_way_out(self) -> None:
        """Python's spelling gets CEL's; a name that is not there, those that are."""
        (python,) = KINDS["cel"].faults("args.a and args.b")
        assert (python.path, python.help) == ((), "write `a && b`")
        (unknown,) = KINDS["cel"].faults({"holds": "true", "when": "nobody == nothing"})
        assert unknown.path == ("when",)
        names = "args, effects, kind, phase, request, result, taint, tool"
        assert unknown.message == f"there is no nobody, nothing; there are {names}"
        (finding,) = judge("cel", "'text'", {"tool": SEND}).findings
        assert finding.message == "the check `cel` could not be evaluated: `'text'` is neither true nor false"


def test_a_check_that_breaks_without_a_word_still_says_what_broke() -> None:
    """The name of the error, when it has no text; a long text is cut."""
    (finding,) = judge("telepathy", {}, {"tool": SEND}).findings
    assert finding.message == (
        "the check `telepathy` could not be evaluated: `telepathy` is not a check this version knows"
    )
    open_ = judge("telepathy", {}, {"tool": SEND}, fail_open=True).findings[0]
    assert open_.message == f"{finding.message} (it is written to fail open)"
    assert _reason(ValueError()) == "ValueError"
    assert _reason(ValueError("x" * 400)) == "x" * 300
    assert _reason(ValueError("first\nsecond")) == "first"


def test_a_kind_nobody_knows_denies() -> None:
    """A constitution pinned by a newer version fails closed on what this one does not know."""
    verdict = judge("telepathy", {"read": "minds"}, {"tool": SEND}, on_violation="warn")
    assert verdict.ruling == "deny"
    assert "telepathy" in verdict.findings[0].message


def test_fail_open_warns_and_says_so() -> None:
    """Only what is written to fail open lets an action through that cannot be evaluated."""
    verdict = judge("regex", "(", {"tool": SEND, "args": {"a": "b"}}, fail_open=True)
    assert verdict.ruling == "warn"
    assert "fail open" in verdict.findings[0].message
