"""hooks/hooks.json of Claude Code plugins."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from difflib import get_close_matches

from ...files import File
from ...rule import Example, Finding, rule
from .._json import json_span, read_json
from .agents_json import VERIFIED

_EVENTS = frozenset(
    {"PreToolUse", "PostToolUse", "PostToolUseFailure", "PostToolBatch", "PermissionRequest", "PermissionDenied",
     "Notification", "UserPromptSubmit", "UserPromptExpansion", "Stop", "StopFailure", "SubagentStart",
     "SubagentStop", "SessionStart", "SessionEnd", "PreCompact", "PostCompact", "Setup", "TeammateIdle",
     "TaskCreated", "TaskCompleted", "ConfigChange", "CwdChanged", "FileChanged", "WorktreeCreate",
     "WorktreeRemove", "InstructionsLoaded", "Elicitation", "ElicitationResult"}
)  # fmt: skip
_NEEDS = {"command": "command", "prompt": "prompt", "agent": "prompt", "http": "url"}


@rule(
    "MAN620",
    "hooks",
    summary="A hook of Claude Code never runs.",
    on="file",
    kinds={"hooks"},
    severity="error",
    why="A misspelt event, a group without `hooks` or a hook without its command is passed over in silence: what it "
    "should have guarded is not guarded. Events that are like no known one may be newer than this rule, and are left.",
    mend="Correct the event or the hook.",
    source="https://code.claude.com/docs/en/hooks",
    verified=VERIFIED,
    bad=(
        Example({"hooks/hooks.json": '{"hooks": {"preToolUse": []}}\n'}, ("hooks/hooks.json", 1, 12)),
        Example(
            {"hooks/hooks.json": '{"hooks": {"Stop": [{"hooks": [{"type": "command"}]}]}}\n'},
            ("hooks/hooks.json", 1, 32),
        ),
    ),
    good=Example(
        {
            "hooks/hooks.json": '{"hooks": {"PreToolUse": [{"matcher": "Bash", '
            '"hooks": [{"type": "command", "command": "x"}]}]}}\n'
        }
    ),
)
def hooks(file: File) -> Iterator[Finding]:
    """Events, groups and hooks."""
    data = read_json(file)
    events = data.get("hooks") if isinstance(data, dict) else None
    if not isinstance(events, dict) or "version" in data:
        return  # `version` marks Cursor's hooks, which are others
    for event, groups in events.items():
        place = ("hooks", event)
        if event not in _EVENTS:
            meant = next((known for known in _EVENTS if known.lower() == event.lower()), None)
            near = [meant] if meant else get_close_matches(event[:60], _EVENTS, 1, 0.9)
            if near:
                message = f"Claude Code has no event `{event}`"
                yield Finding(json_span(file, *place, key=True), message, f"did you mean `{near[0]}`?")
            continue
        for index, group in enumerate(groups) if isinstance(groups, list) else ():
            yield from _group(file, (*place, index), group)


_LONGEST = 2_000
"""Characters of a matcher that is compiled: no event has more tools."""


def _group(file: File, place: tuple[str | int, ...], group: object) -> Iterator[Finding]:
    if not isinstance(group, dict) or not isinstance(group.get("hooks"), list):
        yield Finding(json_span(file, *place), "a group needs a list `hooks`")
        return
    matcher = group.get("matcher")
    if isinstance(matcher, str) and matcher not in ("", "*") and len(matcher) <= _LONGEST:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                re.compile(matcher)
        except RecursionError:
            pass
        except (re.error, OverflowError) as error:
            yield Finding(json_span(file, *place, "matcher"), f"`matcher` is no regular expression: {error}")
    for number, hook in enumerate(group["hooks"]):
        where = (*place, "hooks", number)
        if not isinstance(hook, dict):
            yield Finding(json_span(file, *where), "a hook must be an object")
            continue
        kind = hook.get("type")
        needed = _NEEDS.get(kind) if isinstance(kind, str) else None
        if kind is None:
            yield Finding(json_span(file, *where), "the hook has no `type`", '`"type": "command"` runs a command')
        elif needed is not None and not hook.get(needed):
            yield Finding(json_span(file, *where), f"a hook of type `{kind}` needs `{needed}`")
