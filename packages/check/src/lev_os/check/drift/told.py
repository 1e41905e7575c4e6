"""What is said of a document, as it is remembered."""

from __future__ import annotations

import msgspec

from ..diagnostics import Severity
from ..rule import Span


class Told(msgspec.Struct, frozen=True, array_like=True):
    """One finding. `package`: it says only that this package is not installed, which is said once in a project."""

    code: str
    span: Span
    message: str
    help: str | None = None
    severity: Severity | None = None
    package: str = ""
