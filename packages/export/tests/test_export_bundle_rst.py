"""reStructuredText is cut where docutils finds a section."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.utils import new_document
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.export import bundle
from lev_os.export.bundling.restructured_text import heading_at, titles

LINES = (
    "", "", "", "Tea", "Brewing tea", "茶の本", "==", "===", "====", "========", "-----------", "~~~~", "~~~~~~~~~~~~",
    "  Steep it.", "    Longer.", "\tTab.", "* item", "- item", "-", "1. One", "2. Two", "(a) one", "(b) two", "i) one",
    "#. auto", ":field: value",
    "-v  verbose", "-v", "--to=X, -t X  where", "| line", ".. note::", ".. _label:", ".. a comment", "__ anonymous",
    ">>> tea()", "Code::", "::", "> quoted", "> ====", "+----+----+", "| a  | b  |", "====  ====", "a     b",
    "----------", "*tea*", "``tea``", "Term", "[1]", "...", "!!!!", '""""', "\\::", "A. Smith", "/etc", "%%%",
)  # fmt: skip


def theirs(text: str) -> list[tuple[int, str]]:
    """The sections by docutils: level and title."""
    options = get_default_settings(Parser)
    options.report_level, options.halt_level = 5, 5
    document = new_document("", options)
    Parser().parse(text, document)
    found = []
    for title in document.findall(nodes.title):
        level, above = 0, title.parent
        while isinstance(above, nodes.section):
            level, above = level + 1, above.parent
        if level:
            found.append((level, title.rawsource))
    return found


def ours(text: str) -> list[tuple[int, str]]:
    return [(level, title) for _, level, title in titles(text)]


@given(st.lists(st.sampled_from(LINES), max_size=14).map("\n".join))
@settings(max_examples=400, deadline=None)
def test_titles_are_those_of_docutils(text: str) -> None:
    """Of lines in any order: also of those where docutils reports errors."""
    assert ours(text) == theirs(text)


GUIDE = """\
=====
 Tea
=====

.. _brewing:

Brewing
=======

Time
----

Steep it for three minutes::

    Cold water
    ==========

Water
-----

{water}

Cups
====

Washed by hand.
"""


def test_a_part_is_cut_at_titles(tmp_path: Path) -> None:
    """Those above what is left are there as they were written; what looks like a title in a block of code is none."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "tea.rst").write_text(GUIDE.format(water="Soft water is better. " * 30))
    made = bundle(folder, budget=70, task="how many minutes to steep?")
    (part,) = made.parts
    assert (part.state, part.of) == ("cut", 5)
    assert "=====\n Tea\n=====\n\n" in made.text
    assert "Brewing\n=======\n\nTime\n----\n\nSteep it for three minutes::\n\n    Cold water" in made.text
    assert "Soft water" not in made.text


def test_a_title_alone_says_nothing(tmp_path: Path) -> None:
    """Of a section whose paragraphs another part has, the title is left out too."""
    shared = "The same paragraph, long enough that it is looked for in every other part of the bundle."
    for name in ("a", "b"):
        (tmp_path / f"{name}.rst").write_text(f"{name * 4}\n====\n\nOwn {name}.\n\nShared\n------\n\n{shared}\n")
    made = bundle(tmp_path, budget=400)
    assert made.text.count("Shared") == 1
    assert made.text.count("Own") == 2


def test_a_heading_is_given_as_it_is_written() -> None:
    """With the rows that belong to it, wherever the text ends."""
    text = "====\n Ä\n====\n\nB\n-"
    (above, below) = [start for start, _, _ in titles(text)]
    assert heading_at(text, above) == "====\n Ä\n===="
    assert heading_at(text, below) == "B\n-"
