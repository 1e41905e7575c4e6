"""All that is worked out about one flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..project import FlowSubject


@dataclass(frozen=True)
class Analysis:
    """What is known of a flow without running it."""


def analyse(subject: FlowSubject) -> Analysis:
    """Work it out."""
    return Analysis()
