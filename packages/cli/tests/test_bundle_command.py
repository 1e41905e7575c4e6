"""`lev bundle`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lev_os.core import tokens

TASK = ("--for", "a customer was charged twice", "--words")


def test_a_bundle_and_its_receipt(lev: Callable[..., Any], tmp_path: Path) -> None:
    """The text on stdout, byte for byte what was counted; the receipt in a file."""
    said = lev("bundle", "acme_support", "--budget", "700", *TASK, "--format", "md", "--receipt", "receipt.json")
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert said.code == 0
    assert receipt["budget"] == 700
    assert receipt["tokens"] == tokens.count(said.out) <= 700
    assert {"specifier", "digest", "tokens", "state", "why"} <= receipt["parts"][0].keys()
    assert {part["state"] for part in receipt["parts"]} <= {"in", "cut", "out"}
    as_json = lev("bundle", "acme_support", "--budget", "700", *TASK, "--json").json
    assert as_json["text"] == said.out
    assert as_json["parts"] == receipt["parts"]


def test_locked_and_frozen(lev: Callable[..., Any], tmp_path: Path) -> None:
    """The same bytes without a choice; a changed text is 1, and is named."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Keys\n\nRotate the keys each month.\n")
    made = lev("bundle", "./docs", "--budget", "100", "--for", "rotate keys", "--lock")
    assert lev("bundle", "--frozen").out == made.out
    assert lev("bundle", "--frozen", "./docs", "--budget", "100", "--for", "rotate keys").out == made.out
    assert "another bundle: its sources: ./docs" in lev("bundle", "--frozen", "./notes").err
    assert lev("bundle", "--frozen", "--budget", "50").code == 2
    assert "holds no bundle as xml" in lev("bundle", "--frozen", "--format", "xml").err
    (docs / "a.md").write_text("# Keys\n\nNever.\n")
    drifted = lev("bundle", "--frozen")
    assert (drifted.code, drifted.out) == (1, "")
    assert "changed: docs/a.md has another text" in drifted.err
    assert lev("bundle", "--frozen", "--json").json["changes"]


def test_bad_usage(lev: Callable[..., Any]) -> None:
    """Each says what to do, and none is a crash."""
    assert "--budget is missing" in lev("bundle", "acme_support").err
    assert lev("bundle", "acme_support", "--budget", "0").code == 2
    assert lev("bundle", "acme_support", "--budget", "10").code == 2
    assert lev("bundle", "--lock", "--frozen").code == 2
    assert "there is no package acme_suport" in lev("bundle", "acme_suport", "--budget", "10").err
    assert lev("bundle", "acme_support/contexts/ton", "--budget", "10").code == 2
    assert lev("bundle", "./nowhere", "--budget", "10").code == 2
    assert "--for is not UTF-8" in lev("bundle", "acme_support", "--budget", "700", "--for", "\udcff", "--lock").err
    told = lev("bundle", "acme_support", "--budget", "700", "--lock", "--receipt", "nowhere/receipt.json")
    assert (told.code, "there is no folder nowhere" in told.err) == (2, True)
    assert not Path("lev.lock").exists()
    assert lev("bundle", "acme_support", "--budget", "100000000", "--words").code == 0
