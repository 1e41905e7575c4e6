"""What comes from outside is JSON, holds no secret, and is not too large."""

from __future__ import annotations

import datetime
import enum
import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.core import canonical
from lev_os.core.bidirectional import values
from lev_os.core.bidirectional.values import MAX_INLINE_BYTES, NotJson, Oversized, Secrets


class Colour(enum.Enum):
    RED = "red"


class Model:
    """Stands for a Pydantic model: what has `model_dump` says its own JSON."""

    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"mode": mode}


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ((1, 2), [1, 2]),
        ({1: "a"}, {"1": "a"}),
        (Colour.RED, "red"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (Path("a/b"), "a/b"),
        (Model(), {"mode": "json"}),
        (b"abc", "YWJj"),
        ([None, 1.5], [None, 1.5]),
    ],
)
def test_python_becomes_json(value: Any, json: Any) -> None:
    """Common types have one JSON form."""
    assert values.plain(value, Secrets()) == json


@pytest.mark.parametrize(
    "value",
    [object(), lambda: 1, [float("inf")], {"a": {"b": float("nan")}}, "\ud800", {object(): 1}, (x for x in ())],
)
def test_what_has_no_json_form(value: Any) -> None:
    """Refused with a reason, never written as something else."""
    with pytest.raises(NotJson):
        values.encode(value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(json_values, st.text(min_size=4), st.text(min_size=4))
def test_no_secret_is_left(value: Any, one: str, other: str) -> None:
    """In strings and keys, alone or inside, the longer of two overlapping secrets too."""
    secrets = Secrets({"ONE": one, "OTHER": other, "BOTH": one + other, "EMPTY": ""})
    found = values.plain({"a": [value, one, f"x{other}y"], one: one + other}, secrets)
    left = canonical.encode(found).decode().replace("[secret:ONE]", "").replace("[secret:OTHER]", "")
    if one not in "[secret:BOTH]" and other not in "[secret:BOTH]" and not values_collide(one, other):
        assert canonical.encode(one)[1:-1].decode() not in left.replace("[secret:BOTH]", "")


def values_collide(*secrets: str) -> bool:
    """Whether a secret is made of what JSON itself, or a mark, is written with."""
    return any(set(secret) <= set('{}[]",:0123456789.e-+truefalsnux secret:BOTHNEKR\\') for secret in secrets)


def test_a_secret_that_is_a_number() -> None:
    """A number that shows the secret becomes a text that does not."""
    secrets = Secrets({"PIN": "481516"})
    assert values.plain({"pin": 481516, "ok": True, "other": 5}, secrets) == {
        "pin": "[secret:PIN]",
        "ok": True,
        "other": 5,
    }


def test_a_large_result_keeps_no_secret(tmp_path: Path) -> None:
    """The file is written after secrets were replaced; a result that is then small enough needs none."""
    secrets = Secrets({"KEY": "k" * 100})
    reference = values.bound(values.encode("x" * MAX_INLINE_BYTES + "k" * 100), secrets, tmp_path)
    assert b"kkk" not in Path(reference["$file"]).read_bytes()
    assert values.bound(values.encode("k" * 100 * 20_000), secrets, None) == "[secret:KEY]" * 20_000


def test_the_same_large_result_is_kept_once(tmp_path: Path) -> None:
    """Files are named by their contents."""
    data = values.encode("x" * (MAX_INLINE_BYTES + 1))
    assert values.bound(data, Secrets(), tmp_path) == values.bound(data, Secrets(), tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_large_result_that_cannot_be_kept(tmp_path: Path) -> None:
    """A folder that cannot be made, as on a full disk: said, with the size."""
    (tmp_path / "file").touch()
    with pytest.raises(Oversized, match="could not be kept"):
        values.bound(values.encode("x" * (MAX_INLINE_BYTES + 1)), Secrets(), tmp_path / "file")


def test_a_disk_that_fails_after_a_large_result_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong is said, and not what went wrong in cleaning up."""

    def fails(folder: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(values, "sync_folder", fails)
    with pytest.raises(Oversized, match=os.strerror(errno.EIO)):
        values.bound(values.encode("x" * (MAX_INLINE_BYTES + 1)), Secrets(), tmp_path)
