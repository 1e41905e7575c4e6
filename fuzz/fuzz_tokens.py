"""What a host sends over MCP: tokens and arguments."""

import atheris

with atheris.instrument_imports(include=["lev_os.mcp", "lev_os.core"]):
    import harness
    from lev_os.mcp.arguments import read_arguments
    from lev_os.mcp.tokens import Mint

MINT = Mint(b"0" * 32)
SEEDS = (
    MINT.token("run-1", 1, "ab12"), MINT.token("run-1", 1), '{"token": "t", "result": {"a": 1}}',
    '{"flow": "acme/flows/x", "input": {}}', '{"run": "r", "token": "t", "take_over": true}', '{"tool_calls": [{}]}',
)  # fmt: skip


def target(data: bytes) -> None:
    """As a token, as a resume secret, and as the arguments of each of our tools."""
    token = harness.text(data)
    MINT.read(token)
    MINT.opens(token, "run-1", 1)
    try:
        given = harness.decode(data)
    except ValueError:
        return
    if isinstance(given, dict):
        for name in ("flow_start", "flow_submit", "flow_status", "flow_cancel"):
            read_arguments(name, given)


if __name__ == "__main__":
    harness.run("tokens", target, SEEDS, (".", "1" * 5000, "\\ud800", '"result":', '"token":', "١"))
