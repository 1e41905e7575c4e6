"""Places in texts: what an editor counts, what YAML writes and what CEL reads are the same characters."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st
from lev_os.check.lsp.positions import Lines
from lev_os.check.lsp.yaml_view import YamlView, align
from lev_os.core.documents import read_yaml
from lev_os.core.flowmind.names import names_in

TEXTS = st.text(st.sampled_from("ab 🦑é\n\r\t'\"\\{}${}:#-.") | st.characters(codec="utf-8"), max_size=60)


@given(text=TEXTS, encoding=st.sampled_from(["utf-8", "utf-16", "utf-32"]), data=st.data())
def test_a_place_and_back(text: str, encoding: str, data: st.DataObject) -> None:
    """Every character has one place, and that place is it; only the two halves of a line end are one place."""
    lines = Lines(text, encoding)
    offset = data.draw(st.integers(0, len(text)))
    line, unit = lines.position(offset)
    back = lines.offset(line, unit)
    assert back == offset or text[back : offset + 1] == "\r\n" or text[back:offset] in {"\r", "\n"}
    start = text[:offset].replace("\r\n", "\n").replace("\r", "\n").count("\n")
    assert line == start - (text[offset - 1 : offset + 1] == "\r\n")


def test_places_outside_the_text_are_the_nearest_ones() -> None:
    """An editor may ask behind a line, behind the text and inside a character."""
    lines = Lines("a🦑b\nc")
    assert [lines.offset(0, unit) for unit in (0, 1, 2, 3, 4, 9)] == [0, 1, 1, 2, 3, 3]
    assert (lines.offset(7, 0), lines.position(99)) == (5, (1, 1))


@given(
    value=st.text(st.sampled_from("ab 🦑é\n\t'\"\\{}$:#-.,"), min_size=1, max_size=40).filter(str.strip),
    style=st.sampled_from(["'", '"', "|", ">", None]),
    width=st.sampled_from([10, 1000]),
)
def test_every_character_of_a_value_is_where_it_is_written(value: str, style: str | None, width: int) -> None:
    """Quoted, escaped, folded or in a block: a character of the value is that character of the text, or an escape."""
    text = yaml.safe_dump({"key": value}, default_style=style, width=width, allow_unicode=True)  # type: ignore[call-overload]
    document = read_yaml(text)
    view = YamlView(text, document)
    offsets = view.characters(("key",))
    assert offsets is not None
    assert len(offsets) == len(value) + 1
    for char, offset in zip(value, offsets, strict=False):
        if char.isalnum() and text[offset] != "\\":
            assert text[offset] == char
    first = next(index for index, char in enumerate(value) if not char.isspace())
    spot = view.at(offsets[first])
    assert spot is not None
    assert (spot.path, spot.key) == (("key",), False)


def test_a_value_that_is_not_there_cannot_be_aligned() -> None:
    """Nothing is guessed: a text that says something else has no places."""
    assert align("key: other", 5, "value") is None


def test_names_with_their_fields() -> None:
    """Fields, indexes, literal keys and the variables of comprehensions, each where it stands."""
    found = {use.path: use.starts for use in names_in("a.b[0].c + d['e'] + f.map(x, x.g + y).size() > size('h')")}
    assert found == {
        ("a", "b", "[]", "c"): (0, 2, None, 7),
        ("d", "e"): (11, 14),
        ("f",): (20,),
        ("f", "[]", "g"): (None, None, 31),
        ("y",): (35,),
    }
    assert names_in("a b") != () or names_in("len(x)") == ()
