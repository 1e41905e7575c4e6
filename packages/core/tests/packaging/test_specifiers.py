"""Three spellings of one name, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.core.errors import LevError
from lev_os.core.packaging import InvalidSpecifier, Package, PackageNotFound, Resolver, find, parse_specifier


@pytest.mark.parametrize(
    ("ref", "parsed"),
    [
        ("./contexts/x", (None, "./contexts/x")),
        (".", (None, ".")),
        ("acme_support/contexts/x", ("acme_support", "./contexts/x")),
        ("lev_os.core/contexts/executive", ("lev_os.core", "./contexts/executive")),
        ("lev://acme_support/contexts/refund-policy", ("acme_support", "./contexts/refund-policy")),
        ("acme_support", ("acme_support", ".")),
    ],
)
def test_the_three_spellings(ref: str, parsed: tuple[str | None, str]) -> None:
    """Inside the package, outside it, and as a URI."""
    assert parse_specifier(ref) == parsed


@pytest.mark.parametrize(
    ("ref", "help"),
    [
        ("acme-support/contexts/x", "write acme_support/contexts/x"),
        ("lev-os-core/contexts/x", "write lev_os.core/contexts/x"),
        ("Lev.Os_Core/contexts/x", "write lev_os.core/contexts/x"),
        ("lev://acme-support", "write acme_support"),
    ],
)
def test_a_distribution_name_is_refused_with_the_right_spelling(ref: str, help: str) -> None:
    """Packages go by their import name; the message says it."""
    with pytest.raises(LevError) as caught:
        find(ref)
    assert caught.value.help == help


@pytest.mark.parametrize(
    "ref",
    ["", "/x", "lev://", "lev://./x", "lev:///x", "http://x/y", "a/../b", "./..", "./", "a//b", "a/", "a/b/", "./a\\b",
     "./a%2e", "./*", "a/x*", "a/\x00", "a/\u202ex", "1a/x", ".a/x", "a./x", "./a?b", "./a#b", "a b/c",
     "./" + "x" * 2000, "é\ud800/x", "acme_support:contexts"],
)  # fmt: skip
def test_anything_else_is_refused(ref: str) -> None:
    """Names that could be read in two ways are none."""
    with pytest.raises(InvalidSpecifier):
        parse_specifier(ref)


def test_a_name_inside_needs_a_package(make_package: Callable[..., Package]) -> None:
    """`./x` is looked for in the package that says it; so is the package's own name."""
    package = make_package("format = 1")
    assert find("./contexts/x", within=package) == (package, "./contexts/x")
    assert find("acme/contexts/x", within=package) == (package, "./contexts/x")
    with pytest.raises(InvalidSpecifier, match="none is given"):
        find("./contexts/x")
    with pytest.raises(InvalidSpecifier, match="is in the package 'other'"):
        package.resolve("other/x", "llm")


def test_an_installed_package_is_found_without_being_imported() -> None:
    """The core itself is a package."""
    package, subpath = find("lev_os.core/constitution/baseline")
    assert (package.name, package.read(subpath)[1].name) == ("lev_os.core", "baseline.yaml")
    with pytest.raises(PackageNotFound):
        find("no_such_package_here/x")


def test_an_edited_manifest_is_read_again(tmp_path: Path) -> None:
    """A resolver remembers a package for as long as its manifest stays the same."""
    (tmp_path / "acme").mkdir()
    manifest = tmp_path / "acme/lev.toml"
    manifest.write_text("format = 1\ndescription = 'one'\n")
    resolver = Resolver((str(tmp_path / "acme"),))
    first, _ = resolver.find("acme/x")
    assert resolver.find("acme/y")[0] is first
    manifest.write_text("format = 1\ndescription = 'two'\n")
    os.utime(manifest, ns=(1, 1))
    assert resolver.find("acme/x")[0].manifest.description == "two"


@given(st.text(max_size=40))
def test_any_text_is_a_specifier_or_a_clear_error(ref: str) -> None:
    """Nothing but `InvalidSpecifier`, and what is accepted spells back to itself."""
    try:
        name, subpath = parse_specifier(ref)
    except InvalidSpecifier:
        return
    spelt = subpath if name is None else name if subpath == "." else f"{name}/{subpath[2:]}"
    assert ref.removeprefix("lev://") == spelt
