"""`lev.toml`: what is read, in which order conditions stand, and where each error points."""

from __future__ import annotations

import tomllib
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import Manifest, manifest_schema, parse_manifest
from lev_os.core.packaging._toml_positions import key_positions
from lev_os.core.packaging.manifest import examine_manifest

FULL = """\
format = 1
name = "acme"
description = "Support desk for Acme."
constitution = "./constitution.yaml"
deps = "acme.deps:make"

[exports]
"." = { llm-first = "./contexts/index.md", python = "acme", default = "./contexts/index.md" }
"./contexts/*" = { python = "acme.contexts:*", default = "./c/*.txt", zeta = "./z/*.md", llm = "./contexts/*.md" }
"./contexts/internal/*" = false
"./flows/legacy/*" = { llm = "./flows/legacy/*.yaml", deprecated = "use ./flows/triage" }
"./list" = ["./a.md", "./b.md"]

[budget]
context = 2000
bundle = 12000
wheel-kb = 500
twin-kb = 90
import-ms = 50
"""


def read(text: str) -> Manifest:
    return parse_manifest(text, name="acme", path="lev.toml")


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read(text)
    return [f"{problem.at.line}:{problem.at.column} {problem.message}" for problem in caught.value.problems]


def test_a_full_manifest_is_read() -> None:
    """Every field of the format, with `false` as Node's null and `deprecated` set aside."""
    manifest = read(FULL)
    assert (manifest.name, manifest.deps, manifest.constitution) == ("acme", "acme.deps:make", "./constitution.yaml")
    assert manifest.exports["./contexts/internal/*"] is None
    assert manifest.exports["./flows/legacy/*"] == {"llm": "./flows/legacy/*.yaml"}
    assert manifest.deprecated == {"./flows/legacy/*": "use ./flows/triage"}
    assert manifest.exports["./lev.toml"] == "./lev.toml"
    assert (manifest.budget.wheel_kb, manifest.budget.twin_kb, manifest.budget.import_ms) == (500, 90, 50)


def test_conditions_are_put_in_order() -> None:
    """TOML tables have no order: known conditions come first, others by name, `default` last."""
    assert list(read(FULL).exports["./contexts/*"]) == ["llm", "python", "zeta", "default"]


def test_a_name_on_npm() -> None:
    """Where it does not follow from the import name."""
    assert read("format = 1\n[npm]\nname = '@acme/support'").npm_name == "@acme/support"
    assert read("format = 1").npm_name is None


def test_the_name_defaults_to_the_import_package() -> None:
    """A manifest of one line is enough."""
    assert read("format = 1").name == "acme"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = 'acme'", "1:1 `format` is missing"),
        ("format = '1'", "1:1 `format` is a whole number"),
        ("format = true", "1:1 `format` is a whole number"),
        ("format = 2\nnonsense = 1", "1:1 this manifest has format 2; this version reads up to format 1"),
        ("format = 1\ndescripton = ''", "2:1 unknown key `descripton`"),
        ("format = 1\nname = 'acme-support'", "2:1 `name` is the import package"),
        ("format = 1\nname = 'other'", "2:1 `name` says 'other'"),
        ("format = 1\ndescription = 3", "2:1 `description` is text, not a number"),
        ("format = 1\nconstitution = '../c.yaml'", "2:1 '../c.yaml' is not a file of the package"),
        ("format = 1\ndeps = 'acme.deps'", "2:1 'acme.deps' is not an object reference"),
        ("format = 1\nexports = 1", "2:1 `exports` is a table"),
        ("format = 1\nbudget = 1", "2:1 `budget` is a table"),
        ("format = 1\n[budget]\ncontext = -1", "3:1 `context` is a whole number"),
        ("format = 1\n[budget]\ncontexts = 1", "3:1 unknown key `contexts`"),
        ("format = 1\nnpm = 1", "2:1 `npm` is a table"),
        ("format = 1\n[npm]\nscope = '@acme'", "3:1 unknown key `scope`"),
        ("format = 1\n[npm]\nname = '@Acme/Support'", "3:1 '@Acme/Support' is no name on npm"),
        ("format = 1\n[npm]\nname = 5", "3:1 a number is no name on npm"),
        ("format = 1\n[exports]\n'contexts/x' = './x.md'", "3:1 'contexts/x' is not a subpath"),
        ("format = 1\n[exports]\n'./a//b' = './x.md'", "3:1 './a//b' is not a subpath of the package"),
        ("format = 1\n[exports]\n'./*/*' = './x.md'", "3:1 './*/*' has more than one '*'"),
        ("format = 1\n[exports]\n'./lev.toml' = './x'", "3:1 './lev.toml' is always exported"),
        ("format = 1\n[exports]\n'./x' = true", "3:1 a target is text"),
        ("format = 1\n[exports]\n'./x' = 1979-05-27", "3:1 a target is text, `false`, a table or a list, not a date"),
        ("format = 1\n[exports]\n'./x' = {}", "3:1 this export has no target"),
        ("format = 1\n[exports]\n'./x' = { deprecated = 'use y' }", "3:1 this export has no target"),
        ("format = 1\n[exports]\n'./x' = { llm = './x.md', deprecated = 1 }", "3:27 `deprecated` says what to use"),
        ("format = 1\n[exports]\n'./x' = { llm = '/etc/passwd' }", "3:11 the target '/etc/passwd' is not a file"),
        ("format = 1\n[exports]\n'./x' = { llm = 'acme.x:y' }", "3:11 'acme.x:y' is a Python reference"),
        ("format = 1\n[exports]\n'./x' = { python = 'acme.x:*' }", "3:11 'acme.x:*' has a '*' and the export"),
        ("format = 1\n[exports]\n'./x' = './x/*.md'", "3:1 the target './x/*.md' is not a file of the package"),
        ("format = 1\n[exports]\n'./x' = { 0 = './x.md' }", "3:11 '0' is not the name of a condition"),
        ("format = 1\n[exports]\n'./x' = { llm_first = './x.md' }", "3:11 unknown condition `llm_first`"),
        ("format = 1\n[exports.'./x']\nllm = ['./a', 5]", "3:15 a target is text"),
        ("format = 1\n[exports]\n'./a-b' = './x'\n'./a_b' = './y'", "4:1 './a_b' and './a-b' are one name in Python"),
        ("format = 1\nformat = 1", "2:10 this is not TOML"),
        ("format = ", "1:10 this is not TOML"),
        ("format = 1\nx = 1979-99-99", "2:5 this is not TOML"),
        ("format = " + "9" * 3990, "1:1 this manifest has format 99999999999999999999;"),
        ("x = " + "[" * 3990, "1:1 the manifest is nested too deeply"),
        ("# " + "x" * 5000, "1:1 this line has 5,002 characters"),
        ("format = 1\n# \u202efdp.exe", "2:3 the invisible character U+202E"),
        ("format = 1\nname = 'ac\u200bme'", "2:11 the invisible character U+200B"),
        ("a.b = 1\n" * 30000, "1:1 the manifest has 240,000 characters"),
    ],
)
def test_an_error_says_what_and_where(text: str, expected: str) -> None:
    """Line and column of the key that is wrong."""
    found = problems(text)
    if expected.endswith(("TOML", "deeply")):  # what exactly `tomllib` says, and where, differs between versions
        assert expected.partition(" ")[2].split(":")[0] in found[0] or "range" in found[0] or "nested" in found[0]
    else:
        assert found[0].startswith(expected), found


def test_all_errors_are_reported_at_once() -> None:
    """Three mistakes, three problems, in the order of the file."""
    text = "format = 1\nnaem = 'x'\n[exports]\n'./x' = '../x'\n[budget]\nbundle = 'big'\n"
    assert [line.partition(":")[0] for line in problems(text)] == ["2", "4", "6"]


def test_a_suggestion_names_the_nearest_key() -> None:
    """A misspelt key is answered with the right one."""
    with pytest.raises(InvalidInput) as caught:
        read("format = 1\nconstituton = './c.yaml'")
    assert caught.value.problems[0].help == "did you mean `constitution`?"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"format = 1\nname = '\xff'", "lev.toml:2:9 MAN001 byte 0xFF is not UTF-8"),
        (b"format = 1\n# \x00", "lev.toml:2:3 MAN001 a NUL character stands here"),
    ],
)
def test_bytes_that_are_no_text_are_refused_at_their_place(data: bytes, message: str) -> None:
    """Invalid UTF-8 and NUL are errors with a line and a column."""
    with pytest.raises(InvalidInput, match="MAN001") as caught:
        parse_manifest(data, name="acme", path="lev.toml")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "target",
    ["../x", "./a/../b", "/x", "C:\\x", "./c:x", "./a\\b", "./a%2e%2e/b", "./a//b", "./con", "./nul.md", "./a.", "./a ",
     "./a\x07", "./node_modules/x", "./a?b", "./a#b", "./" + "a" * 2000, "//x", "./\u3164", "file:///x"],
)  # fmt: skip
def test_a_target_is_a_plain_path_inside_the_package(target: str) -> None:
    """Everything that some file system or URL parser reads differently is refused in the manifest."""
    import json

    with pytest.raises(InvalidInput):
        read(f"format = 1\n[exports]\n'./x' = {json.dumps(target)}\n")


def test_the_schema_accepts_what_the_reader_accepts() -> None:
    """The published JSON Schema and the reader agree on the full example and on plain mistakes."""
    schema = jsonschema_rs.validator_for(manifest_schema())
    assert schema.is_valid(tomllib.loads(FULL))
    for wrong in (
        "format = 2",
        "nmae = 1",
        "format = 1\n[exports]\n'x' = './x'",
        "format = 1\n[exports]\n'./x' = true",
    ):
        assert not schema.is_valid(tomllib.loads(wrong))
        with pytest.raises(InvalidInput):
            read(wrong)


_words = st.text(alphabet="abz-_.*/ \"'\\{}[]=,#\n0123\u202e\x00é", max_size=12)
_lines = st.one_of(
    st.sampled_from([*FULL.splitlines(), "[exports]", '"./a" = {', "}", "[[x]]", "'''", '"""']),
    _words,
    st.builds('"./{}" = {{ llm = "./{}" }}'.format, _words, _words),
)


@given(st.lists(_lines, max_size=12).map("\n".join))
def test_any_text_is_a_manifest_or_a_clear_error(text: str) -> None:
    """Nothing but `InvalidInput` is raised, and every problem has a line."""
    try:
        read(text)
    except InvalidInput as error:
        unplaced = [problem for problem in error.problems if not (problem.at.line and problem.at.column)]
    else:
        return
    assert not unplaced


@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_a_clear_error(data: bytes) -> None:
    """Bytes from anywhere never end in a traceback."""
    try:
        parse_manifest(data, name="acme")
    except LevError:
        return


_keys = st.text(alphabet="ab.\"'\\ #=[]{}é", min_size=1, max_size=5)
_values = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), st.text(alphabet="a\"'#]}\n\\,", max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=6,
)


def _toml(value: Any) -> str:
    import json

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", # ]\n".join(map(_toml, value)) + "\n]"
    return json.dumps(value)


@given(st.dictionaries(_keys, _values, max_size=4))
def test_every_key_is_found_where_it_stands(data: dict[str, Any]) -> None:
    """The position of a key is where its quoted text begins, through strings, comments and nested tables."""
    import json

    text = "".join(f"\n  {json.dumps(key)} = {_toml(value)} # x = 1" for key, value in data.items())
    assert tomllib.loads(text) == data
    lines = text.split("\n")
    places = key_positions(text)

    def check(value: Any, path: tuple[str | int, ...]) -> None:
        for key, item in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            line, column = places[(*path, key)]
            if isinstance(key, str):
                assert lines[line - 1][column - 1 :].startswith(json.dumps(key))
            check(item, (*path, key))

    check(data, ())


def test_what_can_be_read_besides_is_there_to_look_at() -> None:
    """Misspelt keys and conditions are read as what was meant; an export that leads outside is left out."""
    text = (
        'format = 1\ndescripton = "Desk."\n[exports]\n"contexts/*" = { lllm = "./contexts/*.md" }\n'
        '"./about" = { llm = "../about.md" }\n"./flows/*" = { llm = "./flows/*.yaml" }\n'
    )
    manifest, problems = examine_manifest(text, name="acme")
    assert [(problem.code, problem.at.line) for problem in problems] == [
        ("MAN104", 2),
        ("MAN111", 4),
        ("MAN114", 4),
        ("MAN115", 5),
    ]
    assert manifest.description == "Desk."
    assert manifest.exports == {
        "./contexts/*": {"llm": "./contexts/*.md"},
        "./flows/*": {"llm": "./flows/*.yaml"},
        "./lev.toml": "./lev.toml",
    }
    assert manifest.left_out == ("./about",)
    with pytest.raises(InvalidInput):
        parse_manifest(text, name="acme")
