"""What the gate will say of a call that a flow makes, as far as that is decided before it runs.

One function for each kind of check, beside the check that rules at run time: what is written out is put to that very
check, the rest is compared by what is known of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lev_os.core.constitutional import Action, Check, Principle
from lev_os.core.constitutional.checks import KINDS
from lev_os.core.constitutional.checks.base import Globs, Selector, listing, worst_case
from lev_os.core.constitutional.checks.forbid_tool import declaration
from lev_os.core.constitutional.facts import Facts
from lev_os.core.constitutional.history import History
from lev_os.core.flowmind.model import Call, Expr, Template, Value
from lev_os.core.schemas import Schema

from .in_force import covers, effects_of, names_of, selector
from .sites import ToolSite
from .states import Approval
from .symbols import Symbol, Symbols

Certainty = Literal["sure", "likely", "possible"]
"""sure: on every run that gets here; likely: on some way through the flow; possible: unless two values are equal."""
_CONSEQUENTIAL = ("writes_external", "irreversible", "spends")
_LOOKED_AT = re.compile(r"\bhas\s*\(|\bargs\b(?!\s*\.)|\btaint\b|\brequest\b")


@dataclass(frozen=True, slots=True)
class Verdict:
    certainty: Certainty
    message: str
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What holds for the whole flow: its values, the names of all waits in it, how many calls stand in it, and what
    labels values there: by label, inputs and tools."""

    symbols: Symbols
    waits: frozenset[str]
    tools: Mapping[str, int]
    sources: Mapping[str, Sequence[str]]

    def waited(self, names: frozenset[str]) -> bool:
        """Whether a person may be asked under one of these names."""
        return bool(self.waits) if "approval" in names else not self.waits.isdisjoint(names)


def judge(principle: Principle, check: Check, site: ToolSite, known: Known) -> Verdict | None:
    """What a check says of a call; None: nothing, or nothing that is known before it runs."""
    function = _JUDGES.get(check.kind)
    return None if function is None else function(check, principle.authority == "hard", site, known)


def _taint(check: Check, hard: bool, site: ToolSite, known: Known) -> Verdict | None:
    sources, sinks = frozenset(check.argument["from"]), frozenset(check.argument["to"])
    effects = worst_case(effects_of(site.card), sinks, hard=hard)
    unless = frozenset(check.argument.get("unless", ()))
    if not effects or _cleared(site, unless, known):
        return None
    reaching: dict[str, list[str]] = {}
    certain = False
    for path, mark in sorted(site.labels.items()):
        labels = worst_case(mark.may, sources, hard=hard)
        if labels and not _shown(site, path, unless, known):
            reaching[path] = sorted(labels)
            certain = certain or bool(worst_case(mark.must, sources, hard=hard))
    if not reaching:
        return None
    what = "; ".join(
        f"{_said([path for path, found in reaching.items() if found == labels])} may be {' and '.join(labels)}"
        for labels in {tuple(labels): labels for labels in reaching.values()}.values()
    )
    origins = dict.fromkeys(
        name for labels in reaching.values() for one in labels for name in known.sources.get(one, ())
    )
    if origins:
        what += f" (from {' or '.join(f'`{name}`' for name in list(origins)[:3])})"
    name = site.card.specifier
    does = effects - {"undeclared"}
    sink = _does(name, does) if does else f"`{name}` declares no effects"
    certainty: Certainty = "sure" if certain and not (unless and known.waited(unless)) else "likely"
    if unless and not certain_values(site, unless, known):
        certainty = "possible"
    return Verdict(certainty, f"{what}, and {sink}", _way_out(site, unless, known) if unless else None)


def _forbid_tool(check: Check, hard: bool, site: ToolSite, known: Known) -> Verdict | None:
    selects = selector(check, hard=hard)
    if not selects.of(effects_of(site.card), names_of(site.card)):
        return None
    unless = frozenset(check.argument.get("unless", ())) if isinstance(check.argument, Mapping) else frozenset()
    approvals = [approval for approval in site.approvals if approval.named(unless) and not approval.spent]
    if any(approval.granted and covers(approval, site.arguments, known.symbols) for approval in approvals):
        return None
    name = site.card.specifier
    help = _way_out(site, unless, known) if unless else None
    certainty: Certainty = "likely" if unless and known.waited(unless) else "sure"
    if certainty == "likely" and not certain_values(site, unless, known):
        certainty = "possible"
    if selects.effects is None:
        return Verdict(certainty, f"`{name}` may not be called", help)
    found = effects_of(site.card) & selects.effects
    if found == {"undeclared"} or not found:
        return Verdict(certainty, f"`{name}` declares no effects", declaration(name))
    return Verdict(certainty, _does(name, found), help)


def _temporal(check: Check, hard: bool, site: ToolSite, known: Known) -> Verdict | None:
    argument = check.argument
    if "requires_before" not in argument:
        return None
    effects = argument.get("effects")
    if effects is None and "tools" not in argument:
        effects = _CONSEQUENTIAL
    if not Selector(argument.get("tools"), effects, hard=hard).of(effects_of(site.card), names_of(site.card)):
        return None
    same = tuple(argument.get("same", ()))
    over = f" of the same {listing(same)}" if same else ""
    name, wanted = site.card.specifier, argument["requires_before"]
    values = None if site.arguments is None else [_argument(path, site.arguments, known.symbols) for path in same]
    if values is not None and None in values:
        absent = [path for path, value in zip(same, values, strict=True) if value is None]
        return Verdict("sure", f"`{name}` is called without {listing(absent)}, of which the same has to come before")
    present = [] if values is None else [value for value in values if value is not None]
    if isinstance(wanted, Mapping):
        called = Globs((wanted["tool"],))
        for tool, arguments in site.called:
            before = [_argument(path, arguments, known.symbols) for path in same]
            if values is not None and called(_names(tool)) and before == values:
                return None
        certainty: Certainty = "likely" if any(called(_names(tool)) for tool in known.tools) else "sure"
        return Verdict(certainty, f"`{name}` needs a call of `{wanted['tool']}` before it{over}, on every way")
    names = frozenset({wanted})
    for approval in _granted(site, names) if values is not None or not same else ():
        if all(known.symbols.covered(value, approval.shown) for value in present):
            return None
    alone = not known.waited(names) and (not same or sum(known.tools.values()) == 1)
    certainty = "sure" if alone else "likely" if certain_values(site, names, known) else "possible"
    message = f"`{name}` needs `{wanted}` by a person before it{over}"
    return Verdict(certainty, message, _way_out(site, names, known, same))


def _budget(check: Check, hard: bool, site: ToolSite, known: Known) -> Verdict | None:
    """A sum that one call alone goes beyond; how many calls there may be is counted over the whole flow."""
    field = check.argument.get("field")
    selects = Selector(check.argument.get("tools"), check.argument.get("effects"), hard=hard)
    if field is None or site.arguments is None or not selects.of(effects_of(site.card), names_of(site.card)):
        return None
    symbol = _argument(field, site.arguments, known.symbols)
    written, value = (False, None) if symbol is None else known.symbols.known(symbol)
    if not written or value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Verdict("sure", f"`{field}` is not a number, and its sum is limited")
    if value > check.argument["total"]:
        return Verdict("sure", f"`{field}` is {value}, of at most {check.argument['total']} in a run")
    return None


def _by_running(check: Check, hard: bool, site: ToolSite, known: Known) -> Verdict | None:
    """Put what is written out to the check itself; what it says of a part counts only where the rest cannot matter."""
    if site.arguments is None:
        return None
    values = {name: known.symbols.known(symbol) for name, symbol in site.arguments.items()}
    written = {name: value for name, (is_known, value) in values.items() if is_known}
    whole = len(written) == len(values)
    if not whole and (check.kind != "cel" or _LOOKED_AT.search(_source(check))):
        return None
    if check.kind == "cel" and re.search(r"\btaint\b", _source(check)):
        return None
    request = {"tool": site.card.specifier, "name": site.card.name, "arguments": written}
    action = Action(
        phase="tool", kind="tool", key="", attempt=1, digest="", at=0.0, request=request, tool=site.card
    )  # fmt: skip
    try:
        hit = KINDS[check.kind].compile(check.argument, hard=hard)(Facts(action, History()))
    except Exception as error:  # whatever goes wrong in a check, the gate answers no
        if not whole or check.fail_open:
            return None
        return Verdict("sure", f"the check `{check.kind}` cannot be evaluated: {str(error).splitlines()[0]}")
    return None if hit is None else Verdict("sure", hit.message, hit.help)


def _schema(check: Check, hard: bool, site: ToolSite, known: Known) -> Verdict | None:
    """The whole when it is written out; else arguments that are missing, or written out and do not fit."""
    whole = _by_running(check, hard, site, known)
    schema = check.argument.get("args")
    if whole is not None or site.arguments is None or not isinstance(schema, Mapping):
        return whole
    if "tools" in check.argument or "effects" in check.argument:
        selects = Selector(check.argument.get("tools"), check.argument.get("effects"), hard=hard)
        if not selects.of(effects_of(site.card), names_of(site.card)):
            return None
    missing = [name for name in schema.get("required", ()) if name not in site.arguments]
    if missing:
        return Verdict("sure", f"`args` does not fit: {listing(missing)} is missing")
    properties = schema.get("properties", {})
    for name, symbol in site.arguments.items():
        written, value = known.symbols.known(symbol)
        if written and name in properties:
            problems = Schema.of({"$defs": schema.get("$defs", {}), "properties": {name: properties[name]}}).problems(
                {name: value}
            )
            if problems:
                return Verdict("sure", f"`args` does not fit: {problems[0]}")
    return None


def _regex(check: Check, hard: bool, site: ToolSite, known: Known) -> Verdict | None:
    from .texts import finds

    fields = None if isinstance(check.argument, str) else check.argument.get("fields")
    for name, symbol in (site.arguments or {}).items():
        if fields is None or {"args", f"args.{name}", "request", "request.arguments"} & set(fields):
            for text, whole in known.symbols.strings(symbol):
                if finds(check, text, whole=whole):
                    return Verdict("sure", f"`args.{name}` has what must not be found")
    return None


_JUDGES: Mapping[str, Callable[[Check, bool, ToolSite, Known], Verdict | None]] = {
    "taint": _taint,
    "forbid_tool": _forbid_tool,
    "temporal": _temporal,
    "budget": _budget,
    "cel": _by_running,
    "schema": _schema,
    "regex": _regex,
    "require_phrase": _by_running,
}


def certain_values(site: ToolSite, names: frozenset[str], known: Known) -> bool:
    """Whether a call's arguments can be told from what was shown; a model's own cannot be what was shown before."""
    return site.arguments is None or (
        all(map(known.symbols.identified, site.arguments.values()))
        and all(approval.certain for approval in site.approvals if approval.named(names))
    )


def _cleared(site: ToolSite, unless: frozenset[str], known: Known) -> bool:
    """Whether a person has surely approved all of the call's arguments at once."""
    return any(covers(approval, site.arguments, known.symbols) for approval in _granted(site, unless))


def _shown(site: ToolSite, path: str, unless: frozenset[str], known: Known) -> bool:
    """Whether a person has surely approved the value at a path."""
    symbol = (site.arguments or {}).get(path.removeprefix("args.")) if path else None
    return symbol is not None and any(
        known.symbols.covered(symbol, approval.shown) for approval in _granted(site, unless)
    )


def _granted(site: ToolSite, names: frozenset[str]) -> Iterator[Approval]:
    return (approval for approval in site.approvals if approval.granted and approval.named(names))


def _argument(path: str, arguments: Mapping[str, Symbol], symbols: Symbols) -> Symbol | None:
    """The symbol at `args.x.y`; None where there is none, or for a path of another kind."""
    parts = path.removeprefix("request.").split(".")
    if parts[0] not in ("args", "arguments") or len(parts) < 2 or parts[1] not in arguments:
        return None
    symbol = arguments[parts[1]]
    for part in parts[2:]:
        symbol = symbols.field(symbol, part)
    return symbol


def _said(paths: Sequence[str]) -> str:
    """Places of a call in words."""
    if len(paths) > 3:
        return "all that goes into this call"
    return " and ".join(f"`{path}`" if path else "what leads to this call" for path in sorted(paths, reverse=True))


def _does(name: str, effects: frozenset[str]) -> str:
    return f"`{name}` has the effect{'s' if len(effects) > 1 else ''} {listing(effects)}"


def _names(specifier: str) -> frozenset[str]:
    return frozenset({specifier, specifier.rpartition("/")[2]})


def _source(check: Check) -> str:
    argument = check.argument
    return argument if isinstance(argument, str) else f"{argument.get('when', '')} {argument.get('holds', '')}"


def _way_out(site: ToolSite, names: frozenset[str], known: Known, over: Sequence[str] = ()) -> str:
    """What the author has to add, by what there is already."""
    wait = "approval" if "approval" in names else sorted(names)[0]
    if site.arguments is None:
        return (
            f"let the model answer with the arguments, show them to a person with `wait: {wait}`, then `call` the tool"
        )
    waits = [approval for approval in site.approvals if approval.named(names)]
    if over:
        wanted = [_argument(path, site.arguments, known.symbols) for path in over]
        shown = [a for a in waits if all(v is not None and known.symbols.covered(v, a.shown) for v in wanted)]
    else:
        shown = [approval for approval in waits if covers(approval, site.arguments, known.symbols)]
    if any(not approval.granted for approval in shown):
        return "a person is asked, but nobody looks at the answer: go on only if its `approved` is true"
    if any(approval.spent for approval in shown):
        return "one approval is good for one call: ask before each"
    if not site.arguments:
        return "a call without arguments is covered by no `wait`: a person is asked when it is made"
    if waits and not certain_values(site, names, known):
        return "whether a person is asked about these very values cannot be told: show them as the call is given them"
    about = _about(site)
    if waits:
        return f"a person is asked about other values: show all that the call is given, `about: {about}`"
    return f"before it, `wait: {wait}` with all that it is given, `about: {about}`, and go on only if it was approved"


def _about(site: ToolSite) -> str:
    """An `about` that shows all arguments of a call: one expression, for `about` is text, that makes an object."""
    step = site.place.step
    given = step.with_ if isinstance(step, Call) else dict.fromkeys(site.arguments or ())
    shown = ", ".join(f"'{name}': {_as_expression(value)}" for name, value in given.items())
    return f'"${{{{{shown}}}}}"'


def _as_expression(value: Value) -> str:
    match value:
        case Template(parts=(Expr(source=source),)) if '"' not in source:
            return source.strip()
        case bool() | int() | float():
            return str(value).lower()
        case str() if value.isprintable() and not set(value) & set("\"'\\"):
            return f"'{value}'"
    return "…"
