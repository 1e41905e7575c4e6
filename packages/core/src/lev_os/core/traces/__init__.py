"""Runs to look at: what a journal tells, as values (`read_run`) and as one page of HTML (`as_html`)."""

from .page import as_html
from .view import AttemptView, EffectView, RunView, read_run

__all__ = ["AttemptView", "EffectView", "RunView", "as_html", "read_run"]
