"""A baseline: the findings that a project had when it began to check, so that only new ones count."""

from __future__ import annotations

from pathlib import Path

import msgspec
from lev_os.core.errors import LevError
from lev_os.core.writing import replace

from .diagnostics import Report
from .fingerprints import fingerprints
from .sources import Sources


class Known(msgspec.Struct, frozen=True):
    """One finding of a baseline; all but the fingerprint is there to be read by people."""

    code: str
    file: str
    message: str
    fingerprint: str


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: `{"baseline": 1, "findings": […]}`."""

    findings: tuple[Known, ...]
    baseline: int = 1


def read_baseline(path: Path) -> Baseline:
    """Read the file; raises `LevError` when it is not there or not a baseline."""
    help = "`--write-baseline` makes it anew"
    try:
        data = path.read_bytes()
        found = msgspec.json.decode(data, type=Baseline)
    except OSError as error:
        raise LevError(f"the baseline {path} cannot be read: {error.strerror}", help=help) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise LevError(f"{path} is not a baseline: {error}", help=help) from None
    if found.baseline != 1:
        raise LevError(f"{path} is a baseline of version {found.baseline}; this lev reads version 1", help=help)
    return found


def baseline_of(report: Report, sources: Sources) -> Baseline:
    """All that is found now, hard findings excepted."""
    soft = [item for item in report.diagnostics if not item.hard]
    pairs = zip(soft, fingerprints(soft, sources), strict=True)
    return Baseline(tuple(Known(item.code, item.file, item.message, print_) for item, print_ in pairs))


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Replace the file in one step; raises `LevError` where there can be none."""
    try:
        replace(path, msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n")
    except OSError as error:
        raise LevError(f"the baseline {path} cannot be written: {error.strerror}") from None


def beyond(report: Report, baseline: Baseline, sources: Sources) -> tuple[Report, int]:
    """The report without what the baseline knows, and how many of its findings are there no more."""
    known = {item.fingerprint for item in baseline.findings}
    soft = [item for item in report.diagnostics if not item.hard]
    old = {item for item, print_ in zip(soft, fingerprints(soft, sources), strict=True) if print_ in known}
    left = tuple(item for item in report.diagnostics if item not in old)
    found = msgspec.structs.replace(report, diagnostics=left, suppressed=report.suppressed + len(old))
    return found, len(known) - len(old)
