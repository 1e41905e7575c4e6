"""The pytest plugin: `--lev-memory-backend=URL` runs the suite against a backend; without it, nothing happens."""

from __future__ import annotations

from pathlib import Path

import pytest

OPTION = "--lev-memory-backend"
OPERATIONS = "--lev-memory-operations"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option."""
    help = "URL of a memory to run Leviathan's conformance suite against; {tmp} stands for a folder of each test"
    group = parser.getgroup("leviathan")
    group.addoption(OPTION, metavar="URL", default=None, help=help)
    group.addoption(OPERATIONS, type=int, metavar="N", default=600, help="operations of its fuzz of scopes (600)")


def pytest_configure(config: pytest.Config) -> None:
    """With the option and without other arguments, run the suite alone."""
    if config.getoption(OPTION) is None:
        return
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = []
    config.args.append(str(Path(__file__).with_name("suite.py")))


@pytest.fixture
def memory_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of the backend under test."""
    url = request.config.getoption(OPTION)
    if url is None:
        pytest.skip(f"no backend was named with {OPTION}")
    return str(url).replace("{tmp}", str(tmp_path))


@pytest.fixture
def operations(request: pytest.FixtureRequest) -> int:
    """How many operations the fuzz of scopes makes."""
    return int(request.config.getoption(OPERATIONS))
