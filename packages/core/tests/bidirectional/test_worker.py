"""Calling tools: signatures of every kind, arguments that must be built, and the reply of a process of its own."""

from __future__ import annotations

import collections
import functools
from typing import Any

import msgspec
import pytest
from lev_os.core import LevError, ToolContext
from lev_os.core.bidirectional import _worker
from lev_os.core.bidirectional._calling import BadArgument, Signature, describe


def add(a: int, b: int = 1) -> int:
    return a + b


async def slow(a: int) -> int:
    return a


def private(ctx: ToolContext[str], name: str) -> dict[str, str]:
    return {"secret": ctx.secret(name), "deps": ctx.deps, "run": ctx.run}


def raises() -> None:
    raise ValueError("no")


def refuses() -> None:
    raise LevError("never", help="ask something else")


def leaves() -> None:
    raise SystemExit(3)


def odd() -> object:
    return object()


class Nested:
    @staticmethod
    def inner() -> str:
        return "inside"


def reply(name: str, /, **arguments: Any) -> tuple[str, Any]:
    """`+` and the result, or `-` and what went wrong, of one job."""
    context = {"deps": "db", "run": "r", "idempotency_key": "k", "scope": {}, "deadline": None}
    job = {"module": __name__, "name": name, "arguments": arguments, "context": context, "secrets": {"KEY": "hidden"}}
    found = _worker._reply(job)
    return found[:1].decode(), msgspec.json.decode(found[1:])


def test_a_job_is_called_and_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions, coroutines, nested names; a context is built for those that ask for one."""
    monkeypatch.setattr(_worker, "import_module", lambda name: __import__("sys").modules[name])
    assert reply("add", a=2) == ("+", 3)
    assert reply("slow", a=2) == ("+", 2)
    assert reply("Nested.inner") == ("+", "inside")
    assert reply("private", name="KEY") == ("+", {"secret": "hidden", "deps": "db", "run": "r"})


def test_a_job_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception, an exit, a result that is no JSON, an argument that cannot be built: all are replies."""
    monkeypatch.setattr(_worker, "import_module", lambda name: __import__("sys").modules[name])
    sign, (message, where, retryable) = reply("raises")
    assert (sign, message, retryable) == ("-", "ValueError: no", True)
    assert where.partition(":")[0] == __name__
    assert reply("leaves")[1][0] == "the tool called sys.exit(3)"
    message, _, retryable = reply("refuses")[1]
    assert (message, retryable) == ("LevError: never\n    help: ask something else", False)
    assert reply("odd")[0] == "-"
    assert reply("no_such_tool")[1][0].startswith("AttributeError")


def test_signatures_that_cannot_be_read() -> None:
    """A callable without a signature or with names unknown at run time gets its values as they are."""

    def typed(a: Unknown) -> None:  # type: ignore[name-defined]  # noqa: F821
        """Annotated with what exists for nobody."""

    for function in (
        typed,
        dict.fromkeys,
        functools.partial(add, b=2),
        type("Unhashable", (collections.UserList,), {"__call__": lambda self, a: a})(),
    ):
        assert Signature.of(function).arguments({"a": 1}) == {"a": 1}


def test_an_asynchronous_call_method() -> None:
    """An object whose `__call__` is a coroutine function is awaited."""

    class Tool:
        async def __call__(self, a: int) -> int:
            return a

    assert Signature.of(Tool()).asynchronous
    assert not Signature.of(add).asynchronous


def test_arguments_are_built_from_json() -> None:
    """Structures by msgspec, models by their own `model_validate`; what cannot be built stays; a misfit is told."""

    class Point(msgspec.Struct):
        x: int

    class Model:
        @classmethod
        def model_validate(cls, value: Any) -> Any:
            if not isinstance(value, dict):
                raise ValueError("not a mapping")
            return ("model", value)

    class Plain:
        pass

    def of(hint: Any) -> Signature:
        return Signature(wants_context=False, asynchronous=False, converted={"a": hint})

    assert of(Point).arguments({"a": {"x": 1}}) == {"a": Point(1)}
    assert of(Point).arguments({}) == {}
    assert of(Model).arguments({"a": {"x": 1}}) == {"a": ("model", {"x": 1})}
    assert of(Plain | list[Point]).arguments({"a": 1}) == {"a": 1}
    for hint, value in ((Point, {"x": "one"}), (Model, 1)):
        with pytest.raises(BadArgument, match="argument `a`: "):
            of(hint).arguments({"a": value})


def test_exceptions_that_cannot_speak() -> None:
    """One whose own text fails, and one without any."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("nothing to say")

    assert describe(Mute()) == ("Mute", None)
    assert describe(KeyError()) == ("KeyError", None)
