"""Versions and ranges of Python as npm has them: in the same order, or refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lev_os.core import LevError
from lev_os.export.npm.versions import npm_range, npm_version
from packaging.version import Version

SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)


@pytest.mark.parametrize(
    ("python", "npm"),
    [
        ("1", "1.0.0"),
        ("1.2.0.0", "1.2.0"),
        ("v1.02.3", "1.2.3"),
        ("1.2a1", "1.2.0-alpha.1"),
        ("1.2.3-Beta.2", "1.2.3-beta.2"),
        ("1.2c", "1.2.0-rc.0"),
        ("1.2.dev3", "1.2.0-0.dev.3"),
        ("0.1.dev3+g1a2b.d2026", "0.1.0-0.dev.3+g1a2b.d2026"),
    ],
)
def test_versions(python: str, npm: str) -> None:
    """Every spelling that PEP 440 takes for the same version gives the same one."""
    assert npm_version(python) == npm


@pytest.mark.parametrize("version", ["1!2.0", "1.0.post1", "1.0-1", "1.2.3.4", "1.0a1.dev2", "1.0x", "9" * 20, "", "*"])
def test_what_npm_has_no_place_for(version: str) -> None:
    """It is refused with the way out: another version than the one that was meant helps nobody."""
    with pytest.raises(LevError) as caught:
        npm_version(version)
    assert caught.value.help


pieces = st.tuples(
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.sampled_from(["", "a", "b", "rc", ".dev"]),
    st.integers(0, 12),
)
versions = pieces.map(lambda p: ".".join(map(str, p[0])) + (f"{p[1]}{p[2]}" if p[1] else ""))


def order(version: str) -> tuple[object, ...]:
    """The precedence of semantic versioning 2.0.0, paragraph 11."""
    found = SEMVER.fullmatch(version)
    assert found, f"{version} is no semantic version"
    numbers = tuple(int(found[part]) for part in (1, 2, 3))
    words = found[4].split(".") if found[4] else []
    return numbers, not words, [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in words]


@given(versions, versions)
def test_the_order_is_the_same(one: str, other: str) -> None:
    """What is newer in Python is newer on npm, and equal versions are equal."""
    try:
        ours = order(npm_version(one)), order(npm_version(other))
    except LevError:
        assume(False)
    assert (ours[0] < ours[1]) == (Version(one) < Version(other))
    assert (ours[0] == ours[1]) == (Version(one) == Version(other))


@pytest.mark.parametrize(
    ("python", "npm"),
    [
        ("", "*"),
        (">=0.3,<0.4", ">=0.3.0 <0.4.0"),
        ("~=1.4", ">=1.4.0 <2.0.0"),
        ("~=1.4.2", ">=1.4.2 <1.5.0"),
        ("~=1.4.2.1", None),
        ("==1.2.*", "1.2.x"),
        ("==1.2", "1.2.0"),
        (">=1,!=1.5", None),
        ("===1", None),
        (">=1.0.post1", None),
        ("about 1", None),
    ],
)
def test_ranges(python: str, npm: str | None) -> None:
    """Clauses side by side are all meant; what npm cannot say is None."""
    assert npm_range(python) == npm
