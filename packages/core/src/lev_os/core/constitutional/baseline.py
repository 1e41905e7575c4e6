"""The baseline as a value, without the checks that its tests make once and for all."""

from __future__ import annotations

from ..documents import read_yaml
from .build import principles_of
from .constitution import BASELINE, Constitution
from .sources import baseline_source


def load() -> Constitution:
    """The shipped baseline."""
    source = baseline_source()
    document = read_yaml(source.text, path=source.path)
    principles = tuple(principle for _, principle in principles_of(document, BASELINE, {}))
    return Constitution.of(principles, name=document.data["name"], specifier=BASELINE, text=document.text)
