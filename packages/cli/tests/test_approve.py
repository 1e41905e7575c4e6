"""`lev approve`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lev_os.check.rules.security.approved import PROJECT


def test_listed_then_approved(lev: Callable[..., Any], tmp_path: Path) -> None:
    """Without names it lists and exits with 1; approving a package makes it 0; a new text makes it 1 again."""
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    listed = lev("approve")
    assert (listed.code, listed.out.split()[:2]) == (1, ["new", "acme/contexts/tone"])
    assert lev("approve", "acme").code == 0
    assert lev("approve", "--json").json["contexts"][0]["state"] == "approved"
    (tmp_path / ".venv/lib/python3.11/site-packages/acme/contexts/tone.md").write_text("Be rude.\n")
    assert lev("approve").code == 1
    assert "acme/contexts/tone" in lev("approve", "other/contexts/x").err
