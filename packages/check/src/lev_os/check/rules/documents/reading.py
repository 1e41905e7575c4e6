"""What reading a YAML document reports, before it is known to be a flow, a constitution or a head."""

from __future__ import annotations

from ...rule import reported
from .._flow_examples import flow

_GOOD = flow('steps:\n  - return: "hello"\n')

reported(
    "YML101", "not-yaml", on="file", severity="error",
    summary="The text is not YAML.",
    why="Nothing of it can be used, and what its author meant cannot be told.",
    mend="Look just before the place that is named: indentation, brackets, quotes, a tab, a second `: ` on the line.",
    bad=(
        flow("steps:\n  - return: [hello\n", (5, 1)),
        flow("steps:\n\t- return: hello\n", (4, 1)),
        flow("steps:\n  - return: {text: ${input.text}}\n", (4, 21)),
    ),
    good=_GOOD,
)  # fmt: skip
reported(
    "YML102", "too-large", on="file", severity="error",
    summary="The document has more than 10 MB.",
    why="Such a file is data. No reader reviews it, and every run would have to read it first.",
    mend="Split it, or move the data to a file of its own that a tool reads.",
    bad=(), good=(),
)  # fmt: skip
reported(
    "YML103", "not-text", on="file", severity="error",
    summary="The file holds control characters, or bytes that are not UTF-8.",
    why="It is a binary file, or was saved in another encoding: readers would disagree on what it says.",
    mend="Save it as UTF-8 text without control characters.",
    bad=flow("steps:\n  - return: he\x00llo\n", (4, 15)),
    good=_GOOD,
)  # fmt: skip
reported(
    "YML104", "hidden-in-yaml", on="file", severity="error",
    summary="The document holds a character that nobody sees, or that reorders what is shown.",
    why="What a reviewer reads is not what runs.",
    mend="Delete it; where it is meant, write it as an escape in double quotes.",
    bad=flow('steps:\n  - return: "he\u202ello"\n', (4, 16)),
    good=flow('steps:\n  - return: "he\\u202ello"\n'),
)  # fmt: skip
reported(
    "YML105", "second-document", on="file", severity="error",
    summary="A second document begins in the file.",
    why="One file holds one flow or constitution; the rest would silently be left out.",
    mend="Move it to a file of its own, or remove the `---`.",
    bad=flow("steps: []\n---\nsteps: []\n", (4, 1)),
    good=_GOOD,
)  # fmt: skip
reported(
    "YML106", "tag", on="file", severity="error",
    summary="A value has a tag that is not of YAML's core.",
    why="Tags make objects of other programs; here values are JSON.",
    mend="Remove the tag. Quote a text that begins with `!`.",
    bad=flow("steps:\n  - return: !important text\n", (4, 13)),
    good=flow('steps:\n  - return: "!important text"\n'),
)  # fmt: skip
reported(
    "YML107", "too-deep", on="file", severity="error",
    summary="The document is nested more than 100 levels deep.",
    why="No person wrote that, and readers of it run out of room.",
    mend="Move inner parts to files of their own.",
    bad=flow("steps:\n  - return: " + "[" * 100 + "]" * 100 + "\n", (4, 110)),
    good=_GOOD,
)  # fmt: skip
reported(
    "YML108", "alias", on="file", severity="error",
    summary="An alias names no anchor that stands before it, or one that contains it.",
    why="There is nothing for it to stand for. Most are texts that begin with `*`.",
    mend="Quote the text, or put the anchor before.",
    bad=flow("steps:\n  - return: &a [*a]\n", (4, 17)),
    good=flow('steps:\n  - return: ["*a"]\n'),
)  # fmt: skip
reported(
    "YML109", "aliases-grow", on="file", severity="error",
    summary="Aliases of aliases make the document too large.",
    why="A few lines can stand for thousands of millions of values.",
    mend="Write the values out.",
    bad=flow(
        "steps:\n  - return:\n      - &a [" + ", ".join("1" * 20) + "]\n"
        + "".join(f"      - &{new} [{', '.join(['*' + old] * 20)}]\n" for old, new in ("ab", "bc", "cd", "de")),
        (8, 53),
    ),
    good=_GOOD,
)  # fmt: skip
reported(
    "YML110", "duplicate-key", on="file", severity="error",
    summary="A key stands twice in one mapping.",
    why="One of the values would silently be lost.",
    mend="Keep one of them.",
    bad=flow("steps:\n  - return: 1\n    return: 2\n", (5, 5)),
    good=flow("steps:\n  - return: 1\n"),
)  # fmt: skip
reported(
    "YML111", "key-no-text", on="file", severity="error",
    summary="A key is not text.",
    why="Values are JSON, whose keys are texts: `1` and `true` as keys would be read in two ways.",
    mend="Quote the key.",
    bad=flow("steps:\n  - return: {1: one}\n", (4, 14)),
    good=flow('steps:\n  - return: {"1": one}\n'),
)  # fmt: skip
reported(
    "YML112", "number-range", on="file", severity="error",
    summary="A number does not fit: 64 bits for integers, JSON's range for others.",
    why="Other programs would read another number.",
    mend="Quote it if it is text, such as an id.",
    bad=flow("steps:\n  - return: 99999999999999999999\n", (4, 13)),
    good=flow('steps:\n  - return: "99999999999999999999"\n'),
)  # fmt: skip
