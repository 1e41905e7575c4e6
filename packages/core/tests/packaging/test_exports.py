"""Export resolution: Node's rules by example, and Node itself as the judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.errors import LevError
from lev_os.core.packaging import ExportNotFound, InvalidExports, InvalidSubpath, resolve_exports
from node_oracle import ALWAYS, CONDITION_SETS, Case, Fuzzer, differences, find_node

MAP = {
    ".": {"llm-first": "./contexts/index.md", "python": "./main.py", "default": "./index.md"},
    "./contexts/*": {"llm": "./contexts/*.md", "default": "./contexts/*.txt"},
    "./contexts/internal/*": None,
    "./contexts/internal/public": "./contexts/public.md",
    "./skills/*": {"llm": "./skills/*/SKILL.md"},
    "./twice/*": "./*/deep/*.md",
    "./data/*.json": "./data/*.v1.json",
    "./data/*": "./data/*",
}


@pytest.mark.parametrize(
    ("subpath", "conditions", "target"),
    [
        (".", {"llm"}, "./index.md"),
        (".", {"llm", "llm-first"}, "./contexts/index.md"),
        ("./contexts/executive", {"llm"}, "./contexts/executive.md"),
        ("./contexts/executive", set(), "./contexts/executive.txt"),
        ("./contexts/a/b", {"llm"}, "./contexts/a/b.md"),
        ("./contexts/internal/public", {"llm"}, "./contexts/public.md"),
        ("./skills/refund", {"llm"}, "./skills/refund/SKILL.md"),
        ("./twice/x", set(), "./x/deep/x.md"),
        ("./data/a.json", set(), "./data/a.v1.json"),
        ("./data/a.csv", set(), "./data/a.csv"),
    ],
)
def test_a_subpath_resolves_by_object_order_and_longest_pattern(
    subpath: str, conditions: set[str], target: str
) -> None:
    """Conditions are tried in the map's order, patterns by the length of what stands before the star."""
    assert resolve_exports(MAP, subpath, conditions) == target


@pytest.mark.parametrize("subpath", ["./contexts/internal/x", "./skills/x/", "./skills/*", "./nothing", "./contexts/"])
def test_what_is_not_exported_is_not_found(subpath: str) -> None:
    """A null target hides what a wider pattern would show; a star or a trailing slash is never asked for."""
    with pytest.raises(ExportNotFound):
        resolve_exports(MAP, subpath, {"python"})


@pytest.mark.parametrize("star", ["../x", "a/../b", "./x", "%2e%2e/x", "a\\..\\b", "node_modules/x", "NODE_modules"])
def test_what_stands_for_a_star_cannot_leave_its_folder(star: str) -> None:
    """`..` in any disguise is refused in the request, and is still 'not found' for those who do not care why."""
    with pytest.raises(InvalidSubpath):
        resolve_exports({"./*": "./contexts/*.md"}, f"./{star}", ())


@pytest.mark.parametrize(
    "target",
    ["x", "/x", "../x", "./../x", "./a/../b", "./%2E./b", "./node_modules/x", "", 1, True, "./\t../x", "https://a.b/c"],
)
def test_a_target_outside_the_package_is_invalid(target: object) -> None:
    """Targets start with `./` and have no segment that leads elsewhere; `false` must be written null for Node."""
    with pytest.raises(InvalidExports):
        resolve_exports({"./x": target}, "./x", ())


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["./a", "./b"], "./a"),
        (["bad", None, {"no": "./c"}, "./b"], "./b"),
        ([["bad"], "./b"], "./b"),
        ([None], None),
        ([], None),
        (["./b", "bad"], "./b"),
        (["bad", None], None),
    ],
)
def test_an_array_gives_its_first_usable_target(targets: list[Any], expected: str | None) -> None:
    """Invalid, null and unselected items are skipped; an array of nulls is not exported."""
    if expected is None:
        with pytest.raises(ExportNotFound):
            resolve_exports(targets, ".", ())
    else:
        assert resolve_exports(targets, ".", ()) == expected


@pytest.mark.parametrize("targets", [["bad"], [None, "bad"], [{"no": "./x"}, "bad"]])
def test_an_array_without_a_usable_target_rethrows(targets: list[Any]) -> None:
    """The last error is what an array of bad targets says."""
    with pytest.raises(InvalidExports):
        resolve_exports(targets, ".", ())


@pytest.mark.parametrize("sugar", ["./x.md", ["./x.md"], {"llm": "./x.md"}, {"default": {"llm": "./x.md"}}])
def test_a_bare_target_is_sugar_for_the_package_itself(sugar: object) -> None:
    """A string, an array or conditions alone stand for `.` and nothing else."""
    assert resolve_exports(sugar, ".", {"llm"}) == "./x.md"
    with pytest.raises(ExportNotFound):
        resolve_exports(sugar, "./x", {"llm"})


@pytest.mark.parametrize(
    "exports",
    [{"./a": "./a", "llm": "./b"}, {".": {"0": "./a"}}, {".": {"1.5": "./a"}}, {".": {1: "./a"}}, {1: "./a"}, 7, True],
)
def test_a_malformed_map_is_invalid(exports: object) -> None:
    """Mixed keys, numeric conditions and maps of other types are errors whatever is asked."""
    with pytest.raises(InvalidExports):
        resolve_exports(exports, ".", ())


@pytest.mark.parametrize("key", ["01", "-1", "4294967295", "1e3", "Infinity", "1.0", "0x1"])
def test_only_canonical_numbers_are_numeric(key: str) -> None:
    """Node compares with JavaScript's own spelling of a number, below 2**32 - 1."""
    assert resolve_exports({".": {key: "./a", "default": "./b"}}, ".", {key}) == "./a"


def test_no_map_exports_nothing() -> None:
    """Node would fall back to `main` here; a package without exports has nothing for a model."""
    with pytest.raises(ExportNotFound, match="no export map"):
        resolve_exports(None, ".", ())


@pytest.mark.parametrize("target", ["./a%2fb", "./a%5Cb", "./%", "./%zz", "./%ff", "./a%C3"])
def test_escapes_that_no_file_name_has_are_refused(target: str) -> None:
    """Encoded separators and bytes that are no UTF-8 end in an error in Node too."""
    with pytest.raises(InvalidSubpath):
        resolve_exports({"./x": target}, "./x", ())


def test_a_refusal_says_what_was_asked_for_and_why() -> None:
    """The conditions that were active, or the escape that no file name has."""
    with pytest.raises(ExportNotFound, match=r"^'./x' is not exported under llm, python$"):
        resolve_exports({"./x": {"import": "./y"}}, "./x", {"python", "llm"})
    with pytest.raises(ExportNotFound, match=r"^'./x' is not exported under default$"):
        resolve_exports({"./x": {"import": "./y"}}, "./x", ())
    with pytest.raises(InvalidSubpath, match=r"^'./x' leads to './%ff', which has escapes that are no UTF-8$"):
        resolve_exports({"./x": "./%ff"}, "./x", ())


def test_a_nested_condition_that_matches_nothing_falls_through() -> None:
    """Undefined goes on to the next condition; null stops."""
    exports = {".": {"llm": {"never": "./a"}, "default": "./b"}}
    assert resolve_exports(exports, ".", {"llm"}) == "./b"
    exports = {".": {"llm": {"never": "./a", "default": None}, "default": "./b"}}  # type: ignore[dict-item]
    with pytest.raises(ExportNotFound):
        resolve_exports(exports, ".", {"llm"})


SAID = Path(__file__).parent / "node_said.json"
ERRORS = {error.__name__: error for error in (ExportNotFound, InvalidSubpath, InvalidExports)}


def said() -> list[tuple[Any, str, tuple[str, ...], Any]]:
    """Export map, subpath, conditions, and the target or the error that Node has answered with."""
    cases: list[tuple[Any, str, tuple[str, ...], Any]] = json.loads(SAID.read_text("utf-8"))
    return cases


def test_what_node_has_said() -> None:
    """Six hundred corners, answered as Node has answered them, on machines without Node too."""
    wrong = []
    for exports, subpath, conditions, answer in said():
        try:
            ours: Any = resolve_exports(exports, subpath, {*conditions, *ALWAYS})
        except tuple(ERRORS.values()) as error:
            ours = {"error": type(error)}
            fits = isinstance(answer, dict) and isinstance(error, ERRORS[answer["error"]])
            fits = fits and isinstance(error, InvalidSubpath) == (answer["error"] == "InvalidSubpath")
        else:
            fits = ours == answer
        if not fits:
            wrong.append((exports, subpath, conditions, answer, ours))
    assert not wrong, wrong[:5]


@pytest.mark.node
@pytest.mark.parametrize("major", [20, 24])
def test_node_still_says_it(major: int, tmp_path: Path) -> None:
    """The answers that are kept are those of that Node."""
    node = find_node(major)
    if node is None:
        pytest.skip(f"needs Node {major}")
    for conditions in CONDITION_SETS:
        cases = [Case(exports, subpath) for exports, subpath, under, _ in said() if tuple(under) == conditions]
        assert not differences(node, cases, conditions, tmp_path / str(len(conditions)))


def _compare(major: int, count: int, seed: int, folder: Path) -> None:
    node = find_node(major)
    if node is None:
        pytest.skip(f"needs Node {major}")
    fuzzer = Fuzzer(seed)
    cases = [fuzzer.case() for _ in range(count)]
    found = [line for conditions in CONDITION_SETS for line in differences(node, cases, conditions, folder)]
    assert not found, "\n".join(found[:10])


@pytest.mark.node
@pytest.mark.parametrize("major", [20, 24])
def test_node_agrees_on_a_sample(major: int, tmp_path: Path) -> None:
    """2,000 generated cases under three sets of conditions, answered as by that Node."""
    _compare(major, 2000, 11, tmp_path)


@pytest.mark.node
@pytest.mark.slow
@pytest.mark.parametrize("major", [20, 24])
def test_node_agrees(major: int, tmp_path: Path) -> None:
    """30,000 generated cases under three sets of conditions, answered as by that Node."""
    _compare(major, 30_000, 2026, tmp_path)


@pytest.mark.node
@pytest.mark.parametrize("major", [20, 24])
def test_the_oracle_notices_a_wrong_answer(major: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a resolver that ignores null targets is caught."""
    node = find_node(major)
    if node is None:
        pytest.skip(f"needs Node {major}")
    import node_oracle

    monkeypatch.setattr(node_oracle, "resolve_exports", lambda exports, subpath, conditions: "./x.md")
    assert differences(node, [Case({"./x": None}, "./x"), Case({"./x": "./x.md"}, "./x")], (), tmp_path)


def test_every_failure_is_a_clear_error() -> None:
    """Both errors are errors a command shows without a traceback."""
    assert issubclass(ExportNotFound, LevError)
    assert issubclass(InvalidExports, LevError)
