"""From the name of a model to a client that answers."""

from __future__ import annotations

import inspect
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .client import ModelClient, OnDelta, Request, Result
from .errors import WAYS_TO_A_MODEL, ModelUnavailable, NoModel

if TYPE_CHECKING:
    from pydantic_ai.models import Model


def open_model(
    spec: str | object | None = None, *, allow_weak_decisions: bool = False, root: Path | None = None
) -> ModelClient:
    """The client for `spec`.

    A name: `anthropic:…`, `openai:…` and all others of Pydantic AI, `test`, `local`, `script:FILE`. An object: a
    `ModelClient`, a Pydantic AI model, or a function from request to result. None: `LEV_MODEL`, then `model` under
    `[tool.lev]` in the `pyproject.toml` of `root` or of the project around it, then `local` if it is installed.
    Raises `NoModel` with the ways to get one, `InvalidInput` for a bad script.
    """
    if spec is None:
        spec = os.environ.get("LEV_MODEL") or setting("model", root or Path.cwd(), help=WAYS_TO_A_MODEL)
    if spec is None:
        from .local import is_installed

        if not is_installed():
            raise NoModel("no model is configured", help=WAYS_TO_A_MODEL)
        spec = "local"
    if isinstance(spec, str):
        return _by_name(spec, allow_weak_decisions, root or Path.cwd())
    if callable(getattr(spec, "ask", None)):
        return cast(ModelClient, spec)
    if any(cls.__module__.startswith("pydantic_ai.") for cls in type(spec).__mro__):
        from .pydantic import PydanticModel

        return PydanticModel(cast("Model[Any]", spec))
    if callable(spec):
        return FunctionClient(spec)
    raise NoModel(f"a {type(spec).__name__} is not a model", help=WAYS_TO_A_MODEL)


def _by_name(name: str, allow_weak_decisions: bool, root: Path) -> ModelClient:
    if name == "local":
        from .local import open_local

        return open_local(allow_weak_decisions=allow_weak_decisions)
    if name.startswith("script:"):
        from .script import ScriptModel

        return ScriptModel.load(root / name.removeprefix("script:"))
    if not name.strip():
        raise NoModel("the name of the model is empty", help=WAYS_TO_A_MODEL)
    from .pydantic import open_pydantic

    return open_pydantic(name)


def setting(key: str, root: Path, *, help: str) -> str | None:
    """The nearest `key` under `[tool.lev]` of a `pyproject.toml`, up to the root of the repository.

    Raises `NoModel`, with `help` when the value is not text.
    """
    for folder in (root.resolve(), *root.resolve().parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            try:
                value = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("lev", {}).get(key)
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise NoModel(f"{file}: {error}", help="mend the file") from None
            if value is not None and not isinstance(value, str):
                raise NoModel(f'{file}: `{key}` under [tool.lev] must be text, such as "local"', help=help)
            if value is not None:
                return value
        if (folder / ".git").exists():
            break
    return None


class FunctionClient:
    """A function, sync or async, from request to result, as a client."""

    may_decide = True

    def __init__(self, function: Callable[[Request], Any]) -> None:
        self._function = function
        self.name = f"function:{getattr(function, '__name__', type(function).__name__)}"

    async def ask(self, request: Request, *, deadline: float | None = None, on_delta: OnDelta | None = None) -> Result:
        """Call the function; its result is given back as it is, with `decided_by`."""
        result = self._function(request)
        if inspect.isawaitable(result):
            result = await result
        if not isinstance(result, dict):
            raise ModelUnavailable(
                f"{self.name} returned {type(result).__name__}", help='return {"answer": …} or {"tool_calls": […]}'
            )
        return {"decided_by": self.name, **result}
