"""Versions and ranges of Python (PEP 440) as those of npm (semantic versioning 2.0.0), in the same order.

Both sort what can be translated alike. What npm cannot order, such as a post-release, is refused, not bent.
"""

from __future__ import annotations

import re

from lev_os.core.errors import LevError

_VERSION = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?"
    r"(?P<post>-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?"
    r"(?:[-_.]?dev[-_.]?(?P<dev>[0-9]*))?(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.IGNORECASE | re.ASCII,
)
_STAGES = {"a": "alpha", "alpha": "alpha", "b": "beta", "beta": "beta"}
_CLAUSE = re.compile(r"(~=|===|==|!=|<=|>=|<|>)\s*(\S+)")
_LARGEST = 2**53 - 1


def npm_version(version: str) -> str:
    """`1.2rc1` as `1.2.0-rc.1`, `1.2.dev3` as `1.2.0-0.dev.3`; raises `LevError` for what npm has no place for."""
    found = _VERSION.fullmatch(version.strip())
    if found is None:
        raise LevError(f"{version!r} is no version of Python (PEP 440)", help="correct `version` in pyproject.toml")
    numbers = _release(found["release"], version)
    if int(found["epoch"] or 0):
        raise _refused(version, "an epoch")
    if found["post"]:
        raise _refused(version, "post-releases")
    text = ".".join(map(str, numbers))
    dev = found["dev"]
    if found["pre"]:
        if dev is not None:
            raise _refused(version, "development releases of pre-releases")
        text += f"-{_STAGES.get(found['pre'].lower(), 'rc')}.{int(found['pre_number'] or 0)}"
    elif dev is not None:
        text += f"-0.dev.{int(dev or 0)}"  # a number sorts before every word: before alpha, as in Python
    return text + (f"+{re.sub('[-_.]', '.', found['local'].lower())}" if found["local"] else "")


def npm_range(specifier: str) -> str | None:
    """`>=0.3,<0.4` as `>=0.3.0 <0.4.0`; `*` for any; None when npm cannot say it (`!=`, arbitrary equality)."""
    parts = []
    for clause in filter(None, map(str.strip, specifier.split(","))):
        found = _CLAUSE.fullmatch(clause)
        part = _clause(found[1], found[2]) if found else None
        if part is None:
            return None
        parts.append(part)
    return " ".join(parts) or "*"


def _clause(operator: str, version: str) -> str | None:
    if operator in {"!=", "==="}:
        return None
    try:
        if version.endswith(".*"):
            numbers = [int(part) for part in version.removesuffix(".*").split(".")]
            return ".".join(map(str, [*numbers, "x"][:3])) if operator == "==" and len(numbers) < 3 else None
        lowest = npm_version(version)
    except (LevError, ValueError):
        return None
    if operator == "~=":
        release = [int(part) for part in re.split(r"[^0-9.]", version, maxsplit=1)[0].strip(".").split(".")][:-1]
        if not release:
            return None
        upper = [*release[:-1], release[-1] + 1, 0, 0][:3]
        return f">={lowest} <{'.'.join(map(str, upper))}"
    return lowest if operator == "==" else f"{operator}{lowest}"


def _release(release: str, version: str) -> list[int]:
    numbers = [int(part) for part in release.split(".")]
    if any(numbers[3:]):
        raise _refused(version, "a fourth number")
    if max(numbers) > _LARGEST:
        raise _refused(version, f"numbers above {_LARGEST}")
    return [*numbers, 0, 0][:3]


def _refused(version: str, what: str) -> LevError:
    return LevError(
        f"the version {version} cannot be one of npm: semantic versions have no {what}",
        help="release the package as a version of three numbers, or as an alpha, beta, rc or dev release of one",
    )
