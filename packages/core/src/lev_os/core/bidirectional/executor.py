"""Carries out what a machine asks of the outside: tools, models, judges and sleep. Never raises for what they do.

Whatever a tool does (raise, exit, print, return what is not JSON, return 50 MB) becomes a value or a `Failure`;
deadlines are the driver's (`run`), which cancels. Blocking tools run on threads, those with `isolate="process"` in
processes of their own.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .. import canonical
from ..errors import LevError
from ..tools import ToolCard, ToolContext
from . import _process, _threads, values
from ._calling import BadArgument, Signature, describe
from ._stdout import ToolOutput
from .effects import Effect, Failure

if TYPE_CHECKING:
    from ..flowmind.link import LinkedFlow
    from ..llm_runtime import Judge, ModelClient
    from ..packaging import Package
    from ..schemas import Schema

Tool = Callable[..., Any]
_DENIED = 4
"""The exit code that errors of a denial have."""
_ABSTAINED = {"label": None, "confidence": None, "calibrated": False, "evidence": None, "decided_by": "none"}


def cards(flow: LinkedFlow) -> dict[str, ToolCard]:
    """The cards of a linked flow and of the flows it runs, by specifier."""
    found = {card.specifier: card for card in flow.tools.values()}
    for inner in flow.flows.values():
        found |= cards(inner)
    return found


class _Tools(NamedTuple):
    """What runs of one flow need of its tools: their cards, the secrets they declare, and their arguments' schemas."""

    cards: Mapping[str, ToolCard]
    secrets: frozenset[str]
    takes: dict[str, Schema | None]
    """By specifier, as far as called."""

    @classmethod
    def of(cls, flow: LinkedFlow | Mapping[str, ToolCard]) -> _Tools:
        """Worked out once for a linked flow, whose runs share it."""
        if isinstance(flow, Mapping):
            return cls._read(flow)
        tools: _Tools | None = flow.memo.get(cls)
        if tools is None:
            tools = flow.memo[cls] = cls._read(cards(flow))
        return tools

    @classmethod
    def _read(cls, found: Mapping[str, ToolCard]) -> _Tools:
        return cls(dict(found), frozenset(name for card in found.values() for name in card.declaration.secrets), {})

    def problems(self, card: ToolCard, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What is wrong with the arguments of a call."""
        if card.specifier not in self.takes:
            from ..schemas import Schema

            self.takes[card.specifier] = Schema.of(card.input_schema) if card.input_schema else None
        schema = self.takes[card.specifier]
        return () if schema is None else schema.problems(arguments)


class Executor:
    """Carries out the effects of one run: of a linked flow, or of the tools with these cards.

    `tools` maps references, specifiers or names to functions and goes before what packages export. `secrets` goes
    before the environment. `folder` is where results over 1 MiB are kept.
    """

    def __init__(
        self,
        flow: LinkedFlow | Mapping[str, ToolCard],
        run: str,
        *,
        package: Package | None = None,
        tools: Mapping[str, Any] | None = None,
        deps: Any = None,
        scope: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        model: ModelClient | None = None,
        judge: Judge | None = None,
        folder: Path | None = None,
    ) -> None:
        self._tools = _Tools.of(flow)
        self.run = run
        self.model = model
        self.judge = judge
        self.on_delta: Callable[[Effect, str], None] | None = None
        self.secrets = values.Secrets(secrets, self._tools.secrets)
        self._package = package
        self._given = {reference: function for reference, function in (tools or {}).items() if callable(function)}
        self._deps = deps
        self._scope = dict(scope or {})
        self._folder = folder
        self._threads = _threads.Threads()
        self._functions: dict[str, tuple[Tool, Signature]] = {}

    def handles(self, effect: Effect) -> bool:
        """Whether this effect is ours; a `wait`, or a `model` effect without a client, is for others."""
        return effect.kind in ("tool", "judge", "sleep") or (effect.kind == "model" and self.model is not None)

    def is_irreversible(self, effect: Effect) -> bool:
        """Whether a tool effect cannot be undone, as far as anybody has declared."""
        card = self._tools.cards.get(effect.request["tool"])
        effects = None if card is None else card.declaration.effects
        return effects is None or "irreversible" in effects

    async def carry_out(self, effect: Effect, *, remaining: float | None = None) -> Any:
        """The result of an effect as JSON without secrets, or a `Failure`.

        `remaining` is what is left, in seconds, of a sleep that an earlier process began.
        """
        if effect.kind == "tool":
            return await self._tool(effect)
        if effect.kind == "model":
            return await self._model(effect)
        if effect.kind == "judge":
            return await self._judge(effect)
        await asyncio.sleep(effect.request["seconds"] if remaining is None else remaining)
        return None

    def close(self) -> None:
        """Let threads that are idle end."""
        self._threads.close()

    async def _model(self, effect: Effect) -> Any:
        if self.model is None:
            raise AssertionError("a model effect without a client is not ours: see `handles`")
        on_delta = partial(self.on_delta, effect) if self.on_delta is not None else None
        try:
            result = await self.model.ask(effect.request, deadline=effect.deadline, on_delta=on_delta)
            return values.plain(result, self.secrets)
        except LevError as error:
            return Failure(kind="model", message=self.secrets.in_text(str(error)), retryable=error.retryable)
        except Exception as error:  # a provider's client raises what it likes
            message, where = describe(error)
            return self._failure(message, where, kind="model")

    async def _judge(self, effect: Effect) -> Any:
        if self.judge is None:
            return dict(_ABSTAINED)
        try:
            return values.plain(await self.judge.judge(effect.request), self.secrets)
        except Exception as error:  # a broken classifier abstains: the model decides
            return {**_ABSTAINED, "evidence": self.secrets.in_text(describe(error)[0])}

    async def _tool(self, effect: Effect) -> Any:
        specifier: str = effect.request["tool"]
        given: Mapping[str, Any] = effect.request["arguments"]
        card = self._tools.cards.get(specifier)
        if card is None:
            return Failure(kind="tool", message=f"this run has no tool {specifier}", retryable=False)
        if problems := self._tools.problems(card, given):
            text = f"{card.name} was called with arguments it does not take: " + "; ".join(problems)
            return Failure(kind="invalid", message=self.secrets.in_text(text), retryable=False)
        try:
            function, signature = self._function(card)
            if card.declaration.isolate == "process":
                data = await self._in_process(card, function, signature, given, effect)
            else:
                data = await self._here(card, function, signature, given, effect)
            if isinstance(data, Failure):
                return self._without_secrets(data)
            if len(data) > values.MAX_INLINE_BYTES and (problems := _misfits(card, data)):
                text = f"{card.name} returned what it does not declare: {'; '.join(problems[:5])}"
                return Failure(kind="invalid", message=self.secrets.in_text(text), retryable=False)
            return values.bound(data, self.secrets, self._folder)
        except values.Oversized as error:
            return Failure(kind="limit", message=f"{card.name}: {error}", retryable=False)
        except (BadArgument, LevError) as error:
            return Failure(kind="tool", message=self.secrets.in_text(f"{card.name}: {error}"), retryable=False)

    async def _in_process(
        self,
        card: ToolCard,
        function: Tool,
        signature: Signature,
        given: Mapping[str, Any],
        effect: Effect,
    ) -> bytes | Failure:
        context = self._context_fields(effect) if signature.wants_context else {}
        secrets = {name: self._secret(card, name) for name in card.declaration.secrets if self.secrets.get(name)}
        return await _process.call(function, given, context, secrets)

    async def _here(
        self,
        card: ToolCard,
        function: Tool,
        signature: Signature,
        given: Mapping[str, Any],
        effect: Effect,
    ) -> bytes | Failure:
        arguments = signature.arguments(given)
        if signature.wants_context:
            arguments["ctx"] = ToolContext(**self._context_fields(effect), _secret=partial(self._secret, card))
        call = partial(function, **arguments)
        result: Any
        raised: BaseException | None
        if signature.asynchronous:
            result, raised = await _awaited(call)
        elif _threads.abandoned() >= _threads.MAX_ABANDONED:
            text = f"{_threads.MAX_ABANDONED} tools hang in this process, so no more are started; restart it"
            return Failure(kind="tool", message=text, retryable=False)
        else:
            result, raised = await self._threads.call(partial(_blocking, call))
        if isinstance(raised, LevError):
            # What asks another gate, an agent's say, hears its no: a denial here as well, which nothing catches.
            kind = "denied" if raised.exit_code == _DENIED else "tool"
            return self._failure(*describe(raised), kind=kind, retryable=raised.retryable)
        if raised is not None:
            return self._failure(*describe(raised))
        return values.encode(result)

    def _context_fields(self, effect: Effect) -> dict[str, Any]:
        return {
            "deps": self._deps,
            "run": self.run,
            "idempotency_key": effect.key,
            "scope": self._scope,
            "deadline": effect.deadline,
        }

    def _secret(self, card: ToolCard, name: str) -> str:
        if name not in card.declaration.secrets:
            raise KeyError(f"{card.name} does not declare the secret {name}; write @tool(secrets={{{name!r}}})")
        value = self.secrets.get(name)
        if value is None:
            raise KeyError(f"the secret {name} has no value; pass secrets={{{name!r}: …}} or set it in the environment")
        return value

    def _function(self, card: ToolCard) -> tuple[Tool, Signature]:
        found = self._functions.get(card.specifier)
        if found is None:
            function = self._load(card)
            found = self._functions[card.specifier] = (function, Signature.of(function))
        return found

    def _load(self, card: ToolCard) -> Tool:
        for name in (card.specifier, card.name, f"./tools/{card.name}"):
            if name in self._given:
                function: Tool = self._given[name]
                return function
        from ..packaging import find

        try:
            package, subpath = find(card.specifier, within=self._package)
            if subpath in package.server_tools and (self._package is None or package.name != self._package.name):
                # A dependency must not start commands on a machine whose user has only named what depends on it.
                raise LevError(
                    f"{card.specifier} is on an MCP server, which only a run of {package.name} itself may reach",
                    help="declare the server in your own lev.toml, and call it from there",
                )
            loaded: Tool = package.tool(subpath)
            return loaded
        except LevError:
            raise
        except (Exception, SystemExit) as error:  # importing runs the package's code
            message, where = describe(error)
            raise LevError(f"{card.specifier} cannot be loaded: {message} ({where})") from error

    def _failure(self, message: str, where: str | None, kind: Any = "tool", retryable: bool = True) -> Failure:
        details = {"where": where} if where else None
        return Failure(kind=kind, message=self.secrets.in_text(message), retryable=retryable, details=details)

    def _without_secrets(self, failure: Failure) -> Failure:
        return msgspec.structs.replace(failure, message=self.secrets.in_text(failure.message))


def _misfits(card: ToolCard, data: bytes) -> tuple[str, ...]:
    """What is wrong with a result that the machine will only see a reference to."""
    if card.output_schema is None:
        return ()
    from ..schemas import Schema

    return tuple(Schema.of(card.output_schema).problems(canonical.decode(data)))


def _blocking(call: Callable[[], Any]) -> Any:
    with ToolOutput():
        result = call()
        # A plain function may still return a coroutine; it has no loop here but one of its own.
        return asyncio.run(_wait(result)) if inspect.isawaitable(result) else result


async def _wait(result: Any) -> Any:
    return await result


async def _awaited(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        with ToolOutput():
            return await call(), None
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return None, error
    except (Exception, SystemExit) as error:
        return None, error
