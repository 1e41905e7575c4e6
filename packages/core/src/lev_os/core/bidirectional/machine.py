"""The machine: one flow, as a pure state machine.

The rules, in the order in which they matter:

1. **It does nothing itself.** `start`, `submit`, `fail` and `cancel` return a `Step`: records to write, effects to
   carry out, effects that are no longer wanted, or the outcome. No I/O, no clock, no randomness; the driver's clock
   comes in as `at` and never runs backwards. The same inputs always give the same steps, which is why a run can be
   resumed, replayed and driven by anything.
2. **Nothing leaves without a verdict, and no result is bound without one.** The gate is inside (`_perform`), so no
   driver can go around it.
3. **A token answers one attempt of one effect, once.** The same token with an equal result gets the same reply again;
   with another result, `conflict`. A result that does not fit is answered with the reasons and the next attempt's
   token. A result for a cancelled effect is noted and ignored.
4. **Keys are stable.** An effect's key is the hash of the run and its place in it, without the attempt: what was in
   flight when a process died is repeated with the same key.
5. **Nothing a model says about the run's state is believed**: not a step number, not a count, not an earlier result.

The journal's records are made here and written by the driver, before effects leave and before a reply goes out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from .. import canonical
from ..errors import InvalidInput, LevError, Location, Problem
from ._answers import fitted
from ._meter import MAX_VALUE_BYTES, Meter
from ._perform import Frame, Host, bare
from ._prepared import schema_of
from ._scope import CLEAN
from ._steps import Interpreter
from ._tasks import Answer, RunEnded, Scheduler, StepFailed
from .effects import Decision, Effect, EffectKind, Failure, FailureKind, Outcome, Reply, Status, Usage
from .effects import Step as MachineStep

if TYPE_CHECKING:
    from ..constitutional.constitution import Constitution
    from ..constitutional.gate import Gate, GateSession
    from ..flowmind.flow import Flow
    from ..flowmind.link import LinkedFlow
    from ..tools import ToolCard

VERSION = 1
_FAILURE_OF: Mapping[str, FailureKind] = {"model": "model", "judge": "model", "tool": "tool"}


class UnknownToken(LevError):
    """A token that this run has never given out."""


class Machine(Host):
    """One run of a linked flow. See the module's text for the rules.

    `gate` is asked besides the flow's own constitutions; a flow that belongs to no package has no constitution of
    its own and obeys the given gate, or the baseline. `later` is asked last, of every effect of every flow: what has
    come to hold since the run began. `run` and `secret` are made up when they are not given; who
    wants to resume or replay gives them.
    """

    def __init__(
        self,
        flow: Flow | LinkedFlow,
        *,
        gate: Gate | None = None,
        later: GateSession | None = None,
        run: str | None = None,
        secret: bytes | None = None,
    ) -> None:
        super().__init__()
        self.linked: LinkedFlow = flow.link() if hasattr(flow, "link") else flow
        self.run = run or secrets.token_hex(8)
        self.now = 0.0
        self.clocked = False
        self.outcome: Outcome | None = None
        self._tags = _tags(secret or secrets.token_bytes(16))
        self._given_gate = gate
        self._later = later
        self._sessions: dict[str, GateSession] = {}
        self._persons: list[tuple[float, str, Any, Any]] = []
        self._open: dict[str, Effect] = {}
        self._dropped: dict[str, Effect] = {}
        self._kinds: dict[str, EffectKind] = {}
        self._replies: dict[str, tuple[bytes, MachineStep]] = {}
        self._new: list[Effect] = []
        self._cancelled: list[str] = []
        self._started = False
        self._elapsed = 0.0
        self._meter = Meter(self.linked.tree.limits)
        self._scheduler = Scheduler(self._emit, self._drop)
        self._interpreter = Interpreter(self, self._gates)

    # -- what drivers read ---------------------------------------------------------------------------------

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The effects that are open, oldest first."""
        return tuple(self._open.values())

    @property
    def usage(self) -> Usage:
        """What the run has used so far, sub-flows included."""
        return self._meter.usage

    def token(self, key: str, attempt: int) -> str:
        """The token of an attempt: a keyed hash (RFC 7693) that only the holder of the run's secret can make."""
        tag = self._tags.copy()
        tag.update(f"{key}/{attempt}".encode())
        return tag.hexdigest()

    # -- inputs --------------------------------------------------------------------------------------------

    def start(
        self, input: Mapping[str, Any] | None = None, at: float | None = None, *, taint: Collection[str] = ()
    ) -> MachineStep:
        """Begin with this input. Raises `InvalidInput`, and has not begun, when it does not fit the flow's schema.

        `taint` are labels of whoever begins it: of every input, and of everything that happens because of it.
        """
        if self._started:
            raise LevError(f"run {self.run} has begun already", help="make a new Machine for a new run")
        tree = self.linked.tree
        if input is not None and not isinstance(input, Mapping):
            raise LevError(f"the input of a flow is an object, not {type(input).__name__}", help='for example {"x": 1}')
        raw = _json("input", {} if input is None else dict(input))
        schema = schema_of(self.linked, "input")
        arguments = schema.fill(canonical.decode(raw))
        problems, fitting = fitted(schema, arguments)
        if problems:
            place = Location(f"input of {self.linked.specifier}")
            raise InvalidInput(
                Problem("RUN101", problem, place, help=_signature(tree.input_schema)) for problem in problems
            )
        arguments = canonical.decode(canonical.encode(fitting))
        self._started = True
        self.clocked = at is not None
        self.now = at or 0.0
        labels = CLEAN.union(taint)
        body = {
            "run": self.run,
            "flow": self.linked.specifier,
            "input": arguments,
            "machine": VERSION,
            "clocked": self.clocked,
            "gate": None if self._given_gate is None else self._given_gate.pinned,
            "pinned": self.linked.pinned,
        }
        self.note("run_started", {**body, "taint": sorted(labels)} if labels else body)
        frame = Frame(self.linked, self._meter, self._gates(self.linked))
        marked = dict.fromkeys(arguments, labels) if labels else {}
        self._scheduler.start(self._interpreter.flow(frame, arguments, marked, labels))
        return self._go("accepted")

    def submit(self, token: str, result: Any, at: float | None = None) -> MachineStep:
        """Give the result of an effect. Raises `UnknownToken`, and `LevError` when the result is not JSON."""
        raw = _json("result", result)
        digest = _digest(raw)
        effect = self._take(token, at)
        value = canonical.decode(raw)
        if effect is None:
            return self._told(token, digest, {"value": value})
        self.note("result", {"value": value}, effect.key, effect.attempt)
        failure = None
        if len(raw) > MAX_VALUE_BYTES and effect.kind != "sleep":
            failure = Failure(
                kind="limit",
                message=f"a value of {len(raw)} bytes; the limit is {MAX_VALUE_BYTES}: return a file reference instead",
                step=effect.path,
                retryable=False,
            )
        return self._resume(token, digest, Answer(value, len(raw)), failure)

    def fail(self, token: str, error: str | Failure | BaseException, at: float | None = None) -> MachineStep:
        """Say that an effect could not be carried out; retries are the machine's to decide."""
        if not isinstance(error, Failure):
            kind = _FAILURE_OF.get(self._kinds.get(token, "tool"), "timeout")
            error = Failure(kind=kind, message=str(error) or type(error).__name__)
        failure = msgspec.structs.replace(error, message=_utf8(error.message))
        body = {"failure": msgspec.to_builtins(failure)}
        digest = _digest(_json("failure", body))
        effect = self._take(token, at)
        if effect is None:
            return self._told(token, digest, body)
        self.note("failure", body, effect.key, effect.attempt)
        ends = failure if failure.kind in ("limit", "denied") else None
        return self._resume(token, digest, Answer(failure=failure), ends)

    def cancel(self, reason: str = "cancelled", at: float | None = None) -> MachineStep:
        """End the run: every open effect is dropped. A run that has ended stays as it is."""
        if self.outcome is not None:
            return MachineStep(outcome=self.outcome, reply="duplicate")
        reason = _utf8(reason)
        self._tick(at)
        self.note("cancel", {"reason": reason})
        return self._go("accepted", Failure(kind="cancelled", message=reason, retryable=False))

    # -- how an input becomes a step -----------------------------------------------------------------------

    def _told(self, token: str, digest: bytes, late: Mapping[str, Any]) -> MachineStep:
        """The reply to a token that is not open."""
        if token in self._replies:
            known, step = self._replies[token]
            reply: Reply = "duplicate" if hmac.compare_digest(known, digest) else "conflict"
            if reply == "conflict":
                problem = "this token was answered already, with another result; the first one stands"
                return MachineStep(reply=reply, outcome=self.outcome, problems=(problem,), pending=len(self._open))
            return msgspec.structs.replace(step, records=(), reply=reply)
        if token in self._dropped:
            effect = self._dropped.pop(token)
            self.note("late", late, effect.key, effect.attempt)
            records, self.records = tuple(self.records), []
            problem = "this effect is no longer wanted; the result was noted and ignored"
            step = MachineStep(
                reply="late", outcome=self.outcome, records=records, problems=(problem,), pending=len(self._open)
            )
            self._replies[token] = digest, msgspec.structs.replace(step, records=())
            return step
        raise UnknownToken(
            "no effect of this run has that token", help="submit the token of the last request, as it was given"
        )

    def _take(self, token: str, at: float | None) -> Effect | None:
        """The open effect of this token, which is then no longer open."""
        effect = self._open.get(token)
        if effect is not None:
            self._tick(at)
            del self._open[token]
        return effect

    def _tick(self, at: float | None) -> None:
        """Let time pass, up to `at`; without a clock every input is one tick, and time limits do not apply."""
        if not self.clocked:
            self.now = self.now + 1 if at is None else max(self.now, at)
            return
        before = self.now
        self.now = before if at is None else max(before, at)
        only_waits = bool(self._open) and all(effect.kind == "wait" for effect in self._open.values())
        self._elapsed = 0.0 if only_waits else self.now - before

    def _resume(self, token: str, digest: bytes, answer: Answer, ends: Failure | None) -> MachineStep:
        self.refused_result = ()
        self._scheduler.answer(token, answer)
        step = self._go("accepted", ends)
        self._replies[token] = digest, msgspec.structs.replace(step, records=())
        return step

    def _go(self, reply: Reply, ends: Failure | None = None) -> MachineStep:
        """Run every strand until it waits, and gather what has come of it."""
        try:
            if ends is not None:
                raise RunEnded(ends)
            for meter in self._interpreter.meters:
                meter.time(self._elapsed)
            ended, value = self._scheduler.run()
            if ended:
                self._end("done", output=value[0])
        except StepFailed as failed:
            self._end("failed", error=failed.failure)
        except RunEnded as end:
            kind = end.failure.kind
            status: Status = "denied" if kind == "denied" else "cancelled" if kind == "cancelled" else "failed"
            self._end(status, error=end.failure)
        if self.refused_result:
            reply = "invalid"
        step = MachineStep(
            effects=tuple([effect for effect in self._new if effect.token in self._open]),
            cancelled=tuple(self._cancelled),
            outcome=self.outcome,
            records=tuple(self.records),
            reply=reply,
            problems=self.refused_result,
            pending=len(self._open),
        )
        self._new, self._cancelled, self.records, self.refused_result = [], [], [], ()
        return step

    def _end(self, status: Status, output: Any = None, error: Failure | None = None) -> None:
        self._scheduler.drop_all()
        self.outcome = Outcome(status=status, output=output, error=error)
        self.note(
            "outcome",
            {
                "status": status,
                "output": output,
                "error": None if error is None else msgspec.to_builtins(error),
                "usage": msgspec.to_builtins(self.usage),
                "decisions": msgspec.to_builtins(self.decisions),
            },
        )

    def _emit(self, effect: Effect) -> None:
        self._open[effect.token] = effect
        self._kinds[effect.token] = effect.kind
        self._new.append(effect)
        body: dict[str, Any] = {
            "kind": effect.kind,
            "path": effect.path,
            "digest": effect.digest,
            "request": bare(effect.request),
        }
        if effect.deadline is not None:
            body["deadline"] = effect.deadline
        self.note("effect", body, effect.key, effect.attempt)

    def _drop(self, token: str) -> None:
        effect = self._open.pop(token, None)
        if effect is not None:
            self._dropped[token] = effect
            self._cancelled.append(token)
            self.note("cancelled", None, effect.key, effect.attempt)

    # -- gates ---------------------------------------------------------------------------------------------

    def _gates(self, linked: LinkedFlow) -> tuple[GateSession, ...]:
        """One session a distinct set of principles, shared by all flows of the run that obey it."""
        sessions: list[GateSession] = []
        given = self._given_gate
        if given is not None:
            sessions.append(self._session("given", lambda: given))
        if given is None or linked.package is not None:
            sessions.append(self._own_session(linked.constitutions))
        if self._later is not None:
            sessions.append(self._later)
        return tuple(sessions)

    def guarded(self, frame: Frame, card: ToolCard) -> Frame:
        """A call across packages obeys both constitutions: the frame with those of the tool's own package."""
        guards = frame.linked.guards.get(card.specifier)
        if not guards:
            return frame
        return msgspec.structs.replace(frame, gates=tuple(dict.fromkeys((*frame.gates, self._own_session(guards)))))

    def person(self, name: str, value: Any, result: Any) -> None:
        """A flow's own wait was answered: every gate of the run knows, those that open later too."""
        answered = (self.now, name, value, result)
        self._persons.append(answered)
        for session in self._sessions.values():
            session.person(*answered)
        if self._later is not None:
            self._later.person(*answered)

    def _own_session(self, constitutions: tuple[Constitution, ...]) -> GateSession:
        name = ",".join(constitution.digest for constitution in constitutions)
        return self._session(name, lambda: _compiled(name, constitutions))

    def _session(self, name: str, gate: Callable[[], Gate]) -> GateSession:
        if name not in self._sessions:
            session = self._sessions[name] = gate().session()
            for answered in self._persons:
                session.person(*answered)
        return self._sessions[name]


_gates_by_digest: dict[str, Gate] = {}


def _compiled(name: str, constitutions: tuple[Constitution, ...]) -> Gate:
    """Gates are immutable and named by what they were made from, so runs share them."""
    gate = _gates_by_digest.get(name)
    if gate is None:
        from ..constitutional.gate import Gate

        if len(_gates_by_digest) > 64:
            _gates_by_digest.clear()
        gate = _gates_by_digest[name] = Gate(*constitutions)
    return gate


def _tags(secret: bytes) -> hashlib.blake2b:
    """What makes tokens; a secret that is longer than a key may be is hashed first, as HMAC does."""
    if len(secret) > hashlib.blake2b.MAX_KEY_SIZE:
        secret = hashlib.blake2b(secret).digest()
    return hashlib.blake2b(key=secret, digest_size=16)


def _json(what: str, value: Any) -> bytes:
    try:
        raw = canonical.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise LevError(f"the {what} is not JSON: {error}") from None
    if not canonical.is_json(value, raw):
        raise LevError(f"the {what} is not JSON: it holds NaN or an infinity")
    return raw


def _utf8(text: str) -> str:
    """The text with a mark for what has no UTF-8, as names of files may hold."""
    return text.encode("utf-8", "replace").decode()


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=16).digest()


def _signature(schema: Mapping[str, Any]) -> str:
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    names = [name if name in required else f"{name} (optional)" for name in properties]
    return f"this flow takes {', '.join(names)}" if names else "this flow takes no input"


__all__ = ["VERSION", "Decision", "Machine", "UnknownToken"]
