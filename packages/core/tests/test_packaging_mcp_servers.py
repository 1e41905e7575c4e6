"""`[mcp.servers]` in lev.toml: what can be declared, and what is refused at its place."""

from __future__ import annotations

import pytest
from lev_os.core.errors import InvalidInput
from lev_os.core.packaging import parse_manifest
from lev_os.core.packaging.mcp_servers import McpServer


def server(lines: str) -> McpServer:
    return parse_manifest(f"format = 1\n[mcp.servers.desk]\n{lines}", name="acme").servers["desk"]


def test_a_command_and_a_url() -> None:
    """Both kinds with everything they can have."""
    assert server('command = ["uvx", "some-server", "--x"]\nenv = ["API_KEY"]\ntimeout = 5') == McpServer(
        "desk", command=("uvx", "some-server", "--x"), env=("API_KEY",), timeout=5.0
    )
    assert server('url = "https://example.org/mcp"\ntoken = "DESK_TOKEN"') == McpServer(
        "desk", url="https://example.org/mcp", token="DESK_TOKEN"
    )
    assert server('url = "http://127.0.0.1:9000/mcp"').url == "http://127.0.0.1:9000/mcp"
    assert server('command = ["./bin/server"]').command == ("./bin/server",)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("", "either `command` or `url`"),
        ('command = ["x"]\nurl = "https://example.org"', "either `command` or `url`"),
        ('command = "rm -rf"', "a list of texts"),
        ("command = []", "a list of texts"),
        ("command = [1]", "a list of texts"),
        ('command = ["/bin/sh"]', "neither the name of a program"),
        ('command = ["../x"]', "is not a file of the package"),
        ('command = ["./a/../../x"]', "is not a file of the package"),
        ('command = ["python", "../x.py"]', "is not a file of the package"),
        ('command = ["python", ".\\\\x.py"]', "is not a file of the package"),
        ('command = ["sh;ls"]', "neither the name of a program"),
        ('command = ["-c"]', "neither the name of a program"),
        ('command = ["x", "a\\nb"]', "cannot be seen"),
        (f'command = ["x", {", ".join(["1"] * 0 + [chr(34) + "a" + chr(34)] * 64)}]', "at most 64"),
        ('url = "http://example.org/mcp"', "begins with https://"),
        ('url = "file:///etc/passwd"', "an address with a host"),
        ('url = "https://me:secret@example.org/"', "without a user's name"),
        ('url = "https://example.org/#x"', "without '#'"),
        ('url = "https://exa mple.org/"', "plain ASCII"),
        ('url = "https://[::1/"', "no address"),
        ("url = 7", "plain ASCII"),
        ('command = ["x"]\nenv = ["A=1"]', "never their values"),
        ('command = ["x"]\ntoken = "T"', "`token` goes with `url`"),
        ('url = "https://example.org"\nenv = ["A"]', "`env` goes with `command`"),
        ('command = ["x"]\ntimeout = 0', "more than 0"),
        ('command = ["x"]\ntimeout = true', "more than 0"),
        ('command = ["x"]\ntimeout = nan', "more than 0"),
        ('command = ["x"]\ncwd = "/"', "unknown key `cwd`"),
    ],
)
def test_what_is_refused(lines: str, says: str) -> None:
    """Each with its reason and its line."""
    with pytest.raises(InvalidInput) as raised:
        server(lines)
    assert says in str(raised.value)
    assert all((problem.at.line or 0) >= 2 for problem in raised.value.problems)


@pytest.mark.parametrize(
    "text",
    [
        "mcp = 1",
        "[mcp]\nservers = 1",
        "[mcp.servers]\nx = 1",
        '[mcp.servers."a/b"]\nurl="https://x.y"',
        "[mcp.servers.CON]",
    ],
)
def test_tables_that_are_none(text: str) -> None:
    """No traceback, whatever stands there."""
    with pytest.raises(InvalidInput):
        parse_manifest(f"format = 1\n{text}", name="acme")


def test_too_many_servers() -> None:
    """A bound that nobody reaches who means well."""
    tables = "".join(f'[mcp.servers.s{n}]\nurl = "https://example.org"\n' for n in range(33))
    with pytest.raises(InvalidInput, match="at most 32"):
        parse_manifest(f"format = 1\n{tables}", name="acme")
