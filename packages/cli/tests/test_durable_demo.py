"""The second act of the demonstration, as a newcomer sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.slow
def test_the_second_act_handles_every_message_once(process: Callable[..., Any]) -> None:
    """Three workers, one killed, two refunds approved: 200 runs are done, no ticket is written twice or lost."""
    said = process("demo", "--durable")
    assert said.code == 0, said.err + said.out
    assert "200 of 200 done" in said.out
    assert "198 written, 0 twice, 0 lost" in said.out
    assert "every message handled once" in said.out
