"""A report as SARIF 2.1.0, which code-scanning services read.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import msgspec

from ..diagnostics import Diagnostic, Edit, Fix, Report
from ..files import File
from ..fingerprints import fingerprints
from ..registry import rules
from ..rule import Rule
from ..sources import Sources

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_RANKS = {"high": 90.0, "medium": 60.0, "low": 30.0}


def as_sarif(report: Report, sources: Sources) -> str:
    """One log with one run; columns count Unicode code points, URIs are relative to where the check ran."""
    known = rules()
    codes = sorted({item.code for item in report.diagnostics})
    index = {code: number for number, code in enumerate(codes)}
    prints = fingerprints(report.diagnostics, sources)
    run = {
        "tool": {
            "driver": {
                "name": "lev check",
                "semanticVersion": version("lev-os-check"),
                "rules": [_rule(code, known.get(code)) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the folder in which the check ran"}}},
        "results": [
            _result(item, index[item.code], print_, sources)
            for item, print_ in zip(report.diagnostics, prints, strict=True)
        ],
        "invocations": [
            {
                "executionSuccessful": not any(item.code == "CHK901" for item in report.diagnostics),
                "toolExecutionNotifications": [
                    {
                        "level": "warning",
                        "message": {"text": f"not checked: {item.reason}"},
                        "locations": [{"physicalLocation": {"artifactLocation": _artifact(item.file)}}],
                    }
                    for item in report.not_checked
                ],
            }
        ],
    }
    return msgspec.json.encode({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}).decode()


def _rule(code: str, rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"id": code}
    source = f"\n\nSource: {rule.source}" if rule.source else ""
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\n{rule.mend}{source}", "markdown": f"{rule.why}\n\n{rule.mend}{source}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "rank": _RANKS[rule.confidence]},
        "properties": {"tags": [rule.family], "precision": rule.confidence},
    }


def _result(item: Diagnostic, index: int, fingerprint: str, sources: Sources) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": item.code,
        "ruleIndex": index,
        "level": _LEVELS[item.severity],
        "rank": _RANKS[item.confidence],
        "message": {"text": f"{item.message}\n{item.help}" if item.help else item.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(item.file),
                    "region": {
                        "startLine": item.line,
                        "startColumn": item.column,
                        "endLine": item.end_line,
                        "endColumn": item.end_column,
                    },
                }
            }
        ],
        "partialFingerprints": {"levFinding/v1": fingerprint},
    }
    if item.fix is not None and item.fix.edits:
        found["fixes"] = [_fix(item.fix, item.file, sources)]
    return found


def _fix(fix: Fix, name: str, sources: Sources) -> dict[str, Any]:
    file = sources[name].file
    return {
        "description": {"text": fix.title},
        "artifactChanges": [
            {
                "artifactLocation": _artifact(name),
                "replacements": [_replacement(edit, file) for edit in fix.edits],
            }
        ],
    }


def _replacement(edit: Edit, file: File) -> Mapping[str, Any]:
    (line, column), (end_line, end_column) = file.place(edit.start), file.place(edit.end)
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {"deletedRegion": region, **({"insertedContent": {"text": edit.text}} if edit.text else {})}


def _artifact(name: str) -> dict[str, str]:
    return {"uri": quote(name), "uriBaseId": "SRCROOT"}
