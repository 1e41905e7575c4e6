"""The pytest plugin's entry point: fixtures, each importing what it needs only when a test asks for it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lev_os.core.bidirectional import RunResult

    from .scripted import ScriptedModel

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@pytest.fixture
def lev_model() -> ScriptedModel:
    """A scripted model without replies: add them with `reply`, `call` and `fault`."""
    from .scripted import ScriptedModel

    return ScriptedModel()


@pytest.fixture
def lev_run(lev_model: ScriptedModel) -> Callable[..., RunResult]:
    """`lev_run(flow, input, **options)`: run a flow, or the flow of a specifier, with `lev_model`.

    Options are those of `lev_os.core.bidirectional.run`. Semantic conditions go to the model unless `judge` is given.
    """
    from lev_os.core.bidirectional import run_sync

    def run(flow: Any, input: Any = None, **options: Any) -> RunResult:
        found = _flow(flow) if isinstance(flow, str) else flow
        return run_sync(found, input or {}, **{"model": lev_model, "judge": False, **options})

    return run


@pytest.fixture
def lev_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to other machines fail at once, with the address they were for."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in _LOOPBACK:
            raise _blocked(address[0])
        connect(self, address)

    def guarded_look_up(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in (None, *_LOOPBACK):
            raise _blocked(host)
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


def _flow(specifier: str) -> Any:
    from lev_os.core.packaging import find

    package, subpath = find(specifier)
    return package.export(subpath).from_python()


def _blocked(host: Any) -> OSError:
    return OSError(f"this test may not reach {host}: `lev_no_network` is in force")
