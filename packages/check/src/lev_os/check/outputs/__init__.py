"""A report as text, JSON, SARIF and GitHub's annotations."""

from __future__ import annotations

from .json import as_json as as_json
