"""What a session is bound to, who decided it, and how it is handed on.

    found = await route("I was charged twice", candidates)    # rules, then the calibrated classifier, then a model
    with Session.open(path, bind(Agent.from_package(found.agent), "ticket-17")) as session:
        answer = await bound_agent(session.binding).run("I was charged twice")
        session.checkpoint(decided=("refund approved",), open_questions=("which account?",))
        packet = session.hand_off("acme_support/agents/billing", why="it needs the ledger")

A binding never grows: whoever takes it up can only have less (`Binding.narrowed`).
"""

from .binding import Binding
from .bound import bind, bound_agent
from .handoff import FileRef, HandOff, MemoryRef
from .routing import Alternative, Candidate, Route, route
from .session import Entry, Session

__all__ = [
    "Alternative",
    "Binding",
    "Candidate",
    "Entry",
    "FileRef",
    "HandOff",
    "MemoryRef",
    "Route",
    "Session",
    "bind",
    "bound_agent",
    "route",
]
