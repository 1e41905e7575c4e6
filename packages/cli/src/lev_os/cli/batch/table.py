"""What a batch decided: by status, by step and label, by who decided, and what waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import DENIED, FAILED, FINE, INTERRUPTED, WAITING
from ..output import columns

_WAITS_SHOWN = 10
_GRAVEST = (
    ("failed", FAILED),
    ("cancelled", FAILED),
    ("denied", DENIED),
    ("waiting", WAITING),
    ("interrupted", INTERRUPTED),
    ("running", INTERRUPTED),
)


@dataclass(slots=True)
class Table:
    """Counts over the rows of a batch."""

    rows: int = 0
    status: Counter[str] = field(default_factory=Counter)
    decided: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    unfinished: list[dict[str, Any]] = field(default_factory=list)
    """Runs that were answered by a person and then cut short, or that are going on in another process."""
    errors: Counter[str] = field(default_factory=Counter)
    usage: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Table:
        """Count the rows."""
        table = cls()
        for row in rows:
            table._add(row)
        table.waiting.sort(key=lambda wait: int(wait["index"]))
        return table

    def _add(self, row: Mapping[str, Any]) -> None:
        self.rows += 1
        self.status[row["status"]] += 1
        for decision in row.get("decisions") or ():
            self.decided[decision["step"], decision["label"], decision["decided_by"]] += 1
            self.tiers[decision["decided_by"]] += 1
        if row["status"] in ("interrupted", "running"):
            self.unfinished.append({"index": row["index"], "run": row["run"], "status": row["status"]})
        if row["status"] == "waiting":
            names = [wait["name"] for wait in row.get("waits") or ()]
            self.waiting.append({"index": row["index"], "run": row["run"], "waits": names})
        if row.get("error"):
            self.errors[str(row["error"].get("message", "")).splitlines()[0][:100]] += 1
        for name, amount in (row.get("usage") or {}).items():
            if isinstance(amount, int | float):
                self.usage[name] += amount  # type: ignore[assignment]  # cost is a float

    @property
    def exit_code(self) -> int:
        """The gravest status of any row."""
        for status, code in _GRAVEST:
            if self.status[status]:
                return code
        return FINE

    def as_json(self) -> dict[str, Any]:
        """The summary that `--json` prints."""
        return {
            "rows": self.rows,
            "status": dict(self.status),
            "decided_by": dict(self.tiers),
            "decisions": [
                {"step": step, "label": label, "decided_by": by, "count": count}
                for (step, label, by), count in sorted(self.decided.items())
            ],
            "waiting": self.waiting,
            "unfinished": self.unfinished,
            "errors": [{"message": message, "count": count} for message, count in self.errors.most_common()],
            "usage": dict(self.usage),
        }

    def lines(self) -> list[str]:
        """The summary for people."""
        lines = ["", f"{self.rows} answered: " + ", ".join(f"{n} {name}" for name, n in self.status.most_common())]
        if self.decided:
            total = sum(self.tiers.values())
            lines += ["", "What was decided, and by whom:"]
            lines += columns(
                (
                    (f"  {step}", label, by, str(count))
                    for (step, label, by), count in sorted(
                        self.decided.items(), key=lambda item: (item[0][0], -item[1])
                    )
                ),
                head=("  step", "decided", "by", "inputs"),
            )
            lines.append(
                "  "
                + ", ".join(f"{by} {count} of {total} ({count / total:.0%})" for by, count in self.tiers.most_common())
            )
        if self.errors:
            lines += ["", "What went wrong:"]
            lines += [f"  {count} × {message}" for message, count in self.errors.most_common(5)]
        if self.waiting:
            lines += ["", f"{len(self.waiting)} wait for a person:"]
            for wait in self.waiting[:_WAITS_SHOWN]:
                lines.append(f"  input {wait['index']}: lev runs approve {wait['run']}  ({', '.join(wait['waits'])})")
            if len(self.waiting) > _WAITS_SHOWN:
                lines.append(f"  and {len(self.waiting) - _WAITS_SHOWN} more: lev runs list --status waiting")
        for run in self.unfinished[:_WAITS_SHOWN]:
            way = f"lev runs resume {run['run']}" if run["status"] == "interrupted" else "another process has it"
            lines += ["", f"  input {run['index']} is {run['status']}: {way}"]
        return lines
