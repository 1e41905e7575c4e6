"""Agents over HTTP: as an OpenAI-compatible endpoint, and as A2A servers.

    app = application({"desk": Agent.from_package("acme_support/agents/desk")}, address="http://127.0.0.1:8770")

Nothing that comes in by these ways is a person's word: a tool call that a person must approve waits, and the answer
says how it is approved. The application has no guard of its own; `lev serve` puts it behind core's (`listening`).
"""

from .application import application

__all__ = ["application"]
