"""The desk: drives runs for hosts, one call at a time, and keeps nothing in memory between two calls.

Each call opens the run's journal (which locks it), lets the run do all that is ours to do, makes the reply and
closes it again. So a restarted server, a second server and `lev runs approve` all see the same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from lev_os.core.bidirectional import Run
from lev_os.core.bidirectional.effects import Effect, Outcome
from lev_os.core.bidirectional.journal import JournalBusy
from lev_os.core.bidirectional.places import runs_folder, token_secret
from lev_os.core.bidirectional.replaying import describe
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.flowmind import Flow
from lev_os.core.packaging import Export, Package
from lev_os.core.schemas import Schema

from . import leases, replies
from .arguments import MISSING, oversized
from .catalog import Catalog, Offered, nearest
from .direct import direct_flow
from .driving import Driver, Lent
from .leases import Lease
from .replies import Reply, call
from .tokens import Mint, State, Ticket, is_run_name


class Desk:
    """Starts and drives runs of the catalog's flows; journals lie in `root`/.lev/runs. Every method gives a reply."""

    def __init__(self, catalog: Catalog, root: Path, lent: Lent | None = None) -> None:
        self._catalog = catalog
        self._runs = runs_folder(root)
        secret = token_secret(root)
        self._mint = Mint(secret)
        self._driver = Driver(self._runs, secret, lent or Lent())

    def close(self) -> None:
        """Let go of what the packages' tools work with."""
        self._driver.close()

    async def start(self, flow: str, input: dict[str, Any]) -> Reply:
        """Begin a flow of the catalog."""
        specifier = flow.removeprefix("lev://")
        found = self._catalog.flows.get(specifier)
        if found is None:
            known = list(self._catalog.flows)
            reasons = [
                f"there is no flow {flow[:200]!r}{nearest(specifier[:200], known)}",
                f"flows: {', '.join(known)}",
            ]
            return replies.invalid(reasons, next=call("flow_start", flow=..., input=...))
        package, export = found
        try:
            run = self._driver.start(read_flow(package, export).link(), input, package)
        except InvalidInput as error:
            return replies.invalid(_reasons(error), next=call("flow_start", flow=specifier, input=...))
        with run:
            await _begin(run)
            return {**self._reply(run, 1), "resume": self._mint.resume(run.run, 1)}

    async def submit(
        self, token: str, *, result: Any = MISSING, tool_calls: list[Any] | None = None, by: str = "mcp"
    ) -> Reply:
        """Answer a request with a result or with calls of its tools; exactly one of the two."""
        ticket = self._mint.read(token)
        if ticket is None:
            return _unknown_token()
        if (result is MISSING) == (tool_calls is None):
            again = call("flow_submit", token=token, result=...)
            return replies.invalid(["give either `result` or `tool_calls`"], next=again, run=ticket.run, token=token)
        if not ticket.effect:
            reason = "this token asks for the status and answers nothing; a wait is for a person to answer"
            return replies.invalid([reason], next=call("flow_status", run=ticket.run, token=token), run=ticket.run)
        answer = {"answer": result} if tool_calls is None else {"tool_calls": tool_calls}

        async def act(run: Run) -> Reply:
            return await self._submit(run, ticket, {**answer, "decided_by": by})

        return await self._held(ticket, act)

    async def _submit(self, run: Run, ticket: Ticket, answer: dict[str, Any]) -> Reply:
        back = call("flow_status", run=ticket.run, token=self._mint.token(ticket.run, ticket.epoch))
        if any(effect.token == ticket.effect and effect.kind != "model" for effect in run.open_effects):
            return replies.invalid(["this token is not for a model to answer"], next=back, run=ticket.run)
        step = run.submit(ticket.effect, answer)
        if step.reply == "conflict":
            return replies.conflict(run=ticket.run, reason="; ".join(step.problems), next=back)
        await run.advance()
        reply = self._reply(run, ticket.epoch)
        if step.reply == "invalid" and reply["kind"] == "request":
            return {**reply, "kind": "invalid", "errors": list(step.problems)}
        return reply

    async def status(
        self, run: str, *, token: str | None = None, take_over: bool = False, resume: str | None = None
    ) -> Reply:
        """Where a run stands. Its open request is shown to the holder of a current token, and to who takes it over."""
        if not self._known(run):
            return _no_run(run)
        if take_over:
            return await self._take_over(run, resume)
        if token is None:
            return self._seen_by_others(run)
        ticket = self._mint.read(token)
        if ticket is None or ticket.run != run:
            return _unknown_token()

        async def act(opened: Run) -> Reply:
            await opened.advance()
            return self._reply(opened, ticket.epoch)

        return await self._held(ticket, act)

    async def _take_over(self, run: str, resume: str | None) -> Reply:
        lease = leases.read(self._runs, run)
        if lease is None or resume is None or not self._mint.opens(resume, run, lease.epoch):
            reason = "taking a run over needs its `resume` secret, which flow_start gave to its holder"
            return replies.conflict(run=run, reason=reason, next=call("flow_status", run=run))
        following = Lease(epoch=lease.epoch + 1, package=lease.package)

        async def act(opened: Run) -> Reply:
            leases.write(self._runs, run, following)
            await opened.advance()
            reply = self._reply(opened, following.epoch)
            return {**reply, "resume": self._mint.resume(run, following.epoch)}

        return await self._held(Ticket(run, lease.epoch, ""), act)

    async def cancel(self, run: str, token: str, reason: str) -> Reply:
        """End a run; any current token of it will do."""
        if not self._known(run):
            return _no_run(run)
        ticket = self._mint.read(token)
        if ticket is None or ticket.run != run:
            return _unknown_token()

        async def act(opened: Run) -> Reply:
            opened.cancel(reason)
            await opened.advance()
            return self._reply(opened, ticket.epoch)

        return await self._held(ticket, act)

    async def call_tool(self, offered: Offered, arguments: dict[str, Any]) -> Reply:
        """Call an exported tool for a host: a run of one step, so gate, journal and approvals are those of any run."""
        if (problem := oversized(arguments)) is not None:
            return replies.invalid([problem], next=call(offered.name))
        schema = Schema.of({"type": "object", **offered.card.input_schema})
        if problems := schema.problems(arguments):
            return replies.invalid(problems, next=f"{offered.name}(…)")
        try:
            run = self._driver.start(direct_flow(offered, arguments), arguments, offered.package)
        except InvalidInput as error:
            return replies.invalid(_reasons(error), next=f"{offered.name}(…)")
        with run:
            await _begin(run)
            return self._reply(run, 1)

    def ticket(self, token: str) -> Ticket | None:
        """What a token says; None when it is not from here."""
        return self._mint.read(token)

    def token_of(self, ticket: Ticket, *, handle: bool = False) -> str:
        """The token of a ticket, or the handle of its lease."""
        return self._mint.token(ticket.run, ticket.epoch, "" if handle else ticket.effect)

    def sign(self, state: State) -> str:
        """A state for the host to keep between two legs of a call."""
        return self._mint.state(state)

    def read_state(self, text: str) -> State | None:
        """What such a state says; None when it is not from here."""
        return self._mint.read_state(text)

    async def person_asked(self, handle: str) -> tuple[Ticket, Effect] | None:
        """The first open wait of a run whose handle one holds. Not for a host's model: it holds the wait's token."""
        ticket = self._mint.read(handle)
        if ticket is None:
            return None
        found = await self._waits(ticket)
        return None if not found else (Ticket(ticket.run, ticket.epoch, found[0].token), found[0])

    async def wants(self, ticket: Ticket) -> Mapping[str, Any] | None:
        """The schema that the answer of an open wait must match; None when it is no longer open."""
        found = [wait for wait in await self._waits(ticket) if wait.token == ticket.effect]
        return (found[0].request.get("returns") or {}) if found else None

    async def _waits(self, ticket: Ticket) -> list[Effect]:
        found: list[Effect] = []

        async def act(run: Run) -> Reply:
            found.extend(effect for effect in run.waits if effect.kind == "wait")
            return {}

        await self._held(ticket, act)
        return found

    async def answer_wait(self, ticket: Ticket, answer: Any) -> Reply:
        """Answer a wait with what a person said. Only for what a host elicited: no tool of ours leads here."""

        async def act(run: Run) -> Reply:
            if any(effect.token == ticket.effect and effect.kind == "wait" for effect in run.open_effects):
                run.submit(ticket.effect, answer)
                await run.advance()
            return self._reply(run, ticket.epoch)

        return await self._held(ticket, act)

    async def _held(self, ticket: Ticket, act: Callable[[Run], Awaitable[Reply]]) -> Reply:
        """Open the run for a holder of its present lease and act on it; the lease is read under the journal's lock."""
        lease = leases.read(self._runs, ticket.run)
        if lease is None or not self._known(ticket.run):
            return _no_run(ticket.run)
        try:
            run = await self._driver.resume(ticket.run, lease)
        except JournalBusy:
            reason = "another call is working on this run"
            return replies.conflict(run=ticket.run, reason=reason, next=call("flow_status", run=ticket.run, token=...))
        with run:
            lease = leases.read(self._runs, ticket.run)
            if lease is None or lease.epoch != ticket.epoch:
                reason = "another host has taken this run over; this token has ended"
                return replies.conflict(run=ticket.run, reason=reason, next=call("flow_status", run=ticket.run))
            return await act(run)

    def _reply(self, run: Run, epoch: int) -> Reply:
        if run.outcome is not None:
            return replies.finished(run=run.run, outcome=run.outcome)
        waits = run.waits
        asked = next((effect for effect in waits if effect.kind == "model"), None)
        if asked is not None:
            token = self._mint.token(run.run, epoch, asked.token)
            return replies.request(run=run.run, token=token, effect=asked, pending=len(waits))
        return replies.waiting(run=run.run, handle=self._mint.token(run.run, epoch), waits=waits)

    def _seen_by_others(self, run: str) -> Reply:
        """The status for who has no token of the run: how it ended, or for whom it waits."""
        seen = describe(self._runs / f"{run}.jsonl")
        if seen["outcome"] is not None:
            return replies.finished(run=run, outcome=msgspec.convert(seen["outcome"], Outcome))
        people = [replies.wait(wait) for wait in seen["waits"]]
        return {
            "kind": "waiting",
            "run": run,
            "for": people or [{"purpose": "host", "about": "another host holds this run; its tokens are not shown"}],
            "next": call("flow_status", run=run, take_over=True, resume=...),
        }

    def _known(self, run: str) -> bool:
        return is_run_name(run) and (self._runs / f"{run}.jsonl").is_file()


async def _begin(run: Run) -> None:
    """Advance a new run. Its host knows no token yet, so when the call is cancelled the run ends with it."""
    try:
        await run.advance()
    except asyncio.CancelledError:
        run.cancel("the host cancelled the call that began this run")
        raise


def read_flow(package: Package, export: Export) -> Flow:
    """The flow of an export, from its text; the package's code is not imported."""
    text, path = package.read(export.subpath)
    return Flow.parse(text, package=package, path=str(path), specifier=export.specifier)


def summary(package: Package, export: Export) -> str:
    """A flow in one line: its description and its input; or why it cannot be used."""
    try:
        tree = read_flow(package, export).tree
    except LevError as error:
        return f"cannot be used: {str(error).splitlines()[0]}"
    wanted = set(tree.input_schema.get("required", ()))
    fields = [
        f"{name}{'' if name in wanted else '?'}: {_type(schema)}"
        for name, schema in tree.input_schema.get("properties", {}).items()
    ]
    return f"{tree.description or tree.name} Input: {{{', '.join(fields)}}}"


def _no_run(run: str) -> Reply:
    return replies.invalid([f"there is no run {run[:80]!r} here"], next=call("flow_start", flow=..., input=...))


def _unknown_token() -> Reply:
    reason = "this token is not from here: copy the `token` of the last reply, whole and unchanged"
    return replies.invalid([reason], next=call("flow_status", run=..., token=...))


def _reasons(error: InvalidInput) -> list[str]:
    return [
        f"{problem.message} (help: {problem.help})" if problem.help else problem.message for problem in error.problems
    ]


def _type(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "any"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("type", "any"))
