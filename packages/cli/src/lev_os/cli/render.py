"""Tool cards, flow trees and constitutions as lines for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lev_os.core.tools import ToolCard

if TYPE_CHECKING:
    from lev_os.core.constitutional import Constitution
    from lev_os.core.constitutional.model import Principle
    from lev_os.core.flowmind.model import FlowTree, Step


def card_value(card: ToolCard) -> dict[str, Any]:
    """A tool's card as a JSON value."""
    declared = card.declaration
    return {
        "name": card.name,
        "description": card.description,
        "input_schema": dict(card.input_schema),
        "output_schema": None if card.output_schema is None else dict(card.output_schema),
        "effects": None if declared.effects is None else sorted(declared.effects),
        "idempotent": declared.idempotent,
        "secrets": sorted(declared.secrets),
        "isolate": declared.isolate,
        "tier": declared.tier,
        "digest": card.digest or None,
    }


def card_lines(card: ToolCard) -> list[str]:
    """A tool's card."""
    declared = card.declaration
    if declared.effects is None:
        effects = "undeclared (counts as the worst case); write @tool(effects=[…])"
    else:
        effects = ", ".join(sorted(declared.effects)) or "none"
    lines = [f"{card.name}{_signature(card.input_schema)}", *_indent(card.description.rstrip().splitlines())]
    lines += ["", f"effects     {effects}", f"idempotent  {'yes' if declared.idempotent else 'no'}"]
    if declared.secrets:
        lines.append(f"secrets     {', '.join(sorted(declared.secrets))}")
    lines += ["", "input", *_indent(json.dumps(card.input_schema, indent=2, ensure_ascii=False).splitlines())]
    if card.output_schema is not None:
        lines += ["output", *_indent(json.dumps(card.output_schema, indent=2, ensure_ascii=False).splitlines())]
    return lines


def _signature(schema: Any) -> str:
    required = set(schema.get("required", ()))
    return "(" + ", ".join(n if n in required else f"{n}?" for n in schema.get("properties", {})) + ")"


def tree_lines(tree: FlowTree) -> list[str]:
    """A flow's header and its steps, indented as they nest."""
    lines = [f"{tree.name}: {tree.description}" if tree.description else tree.name]
    lines.append(f"input   {_fields(tree.input_schema)}")
    if tree.output_schema is not None:
        lines.append(f"output  {_fields(tree.output_schema)}")
    if tree.context:
        lines.append(f"context {', '.join(tree.context)}")
    return [*lines, "", *_steps(tree.steps)]


def _fields(schema: Any) -> str:
    fields = schema.get("properties", {})
    return ", ".join(f"{name}: {_type(field)}" for name, field in fields.items()) or "nothing"


def _type(field: Any) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    return str(field.get("type", "any"))


def _steps(steps: Sequence[Step]) -> list[str]:
    lines: list[str] = []
    for step in steps:
        head, parts = _describe(step)
        lines.append(f"{step.id} = {head}" if step.id else head)
        for label, body in parts:
            if label:
                lines.append(f"  {label}:")
            lines += _indent(_steps(body), 4 if label else 2)
    return lines


def _describe(step: Any) -> tuple[str, list[tuple[str, Sequence[Step]]]]:
    """One line for a step, and the steps inside it by label."""
    kind = type(step).__name__
    match kind:
        case "Ask":
            tools = f" with {', '.join(step.tools)}" if step.tools else ""
            return f"ask {_text(step.instruction)!r}{tools}", []
        case "Call":
            return f"call {step.tool}({', '.join(step.with_)})", []
        case "If":
            return f"if {step.test.source}", _branches(step)
        case "IfSemantic":
            return f"if_semantic {_text(step.condition.statement)!r}{_sure(step.condition)}", _branches(step)
        case "Switch":
            return f"switch {step.value.source}", [*step.cases.items(), *_some("default", step.default)]
        case "SwitchSemantic":
            head = f"switch_semantic {_text(step.condition.statement)!r}{_sure(step.condition)}"
            return head, [*step.cases.items(), *_some("uncertain", step.uncertain)]
        case "ForEach":
            where = f" where {step.where.source}" if step.where else ""
            return f"for_each {step.variable} in {step.items.source}{where}", [("", step.do)]
        case "While":
            test = step.test.source if step.test else f"semantic {_text(step.condition.statement)!r}"
            return f"while {test} (at most {step.max_iterations})", [("", step.do)]
        case "Parallel":
            return f"parallel, wait for {step.wait_for}", list(step.branches.items())
        case "SubFlow":
            return f"flow {step.flow}({', '.join(step.with_)})", []
        case "Wait":
            return f"wait for {step.name}", _some("on_timeout", step.on_timeout)
        case "Try":
            return "try", [("", step.body), ("catch", step.catch)]
        case "Set":
            return f"set {', '.join(step.values)}", []
        case _:
            return "return", []


def _branches(step: Any) -> list[tuple[str, Sequence[Step]]]:
    uncertain = getattr(step, "uncertain", ())
    return [("then", step.then), *_some("else", step.else_), *_some("uncertain", uncertain)]


def _some(label: str, steps: Sequence[Step]) -> list[tuple[str, Sequence[Step]]]:
    return [(label, steps)] if steps else []


def _sure(condition: Any) -> str:
    return "" if condition.confidence is None else f" at {condition.confidence:g}"


def _text(template: Any) -> str:
    return "".join(part if isinstance(part, str) else f"${{{part.source}}}" for part in template.parts)


def principle_value(principle: Principle) -> dict[str, Any]:
    """A principle as a JSON value."""
    return {
        "id": principle.id,
        "statement": principle.statement,
        "authority": principle.authority,
        "severity": principle.severity,
        "phases": sorted(principle.phases),
        "checks": [check.kind for check in principle.checks],
        "judged": principle.judge is not None,
        "on_violation": principle.on_violation,
        "source": principle.source,
    }


def constitution_lines(constitution: Constitution) -> list[str]:
    """A constitution's principles, the inherited ones included."""
    lines = [f"{constitution.name}: {len(constitution.principles)} principles, mode {constitution.mode}", ""]
    for principle in constitution.principles:
        checks = ", ".join([*(check.kind for check in principle.checks), *(["judge"] if principle.judge else [])])
        lines.append(f"{principle.id}  {principle.statement}")
        lines.append(
            f"    {principle.authority} · {checks or 'no check'} · {principle.on_violation} · {principle.source}"
        )
    return lines


def _indent(lines: Sequence[str], by: int = 2) -> list[str]:
    return [" " * by + line if line else "" for line in lines]
