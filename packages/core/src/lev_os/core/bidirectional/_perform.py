"""The life of one effect: gate, approval, attempts, result, gate again.

Nothing leaves the machine except through `Performer`, so nothing leaves without a verdict.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import msgspec

from .. import canonical
from ..constitutional.gate import ALLOW
from ..constitutional.model import RULINGS, Action, JudgeCall, Verdict
from ..constitutional.verdict import REVISIONS, reasons, strictest
from ..flowmind.model import Retry
from ..tools import tool_labels
from ._answers import (
    APPROVAL_SCHEMA,
    UNCERTAIN,
    UNSURE,
    Accept,
    accept_approval,
    accept_judgement,
    accept_verdict_of_model,
    anything,
    judgement_request,
)
from ._meter import Meter
from ._scope import CLEAN, Labels
from ._tasks import Answer, RunEnded, StepFailed, Strand
from .effects import Decision, Effect, EffectKind, Failure, Record

if TYPE_CHECKING:
    from ..constitutional.gate import GateSession
    from ..flowmind.link import LinkedFlow
    from ..tools import ToolCard

INVALID_ATTEMPTS: Mapping[EffectKind, float] = {"model": 3, "judge": 1, "tool": 1, "sleep": 1, "wait": math.inf}
"""How many results may fail to fit before the effect has failed; a person may try for ever."""
_MAX_COUNT = 1 << 40
"""Tokens of one answer, at most: sums of what a model claims stay numbers of JSON."""


class Frame(msgspec.Struct, frozen=True, eq=False):
    """Where a step runs: its flow, its meter, its gates, and the branches and rounds that led here."""

    linked: LinkedFlow
    meter: Meter
    gates: tuple[GateSession, ...]
    trail: str = ""

    def inside(self, place: str) -> Frame:
        return msgspec.structs.replace(self, trail=f"{self.trail}{place}|")


class Wanted(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An effect that a step wants, before any attempt of it. `suffix` tells effects of one step apart."""

    kind: EffectKind
    path: str
    step: str
    request: Mapping[str, Any]
    accept: Accept
    suffix: str = ""
    tool: ToolCard | None = None
    taint: Mapping[str, Labels] = {}
    retry: Retry | None = None
    timeout: float | None = None
    judged: bool = False
    revisable: bool = False
    """A model asked for it: when a principle says `revise`, the model hears the reason (`Revise`)."""


class Revise(Exception):
    """A model's tool call that a principle wants otherwise; never leaves the conversation that asked for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Host(ABC):
    """What the performer needs of the machine: its identity, its clock, its records."""

    run: str
    now: float
    clocked: bool

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.decisions: list[Decision] = []
        self.approved: set[tuple[str, str]] = set()
        self.refused_result: tuple[str, ...] = ()

    @abstractmethod
    def token(self, key: str, attempt: int) -> str:
        """The token of an attempt."""

    def note(self, type_: str, body: Any, key: str | None = None, attempt: int | None = None) -> None:
        self.records.append(Record(type=type_, at=self.now, key=key, attempt=attempt, body=body))

    @abstractmethod
    def guarded(self, frame: Frame, card: ToolCard) -> Frame:
        """The frame in which a tool is called: besides the flow's gates, those of the tool's own package."""

    @abstractmethod
    def person(self, name: str, value: Any, result: Any) -> None:
        """Tell every gate of the run that a flow's own wait was answered."""


def bare(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """A request as journals keep it and digests see it: contexts by digest, without their texts."""
    contexts = request.get("context")
    if not contexts:
        return request
    return {**request, "context": [{"specifier": c["specifier"], "digest": c["digest"]} for c in contexts]}


def request_digest(kind: EffectKind, request: Mapping[str, Any]) -> str:
    """The digest that verdicts and approvals are bound to."""
    return canonical.digest({"kind": kind, "request": bare(request)})


class Performer:
    """Carries a wanted effect through gate, attempts and gate again."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def key(self, frame: Frame, path: str, suffix: str) -> str:
        """Names an effect over all its attempts: hash of run, place, branches, rounds, turn and call."""
        material = f"{self._host.run}\0{frame.trail}\0{path}\0{suffix}"
        return hashlib.blake2b(material.encode(), digest_size=16).hexdigest()

    def perform(self, frame: Frame, want: Wanted) -> Strand:
        """The accepted result of the effect; raises `StepFailed`, or `RunEnded` when it is denied."""
        key = self.key(frame, want.path, want.suffix)
        attempt, revisions = 0, 0
        problems: tuple[str, ...] = ()
        while True:
            attempt += 1
            action = self._action(want, key, attempt, problems)
            self._reserve(frame, want)
            if not self._passes(frame, action):
                yield from self._admit(frame, want, action)
            for session in frame.gates:
                session.left(action)
            answer: Answer = yield self._effect(frame, want, action, problems)
            if answer.failure is not None:
                yield from self._again(frame, want, answer.failure, attempt - revisions)
                continue
            self._charge(frame, want, answer.value)
            found, value = want.accept(answer.value)
            if found:
                problems = tuple(found)
                self._host.refused_result = problems
                self._host.note("invalid", {"problems": list(problems)}, key, attempt)
                tried = attempt - revisions
                if tried >= (want.retry.attempts if want.retry else INVALID_ATTEMPTS[want.kind]):
                    raise StepFailed(_invalid(want, problems, tried), _labels(want))
                continue
            post = msgspec.structs.replace(action, phase="post", result=value)
            if self._passes(frame, post):
                return value
            reason = yield from self._admit_result(frame, want, post)
            if reason is None:
                return value
            revisions += 1
            if revisions > REVISIONS:
                raise RunEnded(Failure(kind="denied", message=reason, step=want.step, retryable=False))
            problems = (reason,)

    def decide(self, frame: Frame, want: Wanted, labels: Sequence[str]) -> Strand:
        """A judgement in tiers, the judge and then a model: a `Decision`, `UNCERTAIN` when nobody is sure."""
        frame.meter.judgement()
        threshold = want.request.get("confidence")
        try:
            judged = yield from self.perform(frame, want)
        except StepFailed as failed:
            judged = {"label": None, "evidence": failed.failure.message}
        label = judged.get("label")
        confidence = judged.get("confidence")
        calibrated = bool(judged.get("calibrated"))
        self_reported = None
        if not calibrated:
            confidence, self_reported = None, confidence
        sure = confidence is None or threshold is None or confidence >= threshold
        if label is None or not sure:
            confidence, calibrated, self_reported = None, False, None
            try:
                answered = yield from self.perform(frame, _ask_model(want, labels))
            except StepFailed as failed:
                label, judged = None, {"decided_by": "nobody", "evidence": failed.failure.message}
            else:
                answer = answered["answer"]
                label = None if answer["answer"] == UNSURE else answer["answer"]
                self_reported = answer.get("confidence")
                judged = {"evidence": answer.get("evidence"), "decided_by": answered.get("decided_by") or "model"}
        return Decision(
            step=want.step,
            label=UNCERTAIN if label is None else label,
            decided_by="nobody" if label is None else str(judged.get("decided_by") or "judge"),
            confidence=confidence,
            calibrated=calibrated,
            evidence=judged.get("evidence"),
            self_reported=self_reported,
        )

    def _action(self, want: Wanted, key: str, attempt: int, problems: tuple[str, ...]) -> Action:
        request = want.request if not problems else {**want.request, "problems": list(problems)}
        return Action(
            phase="tool" if want.kind == "tool" else "pre",
            kind=want.kind,
            key=key,
            attempt=attempt,
            digest=request_digest(want.kind, request),
            at=self._host.now,
            request=request,
            tool=want.tool,
            taint=want.taint,
            judged=want.judged,
        )

    def _reserve(self, frame: Frame, want: Wanted) -> None:
        if want.kind == "model":
            frame.meter.ask(want.step)
        elif want.kind == "tool":
            frame.meter.tool_call(want.step)

    def _charge(self, frame: Frame, want: Wanted, result: Any) -> None:
        if want.kind != "model" or not isinstance(result, dict) or not isinstance(result.get("usage"), dict):
            return
        usage = result["usage"]
        cost = usage.get("cost")
        frame.meter.tokens(
            _count(usage.get("input_tokens")),
            _count(usage.get("output_tokens")),
            float(cost) if isinstance(cost, (int, float)) else None,
            want.step,
        )

    def _effect(self, frame: Frame, want: Wanted, action: Action, problems: tuple[str, ...]) -> Effect:
        deadline = None
        if self._host.clocked:
            bounds = [] if want.timeout is None else [want.timeout]
            if want.kind != "wait" and (left := frame.meter.remaining_time()) is not None:
                bounds.append(left)
            deadline = self._host.now + min(bounds) if bounds else None
        path = frame.trail + want.path
        return Effect(
            token=self._host.token(action.key, action.attempt),
            kind=want.kind,
            key=action.key,
            attempt=action.attempt,
            path=path,
            request=action.request,
            digest=action.digest,
            deadline=deadline,
            problems=problems,
        )

    def _again(self, frame: Frame, want: Wanted, failure: Failure, attempt: int) -> Strand:
        """Wait before the next attempt, or give up."""
        attempts = want.retry.attempts if want.retry else 1
        if attempt >= attempts or not failure.retryable:
            raise StepFailed(msgspec.structs.replace(failure, step=failure.step or want.step), _labels(want))
        if want.retry is not None and want.retry.backoff > 0:
            seconds = want.retry.backoff * 2 ** (attempt - 1)
            sleep = Wanted(
                kind="sleep",
                path=want.path,
                step=want.step,
                request={"seconds": seconds},
                accept=anything,
                suffix=f"{want.suffix}/backoff{attempt}",
            )
            yield from self.perform(frame, sleep)

    def _passes(self, frame: Frame, action: Action) -> bool:
        """Whether no gate has anything to say, as nearly always; else nothing has happened and `_rule` decides."""
        assert frame.gates, "a frame always has a gate"
        for session in frame.gates:
            if session.judge(action) is not ALLOW:
                return False
        body = {"phase": action.phase, "digest": action.digest, "ruling": "allow"}
        self._host.note("verdict", body, action.key, action.attempt)
        return True

    def _admit(self, frame: Frame, want: Wanted, action: Action) -> Strand:
        """Let the effect out: returns when it may leave."""
        verdict = yield from self._rule(frame, want, action)
        if verdict.ruling == "deny":
            if verdict.revise is not None and want.revisable:
                raise Revise(verdict.revise)
            raise RunEnded(_denied(want, verdict))
        if verdict.ruling == "ask" and (action.key, action.digest) not in self._host.approved:
            yield from self._approve(frame, want, action, verdict, action.digest)

    def _admit_result(self, frame: Frame, want: Wanted, post: Action) -> Strand:
        """Let the result in. Returns None, or the reason why a model should answer again."""
        verdict = yield from self._rule(frame, want, post)
        if verdict.ruling == "deny":
            if verdict.revise is not None and want.kind == "model":
                return verdict.revise
            raise RunEnded(_denied(want, verdict))
        if verdict.ruling == "ask":
            digest = canonical.digest({"request": post.digest, "result": post.result})
            if (post.key, digest) not in self._host.approved:
                yield from self._approve(frame, want, post, verdict, digest)
        return None

    def _rule(self, frame: Frame, want: Wanted, action: Action) -> Strand:
        """The strictest verdict of all gates, judged checks settled, written to the audit trail."""
        verdicts = [session.judge(action) for session in frame.gates]
        # A text that is denied anyway is shown to no judge.
        if all(verdict.ruling != "deny" for verdict in verdicts):
            for place, verdict in enumerate(verdicts):
                if verdict.judges:
                    answers = {}
                    for call in verdict.judges:
                        answers[call.principle] = yield from self._judge(frame, want, action, call, place)
                    verdicts[place] = frame.gates[place].settle(action, verdict, answers)
        final = reduce(strictest, verdicts)
        body: dict[str, Any] = {"phase": action.phase, "digest": action.digest, "ruling": final.ruling}
        if final.findings:
            body["findings"] = msgspec.to_builtins(final.findings)
        if final.shadow is not None:
            body["shadow"] = final.shadow
        self._host.note("verdict", body, action.key, action.attempt)
        return final

    def _judge(self, frame: Frame, want: Wanted, action: Action, call: JudgeCall, gate: int) -> Strand:
        """Does the subject violate the rubric? None when nobody can say: the gate then fails closed.

        `gate` tells principles of one name in several gates apart.
        """
        labels = ("violates", "complies")
        question = Wanted(
            kind="judge",
            path=want.path,
            step=want.step,
            request={
                "purpose": "principle",
                "step": want.step,
                "statement": call.rubric,
                "about": call.subject,
                "labels": list(labels),
                "examples": {},
                "confidence": None,
            },
            accept=accept_judgement(labels),
            suffix=f"{want.suffix}/{action.attempt}/{action.phase}/{gate}/{call.principle}",
            taint={"about": CLEAN.union(*action.taint.values())},
            judged=True,
        )
        decision: Decision = yield from self.decide(frame, question, labels)
        self._host.decisions.append(decision)
        return None if decision.label == UNCERTAIN else decision.label == "violates"

    def _approve(self, frame: Frame, want: Wanted, action: Action, verdict: Verdict, digest: str) -> Strand:
        """Wait for a person; raises `RunEnded` when the person refuses."""
        said = [f"{f.principle}: {f.message}" for f in verdict.findings]
        request = {
            "name": "approval",
            "purpose": "approval",
            "about": "; ".join(said),
            "returns": APPROVAL_SCHEMA,
            "for": {
                "kind": action.kind,
                "phase": action.phase,
                "digest": digest,
                "request": dict(bare(action.request)),
                "result": action.result,
                "findings": msgspec.to_builtins(verdict.findings),
            },
        }
        wait = Wanted(
            kind="wait",
            path=want.path,
            step=want.step,
            request=request,
            accept=accept_approval,
            suffix=f"{want.suffix}/{action.attempt}/{action.phase}/approval",
        )
        key = self.key(frame, want.path, wait.suffix)
        attempt = 0
        problems: tuple[str, ...] = ()
        while True:
            attempt += 1
            asked = self._action(wait, key, attempt, problems)
            # The question about an approval needs none itself: only a deny could keep it from the person.
            ruling = max((s.judge(asked) for s in frame.gates), key=lambda v: RULINGS.index(v.ruling))
            if ruling.ruling == "deny":
                raise RunEnded(_denied(want, ruling))
            self._host.note("verdict", {"phase": "pre", "digest": asked.digest, "ruling": "allow"}, key, attempt)
            answer: Answer = yield self._effect(frame, wait, asked, problems)
            if answer.failure is not None:
                raise RunEnded(Failure(kind="denied", message=answer.failure.message, step=want.step, retryable=False))
            found, value = accept_approval(answer.value)
            if not found:
                break
            problems = tuple(found)
            self._host.refused_result = problems
        self._host.note("approval", {"digest": digest, **value}, action.key, action.attempt)
        if not value["approved"]:
            note = value.get("note")
            message = "a person refused it" + (f": {note}" if note else "")
            raise RunEnded(Failure(kind="denied", message=message, step=want.step, retryable=False, details=said))
        self._host.approved.add((action.key, digest))
        for session in frame.gates:
            session.approved(action)


def _ask_model(want: Wanted, labels: Sequence[str]) -> Wanted:
    """The same question for a model: yes, no or unsure, and why."""
    asked = want.request
    request = judgement_request(
        asked["statement"],
        asked["about"],
        labels,
        step=want.step,
        purpose="principle" if asked["purpose"] == "principle" else "judge",
    )
    accept = accept_verdict_of_model(labels)
    return msgspec.structs.replace(want, kind="model", request=request, accept=accept, suffix=f"{want.suffix}/model")


def _denied(want: Wanted, verdict: Verdict) -> Failure:
    return Failure(
        kind="denied",
        message=reasons(verdict),
        step=want.step,
        retryable=False,
        details=msgspec.to_builtins(verdict.findings),
    )


def _labels(want: Wanted) -> Labels:
    """The taint of what came of an effect: of what went in, and of what the tool reads."""
    return CLEAN.union(*want.taint.values(), CLEAN if want.tool is None else tool_labels(want.tool))


def _invalid(want: Wanted, problems: Sequence[str], attempts: int) -> Failure:
    tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    return Failure(
        kind="invalid",
        message=f"no valid result after {tries}: " + "; ".join(problems[:5]),
        step=want.step,
        retryable=False,
        details=list(problems),
    )


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return min(max(value, 0), _MAX_COUNT)
