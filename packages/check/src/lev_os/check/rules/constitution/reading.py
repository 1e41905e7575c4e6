"""What reading a constitution reports: its form, its completeness, and what it inherits."""

from __future__ import annotations

from functools import partial

from ...rule import Example, reported
from .._place import place
from .examples import MANIFEST, SOUND, changed, package

_reported = partial(reported, on="package", severity="error", good=package())

_reported(
    "CON101",
    "constitution-form",
    summary="A constitution has a key or a value that its format does not know.",
    why="A misspelt key says nothing, and what should have been held is not.",
    mend="Correct the key or value; `lev schema constitution` gives editors the whole format.",
    bad=changed("statement:", "statment:", at="statment"),
)
_reported(
    "CON102",
    "constitution-version",
    summary="A constitution is of a newer version than this installation reads.",
    why="What a newer format means cannot be guessed, least of all where values are concerned.",
    mend="Upgrade `lev-os-core`.",
    bad=changed("constitution: 1", "constitution: 2", at="2"),
)
_reported(
    "CON103",
    "constitution-empty",
    summary="A constitution states nothing and inherits nothing.",
    why="It replaces the baseline, so that nothing at all would be held.",
    mend="Inherit the baseline, or write `principles: []` if nothing shall be held.",
    bad=package("constitution: 1\nname: acme\n", at="constitution"),
)
_reported(
    "CON104",
    "principle-id-twice",
    summary="Two principles have one id.",
    why="Verdicts, journals and suppressions name a principle by its id.",
    mend="Give each its own id.",
    bad=package(SOUND + SOUND.partition("principles:\n")[2], at="ls/open_ticket}\n  - id: ¶ACME"),
)
_reported(
    "CON105",
    "check-of-several-kinds",
    summary="One check is of no kind, or of several.",
    why="Each check is one statement with one verdict.",
    mend="Write one list item for each kind.",
    bad=changed(
        '["*/tools/delete_account"]', '["*/tools/delete_account"]\n        budget: {calls: 3}', at="forbid_tool"
    ),
)
_reported(
    "CON106",
    "check-argument",
    summary="What a check is given cannot be used: a pattern, an expression, a duration or a schema.",
    why="A check that cannot be made ready denies every action it meets.",
    mend="Correct it. Patterns are RE2's, expressions CEL, schemas JSON Schema 2020-12.",
    bad=changed('forbid_tool: ["*/tools/delete_account"]', "regex: {pattern: '(?=x)'}", at="'(?=x)'"),
)
_reported(
    "CON107",
    "principle-without-statement",
    summary="A principle has no statement.",
    why="The statement is what a person reads when something is refused.",
    mend="Say in one sentence what shall hold.",
    bad=changed("    statement: Nobody deletes an account.\n", "", at="ACME-001"),
)
_reported(
    "CON108",
    "principle-without-check",
    summary="A principle has neither a check nor a judge.",
    why="Nothing would enforce it, and readers would believe that something does.",
    mend="Add a check, or move the sentence to a context, where advice belongs.",
    bad=changed('    checks:\n      - forbid_tool: ["*/tools/delete_account"]\n', "", at="ACME-001"),
)
_reported(
    "CON109",
    "principle-untested",
    summary="A principle shows fewer than two violating or two complying actions.",
    why="Only examples on both sides show where the line runs.",
    mend="Add actions under `tests`; `lev check` runs each of them.",
    bad=changed('        - {tool: acme/tools/delete_account, args: {id: "7"}}\n', "", at="violates"),
)
_reported(
    "CON110",
    "check-fails-open",
    summary="A check is written to fail open.",
    severity="warning",
    why="An action that it cannot judge is let through: whoever can make the check fail can pass.",
    mend="Remove `fail: open` unless that is meant; then say why in a suppression.",
    bad=changed('account"]', 'account"]\n        fail: open', at="fail: open"),
)

_CHILD = "constitution: 1\nname: acme\nextends: [./constitution/parent]\nprinciples: []\n"
_EXPORTS = f"""\
{MANIFEST}
[exports]
"./constitution/parent" = {{ llm = "./parent.yaml" }}
"./constitution/other" = {{ llm = "./other.yaml" }}
"""


def _family(child: str, at: str | None = None, *, parent: str = SOUND, other: str = SOUND) -> Example:
    """A constitution that inherits from one or two others of its package."""
    files = {"acme/lev.toml": _EXPORTS, "acme/parent.yaml": parent, "acme/other.yaml": other}
    return package(child, at=at, files=files)


_inherits = partial(_reported, good=_family(_CHILD))

_inherits(
    "CON201",
    "inheritance-circle",
    summary="Constitutions inherit in a circle.",
    why="Nobody could say which of them is the stricter.",
    mend="Remove one of the `extends`.",
    bad=Example(
        {
            "acme/lev.toml": _EXPORTS,
            "acme/constitution.yaml": _CHILD,
            "acme/parent.yaml": _CHILD.replace("/parent", "/other"),
            "acme/other.yaml": _CHILD,
        },
        place("acme/other.yaml", _CHILD, "./constitution/parent"),
    ),
)
_inherits(
    "CON202",
    "inheritance-broken",
    summary="What a constitution inherits cannot be found or read.",
    why="Without it, what it held would silently hold no more; so nothing is used.",
    mend="Correct the name, install its package, or mend the file.",
    bad=_family(_CHILD.replace("/parent", "/parents"), "./constitution/parents"),
)
_inherits(
    "CON203",
    "inheritance-conflict",
    summary="Two inherited constitutions state one principle differently, and neither is the stricter.",
    why="Either could be meant, and each loosens the other.",
    mend="Inherit one of them, or let one extend the other.",
    bad=_family(
        _CHILD.replace("/parent]", "/parent, ./constitution/other]"),
        "./constitution/other",
        other=SOUND.replace('delete_account"]', 'drop_account"]'),
    ),
)
_inherits(
    "CON204",
    "principle-loosened",
    summary="A principle is laxer than the one it inherits.",
    why="What is inherited may only be tightened: a package cannot talk itself out of a value.",
    mend="State it at least as strictly, or leave it out to inherit it as it is.",
    bad=_family(
        _CHILD.replace("principles: []", "principles:\n  - id: ACME-001\n    on_violation: warn"), "on_violation"
    ),
)
