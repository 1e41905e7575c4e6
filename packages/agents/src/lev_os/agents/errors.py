"""What a caller sees when the gate says no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lev_os.core import LevError

if TYPE_CHECKING:
    from lev_os.core.constitutional import Finding
    from lev_os.core.constitutional.audit import Approval, AuditEntry


class Denied(LevError):
    """The constitution forbids it, and the run has ended. Nothing of what was denied is in the message.

    `findings` are the principles that objected; `audit` is every verdict of the run, in order.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,
        findings: Sequence[Finding] = (),
        audit: Sequence[AuditEntry | Approval] = (),
    ) -> None:
        super().__init__(message, help=help)
        self.findings = tuple(findings)
        self.audit = audit


class LimitReached(LevError):
    """A run reached one of its limits and ended."""

    exit_code = 3


class AgentFailed(LevError):
    """A run could not be carried to its end: the model misbehaved, or could not be reached.

    `status` is the provider's HTTP status, if there was one. `said` is what the provider, or Pydantic AI of the model's
    answer, said of it, without keys: it may repeat a prompt or an answer, and has passed no gate.
    """

    exit_code = 3

    def __init__(self, message: str, *, help: str | None = None, status: int | None = None, said: str = "") -> None:
        super().__init__(message, help=help)
        self.status = status
        self.said = said
