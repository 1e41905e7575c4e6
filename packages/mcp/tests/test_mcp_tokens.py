"""Tokens: what a host holds can neither be made up nor altered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.mcp.tokens import Mint, Ticket, is_run_name

MINT = Mint(b"s" * 32)
_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", fullmatch=True)


@given(run=_names, epoch=st.integers(0, 999_999_999), effect=st.from_regex(r"[0-9a-f]{0,64}", fullmatch=True))
def test_a_token_says_what_it_was_made_for(run: str, epoch: int, effect: str) -> None:
    """The same secret reads it back, after a restart too; another secret does not."""
    token = MINT.token(run, epoch, effect)
    assert Mint(b"s" * 32).read(token) == Ticket(run, epoch, effect)
    assert Mint(b"t" * 32).read(token) is None


@given(data=st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    """Nobody moves a token to another epoch, run or effect."""
    token = MINT.token("run-1", 3, "0badcafe")
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[place]))
    assert MINT.read(token[:place] + character + token[place + 1 :]) is None


@given(st.text())
def test_garbage_is_no_token(text: str) -> None:
    """Any text may arrive."""
    assert MINT.read(text) is None


def test_each_lease_has_its_own_resume_secret() -> None:
    """After a take-over the old secret opens nothing."""
    secret = MINT.resume("run-1", 1)
    assert MINT.opens(secret, "run-1", 1)
    assert not MINT.opens(secret, "run-1", 2)
    assert not MINT.opens(secret, "run-2", 1)
    assert not MINT.opens("ünïcode", "run-1", 1)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a.b", "-x", "x" * 65, "a\n", "\x00"])
def test_a_name_that_could_leave_the_folder_is_no_run(name: str) -> None:
    """Names of runs name files."""
    assert not is_run_name(name)


def test_a_resume_secret_may_be_any_text() -> None:
    """Text that has no UTF-8 opens nothing, and is no crash."""
    assert not MINT.opens("\udcc5\ud800", "run-1", 1)
