"""What a host holds of a run: tokens that name the run, the lease's epoch and the effect they answer.

A token is `run.epoch.effect.tag`. The tag is an HMAC over the rest with the project's secret, so nobody can
make up an epoch or a run. A handle is a token without an effect: it asks for the status or cancels, and answers
nothing. Nothing is stored: the same secret gives the same tokens after a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

_TAG_DIGITS = 24
_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9]{1,9})\.([A-Za-z0-9_-]{0,128})\.([0-9a-f]{24})")
_STATE = re.compile(
    r"(ask|wait)\.([0-9]{1,3})\.([01])\.([A-Za-z0-9_-]{1,64})\.([0-9]{1,9})\.([A-Za-z0-9_-]{1,128})\.([0-9a-f]{24})"
)
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def is_run_name(name: str) -> bool:
    """Whether a name can be a run's: it also names files, so letters, digits, `_` and `-` only."""
    return _RUN.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A token that has been checked. `effect` is the machine's own token, empty for a handle."""

    run: str
    epoch: int
    effect: str


@dataclass(frozen=True, slots=True)
class State:
    """What a host keeps for us between two legs of one call: `kind` (`ask` or `wait`) and what is to be answered.

    `rounds` counts the legs; `plain` says that a model's text is the answer as it stands.
    """

    kind: str
    ticket: Ticket
    rounds: int
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Mint:
    """Makes and checks tokens with one secret."""

    secret: bytes

    def _tag(self, *parts: object) -> str:
        text = ".".join(map(str, parts))
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()[:_TAG_DIGITS]

    def token(self, run: str, epoch: int, effect: str = "") -> str:
        """The token of an effect in a lease; without an effect, the lease's handle."""
        return f"{run}.{epoch}.{effect}.{self._tag('token', run, epoch, effect)}"

    def resume(self, run: str, epoch: int) -> str:
        """The secret that lets its holder take a run over; each lease has its own."""
        return self._tag("resume", run, epoch)

    def read(self, token: str) -> Ticket | None:
        """What a token says, or None when it was not made with this secret."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        run, epoch, effect, tag = match.groups()
        if not hmac.compare_digest(tag, self._tag("token", run, int(epoch), effect)):
            return None
        return Ticket(run, int(epoch), effect)

    def opens(self, resume: str, run: str, epoch: int) -> bool:
        """Whether a resume secret is that of the run's present lease."""
        return hmac.compare_digest(resume.encode(errors="surrogatepass"), self.resume(run, epoch).encode())

    def state(self, state: State) -> str:
        """A state as the host keeps it; no token can be made of it, nor it of tokens."""
        ticket = state.ticket
        parts = (state.kind, state.rounds, int(state.plain), ticket.run, ticket.epoch, ticket.effect)
        return f"{'.'.join(map(str, parts))}.{self._tag('state', *parts)}"

    def read_state(self, text: str) -> State | None:
        """What a state says, or None when it was not made with this secret."""
        match = _STATE.fullmatch(text)
        if match is None:
            return None
        kind, rounds, plain, run, epoch, effect, tag = match.groups()
        if not hmac.compare_digest(tag, self._tag("state", kind, rounds, plain, run, epoch, effect)):
            return None
        return State(kind, Ticket(run, int(epoch), effect), int(rounds), plain=plain == "1")
