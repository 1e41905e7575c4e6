"""Hints: declared effects become MCP's annotations."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lev_os.core.tools import TOOL_EFFECTS, ToolDeclaration
from lev_os.mcp.annotations import Hints, hints


def test_a_reader_a_ticket_and_a_refund() -> None:
    """The three kinds a support desk has."""
    reader = ToolDeclaration(effects=frozenset({"reads_private"}))
    ticket = ToolDeclaration(effects=frozenset({"writes_local"}), idempotent=True)
    refund = ToolDeclaration(effects=frozenset({"writes_external", "irreversible", "spends"}), idempotent=True)
    assert hints(reader) == Hints(read_only=True, destructive=False, idempotent=True, open_world=False)
    assert hints(ticket) == Hints(read_only=False, destructive=False, idempotent=True, open_world=False)
    assert hints(refund) == Hints(read_only=False, destructive=True, idempotent=True, open_world=True)


@given(st.frozensets(st.sampled_from(sorted(TOOL_EFFECTS))), st.booleans())
def test_nothing_looks_safer_than_what_is_undeclared(effects: frozenset[str], idempotent: bool) -> None:
    """An undeclared tool has the worst hints there are, and read-only never goes with destructive."""
    worst = hints(ToolDeclaration())
    assert worst == Hints(read_only=False, destructive=True, idempotent=False, open_world=True)
    told = hints(ToolDeclaration(effects=effects, idempotent=idempotent))
    assert not (told.read_only and told.destructive)
    assert told.read_only <= (not effects & {"writes_local", "writes_external", "irreversible", "spends", "runs_code"})
