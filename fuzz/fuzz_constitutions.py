"""Constitutions: what parses also rules."""

import atheris

with atheris.instrument_imports(include=["lev_os"]):
    import harness
    from lev_os.core.constitutional import Constitution, Gate
    from lev_os.core.constitutional.model import Action

PRINCIPLE = (
    "constitution: 1\nname: c\nprinciples:\n  - id: A-1\n    statement: s\n    on_violation: block\n    checks:\n"
)
TESTS = "    tests: {violates: [{result: a}, {}], complies: [{}, {}]}\n"
SEEDS = (
    PRINCIPLE + "      - regex: {pattern: 'a+b', in: [result]}\n      - forbid_tool: ['x/tools/*']\n" + TESTS,
    PRINCIPLE + "      - cel: \"kind == 'tool' && size(args) > 1\"\n      - require_phrase: yes\n" + TESTS,
    PRINCIPLE + "      - temporal: {requires_before: approval, within: 10m, same: [args.to]}\n" + TESTS,
    PRINCIPLE + "      - taint: {from: [untrusted], to: [writes_external], unless: [approval]}\n"
    "      - budget: {tokens: 10}\n      - schema: {type: object}\n    judge: {rubric: r}\n" + TESTS,
)
ACTION = Action(phase="tool", kind="tool", key="k", attempt=1, digest="d", at=0.0, request={"arguments": {"to": "ab"}})


def target(data: bytes) -> None:
    """Read it, then ask it."""
    Gate(Constitution.parse(data)).session().judge(ACTION)


if __name__ == "__main__":
    harness.run("constitutions", target, SEEDS, ("on_violation:", "judge:", "extends:", "fail: open", "(?i)", "args.x"))
