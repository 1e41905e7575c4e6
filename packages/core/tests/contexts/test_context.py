"""Contexts as authors write them: heads, links, parameters, and every way they can be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.core.contexts import Context, frontmatter_schema, render_text
from lev_os.core.contexts.markdown import relink
from lev_os.core.errors import InvalidInput, LevError

REFUNDS = """---
name: refunds
description: When we give money back.
license: MIT
allowed-tools: Bash(git *)
metadata:
  author: acme
  version: 1
  lev-priority: "80"
  lev-requires: ./contexts/tone  acme/contexts/executive
---
# Refunds

Ask [`refund`](../tools.py) for the money, and read [tone](tone.md).
"""


def problems(text: str | bytes, path: str | None = "x.md") -> list[str]:
    """The problems of a context, as a user reads them."""
    with pytest.raises(InvalidInput) as caught:
        Context.parse(text, path=path)
    return [str(problem) for problem in caught.value.problems]


def test_a_context_has_a_head_and_a_body() -> None:
    """Own keys are read, those of other tools are kept as they are."""
    context = Context.parse(REFUNDS, specifier="acme/contexts/refunds")
    assert (context.name, context.description) == ("refunds", "When we give money back.")
    assert (context.kind, context.priority) == ("context", 80)
    assert context.requires == ("./contexts/tone", "acme/contexts/executive")
    assert context.frontmatter["allowed-tools"] == "Bash(git *)"
    assert context.frontmatter["metadata"]["version"] == 1
    assert context.metadata["author"] == "acme"
    assert context.body.startswith("# Refunds\n")
    assert context.text == context.body
    assert context.tokens == 24
    assert context.digest.startswith("sha256:")


@pytest.mark.parametrize("text", ["", "plain", "---\n\nA rule, then text.\n", "---\n---\nempty head\n", "${not.cel\n"])
def test_any_markdown_is_a_context(text: str) -> None:
    """A head is optional, and without parameters `${` means nothing."""
    assert Context.parse(text, path="notes/plain.md").name == "plain"


def test_names_come_from_the_specifier_the_folder_of_a_skill_or_the_file() -> None:
    """What has no `name` is called by where it is."""
    assert Context.parse("x", specifier="acme/contexts/tone").name == "tone"
    assert Context.parse("x", path="skills/fly/SKILL.md").name == "fly"
    assert Context.parse("x", path="skills/fly/SKILL.md").kind == "skill"
    assert Context.parse("x").name == "context"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("name: 12", 'x.md:2:7 CTX103 `name` must be text\n    help: write name: "12"'),
        (
            "metadata:\n  lev-priority: 80",
            'x.md:3:17 CTX105 `lev-priority` must be a string, not a bare integer\n    help: write lev-priority: "80"',
        ),
        (
            "metadata:\n  lev-priority: '101'",
            "x.md:3:17 CTX106 `lev-priority` must be a number from 0 to 100, not '101'\n"
            '    help: write lev-priority: "50"',
        ),
        (
            "metadata:\n  lev-kind: skil",
            "x.md:3:13 CTX106 `lev-kind` cannot be 'skil'\n    help: did you mean `skill`?",
        ),
        (
            "metadata:\n  lev-priorty: '8'",
            "x.md:3:3 CTX104 unknown key `lev-priorty`\n    help: did you mean `lev-priority`?",
        ),
        (
            "metadata:\n  lev-requires: [a, b]",
            'x.md:3:17 CTX105 `lev-requires` must be one string\n    help: write lev-requires: "a b"',
        ),
        ("metadata: [a]", "x.md:2:11 CTX103 `metadata` must hold `key: value` lines"),
        (
            "metadata:\n  lev-params: user-name",
            "x.md:3:15 CTX106 `lev-params`: 'user-name' is not a name\n    help: use letters, digits and _",
        ),
        (
            "- a list",
            "x.md:2:1 CTX102 frontmatter must be a list of `key: value` lines\n"
            "    help: put a blank line first if these dashes are a rule",
        ),
    ],
)
def test_a_bad_head_says_what_and_where(head: str, expected: str) -> None:
    """Each mistake has its place and its way out."""
    assert problems(f"---\n{head}\n---\nbody\n") == [expected]


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody wants to mend a file five times."""
    text = "---\nname: 1\ndescription: 2\nmetadata:\n  lev-kind: 3\n  lev-nonsense: x\n---\n"
    assert len(problems(text)) == 4


def test_duplicate_keys_and_broken_yaml_are_refused() -> None:
    """YAML's own mistakes carry the lines of the file, not of its head."""
    assert "x.md:3:1" in problems("---\nname: a\nname: b\n---\n")[0]
    assert "x.md:3:1" in problems("---\nname: [a\n---\n")[0]
    assert problems("---\nname: a\n") == [
        "x.md:1:1 CTX101 the frontmatter is never closed\n    help: end it with a line that holds only ---"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"fine\nfine \xff\n", "x.md:2:6 CTX002"),
        (b"caf\xc3\xa9 \x00\n", "x.md:1:6 CTX003"),
        ("a\n\u202etxet\n", "x.md:2:1 CTX003"),
        ("zero\u200bwidth", "x.md:1:5 CTX003"),
        ("tag \U000e0041\U000e0042", "x.md:1:5 CTX003"),
        ("a\u200db", "x.md:1:2 CTX003"),
        ("v\ufe00\ufe01\ufe02", "x.md:1:3 CTX003"),
        ("---\nname: a\u200bb\n---\n", "x.md:2:8 CTX003"),
        ("half \ud800", "x.md:1:6 CTX003"),
    ],
)
def test_what_a_reviewer_cannot_see_is_refused(text: str | bytes, place: str) -> None:
    """NUL, bytes that are not UTF-8, hidden and reordering characters, each at its place."""
    assert problems(text)[0].startswith(place)


@pytest.mark.parametrize(
    "text",
    [
        "family 👨‍👩‍👧 and ❤️ and 👍🏽",
        "flag 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "नमस्ते क्‍ष",
        "می‌خواهم",
        "tab\tand\r\nline",
        "\ufeffbyte order mark",
    ],
)
def test_real_writing_passes(text: str) -> None:
    """Joiners in emoji and in scripts that join, flags, and a mark at the start are no tricks."""
    assert Context.parse(text).body == text.removeprefix("\ufeff").replace("\r\n", "\n")


def test_ten_megabytes_are_refused_at_once() -> None:
    """The limit is named."""
    assert problems(b"x" * 10_000_000) == [
        "x.md:1:1 CTX001 the context has 10,000,000 bytes; the limit is 1,048,576\n"
        "    help: split it into contexts that link to each other"
    ]


def test_many_hidden_characters_are_not_a_flood() -> None:
    """Twenty are enough to see the point."""
    assert len(problems("\u200b" * 1000)) == 20


def outcome(text: str | bytes) -> Context | list[int | None]:
    """The context, or the lines of its problems."""
    try:
        return Context.parse(text, path="x.md")
    except InvalidInput as error:
        return [problem.at.line for problem in error.problems]


@given(st.text() | st.binary())
def test_anything_is_a_context_or_says_where(text: str | bytes) -> None:
    """Never a traceback, and every problem has a line."""
    found = outcome(text)
    assert found.text == found.body if isinstance(found, Context) else all(found)


@given(st.lists(st.sampled_from(["---\n", "name: a\n", "metadata:\n", "  lev-params: a\n", "${a}", "`", "\n", "é"])))
def test_any_arrangement_of_parts_is_a_context_or_says_where(parts: list[str]) -> None:
    """The same for text that looks like a context."""
    found = outcome("".join(parts))
    assert isinstance(found, Context) or all(found)


def test_the_schema_agrees_with_the_reader() -> None:
    """Editors and `parse` say the same of a head."""
    validator = jsonschema_rs.validator_for(frontmatter_schema())
    fine = {"name": "a", "extra": [1], "metadata": {"lev-priority": "80", "lev-kind": "skill", "author": {"x": 1}}}
    assert validator.is_valid(fine)
    assert validator.is_valid(None)
    for metadata in ({"lev-priority": 80}, {"lev-priority": "101"}, {"lev-kind": "x"}, {"lev-nonsense": "x"}):
        assert not validator.is_valid({"metadata": metadata}), metadata


GREETING = """---
metadata:
  lev-params: customer items
---
Dear ${customer.name}, you have ${size(items)} items: ${items}.

`${untouched}` and

```sh
echo ${HOME}
```
"""


def test_parameters_are_filled_in_outside_code() -> None:
    """Text goes in as it is, everything else as JSON."""
    context = Context.parse(GREETING)
    assert context.params == ("customer", "items")
    rendered = context.render({"customer": {"name": "Ada"}, "items": ["a", "b"], "other": 1})
    assert rendered.startswith('Dear Ada, you have 2 items: ["a","b"].\n')
    assert "`${untouched}`" in rendered
    assert "echo ${HOME}" in rendered
    assert render_text(context.text, (), {}, "x") == context.text


def test_a_context_that_is_one_expression_renders_as_text() -> None:
    """A number alone becomes its digits."""
    assert Context.parse("---\nmetadata: {lev-params: n}\n---\n${n}").render({"n": 3}) == "3"


def test_a_missing_parameter_is_named() -> None:
    """Rendering needs every parameter."""
    with pytest.raises(LevError, match="acme/contexts/hi needs a value for `customer`, `items`"):
        Context.parse(GREETING, specifier="acme/contexts/hi").render({})


def test_an_expression_that_fails_is_told() -> None:
    """Evaluation has no other way out than a `LevError`."""
    with pytest.raises(LevError, match="name"):
        Context.parse(GREETING).render({"customer": {}, "items": []})


def test_bad_expressions_have_their_place() -> None:
    """All of them at once: undeclared names, broken syntax, a brace that never closes."""
    head = "---\nmetadata:\n  lev-params: a\n---\n"
    found = problems(head + "é ${b} `x` ${a +} `y` ${a\n")
    assert [problem.split(" ")[0:2] for problem in found] == [
        ["x.md:5:5", "CTX202"],
        [found[1].split(" ")[0], "CTX201"],
        ["x.md:5:23", "CTX201"],
    ]


def test_a_bad_expression_hides_none_after_it() -> None:
    """Also in one piece of text, without code between them."""
    found = problems("---\nmetadata:\n  lev-params: a\n---\n${b} and ${a +} and ${len(a)} and ${c}\n")
    assert [problem.split(" ")[1] for problem in found] == ["CTX202", "CTX201", "CTX201", "CTX202"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with code beside contexts."""
    (tmp_path / "contexts").mkdir()
    (tmp_path / "contexts" / "tone.md").write_text("Be kind.")
    (tmp_path / "tools.py").write_text(
        'raise RuntimeError("imported")\n'
        "async def refund(ctx: ToolContext[Deps], order_id: str, amount: float = 1.0) -> Receipt:\n"
        '    """Give money back.\n\n    More."""\n'
        "class Client(Base):\n"
        "    timeout: float = 3.0\n"
        "    def stream(self, *, limit: int) -> None:\n"
        '        """Costs ${money}."""\n'
        "LIMIT = 50\n"
    )
    return tmp_path


class Rooted:
    """What `parse` needs of a package."""

    def __init__(self, root: Path) -> None:
        self.root = root


def parse(package: Path, body: str) -> Context:
    """A context of the package."""
    return Context.parse(body, path=package / "contexts" / "x.md", package=Rooted(package))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("link", "seen"),
    [
        (
            "[`refund`](../tools.py)",
            "`async refund(order_id: str, amount: float=1.0) -> Receipt` (Give money back.)",
        ),
        ("[`refund()`](../tools.py)", "`async refund(order_id: str, amount: float=1.0) -> Receipt` (Give money back.)"),
        ("[`Client`](../tools.py)", "`class Client(Base)`"),
        ("[`Client.stream`](../tools.py)", "`Client.stream(*, limit: int) -> None` (`Costs ${money}.`)"),
        ("[`Client.timeout`](../tools.py)", "`Client.timeout: float`"),
        ("[`LIMIT`](../tools.py)", "`LIMIT`"),
        ("[the tools](../tools.py)", "[the tools](../tools.py)"),
    ],
)
def test_a_model_sees_the_signature_behind_a_link(package: Path, link: str, seen: str) -> None:
    """Read from the syntax tree: the module raises when it is imported."""
    context = parse(package, f"é Use {link} now.\n")
    assert context.text == f"é Use {seen} now.\n"
    assert context.problems == ()
    assert context.references[0].at.column == 7


def test_references_are_mapped_to_files(package: Path) -> None:
    """Contexts, files and other packages; the web and anchors are not ours."""
    context = parse(
        package,
        "[a](tone.md#top) [b](../tools.py) [c](lev://acme/contexts/x) [d](https://e.org) [e](#x) <mailto:a@b.c> [f][g]"
        "\n\n[g]: tone.md\n",
    )
    assert [(found.kind, found.target) for found in context.references] == [
        ("context", "tone.md#top"),
        ("file", "../tools.py"),
        ("package", "lev://acme/contexts/x"),
        ("context", "tone.md"),
    ]
    assert context.references[0].path == package / "contexts" / "tone.md"
    assert context.references[2].specifier == "acme/contexts/x"


@pytest.mark.parametrize(
    ("body", "now"),
    [
        ("[a](a.md) [b](b.md)", "[a](x.md) [b](b.md)"),
        ("[a.md]( <a.md> 'in a.md')", "[a.md]( <x.md> 'in a.md')"),
        ("[![a](a.md)](a.md)", "[![a](a.md)](x.md)"),
        ("é [a][n]\n\n> [n]: a.md", "é [a][n]\n\n> [n]: x.md"),
        ("`[a](a.md)` [^n]\n\n    [n]: a.md\n", "`[a](a.md)` [^n]\n\n    [n]: a.md\n"),
        ("a.md", "a.md"),
    ],
)
def test_links_get_other_targets(body: str, now: str) -> None:
    """In brackets and in definitions; labels, titles, images and code stay."""
    assert relink(body, {"a.md": "x.md"}.get) == now


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("[`refnd`](../tools.py)", "CTX301 `refnd` does not exist in ../tools.py\n    help: did you mean `refund`?"),
        ("[x](tonne.md)", "CTX302 `tonne.md` does not exist\n    help: did you mean `tone.md`?"),
        ("[x](nowhere/x.md)", "CTX302 `nowhere/x.md` does not exist"),
        ("[x](../../../../etc/passwd)", "CTX303 `../../../../etc/passwd` leads out of the package"),
        ("[`x`](%2e%2e/%2e%2e/%2e%2e/x.py)", "CTX303"),
        ("[x](a%00b.md)", "CTX303"),
    ],
)
def test_a_link_to_nowhere_is_a_warning(package: Path, link: str, problem: str) -> None:
    """A context with a broken link still loads, and says so."""
    context = parse(package, f"See {link}.\n")
    (found,) = context.problems
    assert problem in str(found)
    assert str(found).startswith(f"{package}/contexts/x.md:1:5 ")
    assert found.severity == "warning"


def test_links_do_not_follow_symbolic_links_out_of_the_package(
    package: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A link out of the package is out of the package, however it is spelled."""
    secret = tmp_path_factory.mktemp("outside") / "secret.py"
    secret.write_text("def key(): 'hunter2'\n")
    (package / "inner.py").symlink_to(secret)
    context = parse(package, "[`key`](../inner.py)")
    assert "CTX303" in str(context.problems[0])
    assert "hunter2" not in context.text


def test_code_that_does_not_parse_is_a_warning(package: Path) -> None:
    """Neither is code that is too large to be code."""
    (package / "broken.py").write_text("def (:\n")
    (package / "huge.py").write_text("#" * 1_100_000)
    assert "cannot be read" in str(parse(package, "[`x`](../broken.py)").problems[0])
    assert "too large" in str(parse(package, "[`x`](../huge.py)").problems[0])


def test_what_is_no_file_is_a_warning(package: Path) -> None:
    """A pipe would never end, a folder has no source, and some names no system has."""
    os.mkfifo(package / "pipe.py")
    (package / "folder.py").mkdir()
    for link in ("[`x`](../pipe.py)", "[`x`](../folder.py)", f"[x]({'a' * 5000}.md)", f"[`x`]({'../' * 2000}x.py)"):
        assert len(parse(package, link).problems) == 1


@given(st.text(st.sampled_from("./\\%20eE\x7fé~:#?*|"), max_size=12), st.sampled_from([".py", ".md", ""]))
def test_no_link_is_an_error_or_leaves_the_package(
    tmp_path_factory: pytest.TempPathFactory, name: str, end: str
) -> None:
    """Whatever a link says, it is read inside the package or not at all."""
    root = tmp_path_factory.getbasetemp() / "links"
    (root / "contexts").mkdir(parents=True, exist_ok=True)
    try:
        context = parse(root, f"[`x`]({name}{end})")
    except InvalidInput:
        return
    for found in context.references:
        assert found.path is None or found.path.resolve().is_relative_to(root.resolve())


def test_the_executive_context_is_a_good_example() -> None:
    """Core's own context obeys the rules it teaches: it parses without a warning and fits the usual budget."""
    from importlib.resources import files

    text = files("lev_os.core").joinpath("assets/contexts/executive.md").read_bytes()
    context = Context.parse(text, specifier="lev_os.core/contexts/executive")
    assert context.problems == ()
    assert context.priority == 70
    assert context.tokens < 700
