"""What is read without libyaml is what libyaml reads: values, places, and which scalars have no quotes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core._flat_yaml import read_flat
from lev_os.core._yaml import read

KEYS = st.sampled_from(["name", "description", "a-b", "x_1", "null", "True", "y", "on", "N1", "1a", "-a", "é"])
PIECES = st.sampled_from(
    ["word", "Two words", " ", "  ", ":", ": ", "#", " #", "'", '"', "\\", "\\n", "[a, b]", "{", "}", "!", "&a", "*a",
     "- x", "---", "é", "日本", "\u00a0", "\u0085", "\u2028", "\u200b", "\ufeff", "\t", "\r", "12", "1.5", "null",
     "true", ".inf", "~", "%", "@", "`", "|", ">", "?", "=", "<<", "0x1", "😀", ",", "..."]
)  # fmt: skip
VALUES = st.lists(PIECES, max_size=4).map("".join)
QUOTED = st.one_of(VALUES, VALUES.map(lambda text: f'"{text}"'), VALUES.map(lambda text: f"'{text}'"))
LINES = st.tuples(KEYS, st.sampled_from([": ", ":", ":  ", " : "]), QUOTED).map("".join)
TEXTS = st.tuples(
    st.sampled_from(["", "\n", "\n\n", " ", "---\n"]), st.lists(LINES, max_size=4).map("\n".join),
    st.sampled_from(["", "\n", "\n\n", "\n...", " "]),
).map("".join)  # fmt: skip


@given(TEXTS)
@settings(max_examples=1500, deadline=None)
def test_agrees_with_libyaml(text: str) -> None:
    """Whatever the quick reader takes, the other one reads alike; it never raises."""
    flat = read_flat(text, "a.yaml")
    if flat is None:
        return
    whole = read(text, "a.yaml")
    assert flat.data == whole.data
    assert list(flat.data) == list(whole.data)
    assert dict(flat.positions) == dict(whole.positions)
    assert dict(flat.keys) == dict(whole.keys)
    assert all(flat.unquoted((key,)) == whole.unquoted((key,)) for key in flat.data)


@pytest.mark.parametrize(
    "text",
    [
        "\nname: pdf\ndescription: Reads PDFs; use it when (or if) a PDF is named.\n",
        'a: "x: #1"\nb: \'y "z"\'',
        "k: Grüße – 日本",
    ],
)
def test_takes_plain_heads(text: str) -> None:
    """The heads that nearly every skill has need no libyaml."""
    assert read_flat(text, None) is not None
