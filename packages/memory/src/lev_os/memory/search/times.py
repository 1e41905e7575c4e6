"""The time that a question speaks of: "last week", "in May 2023", "on 7 May 2023", "two days ago"."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ..types import utc

Period = tuple[datetime, datetime]
"""From, and up to but without."""

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" if len(name) > 3 else name for name in _MONTHS)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "couple": 2, "three": 3, "few": 3, "four": 4, "five": 5, "several": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
_COUNT = rf"(\d{{1,3}}|{'|'.join(_NUMBERS)})(?: of)?"
_UNIT = r"(day|week|month|year)s?"
_YEAR = r"((?:19|20)\d\d)"


def period_in(text: str, now: datetime) -> Period | None:
    """The first time a question speaks of, in days of UTC; None when it speaks of none.

    A month without a year is the last one before `now` of that name. `may` alone counts only after `in`, `since`,
    `during`, `of` or `last`, or beside a number.
    """
    found = _first_in(text.casefold(), now)
    return None if found is None else found[0]


def without(text: str, now: datetime) -> str:
    """A question without the words for that time: they say when something was and not what it was."""
    folded = text.casefold()
    found = _first_in(folded, now)
    if found is None:
        return text
    whole = text if len(text) == len(folded) else folded
    return f"{whole[: found[1]]} {whole[found[2] :]}"


def _first_in(folded: str, now: datetime) -> tuple[Period, int, int] | None:
    """A time, and where the words for it begin and end."""
    now = utc(now)
    for pattern, meaning in _MEANINGS:
        found = pattern.search(folded)
        if found:
            try:
                period = meaning(found, now)
            except (OverflowError, ValueError):  # before the year 1 or after 9999
                period = None
            if period is not None:
                return period, found.start(), found.end()
    return None


def _iso(found: re.Match[str], now: datetime) -> Period | None:
    return _on(int(found[1]), int(found[2]), int(found[3]))


def _day_month(found: re.Match[str], now: datetime) -> Period | None:
    month = _month(found[2])
    year = int(found[3]) if found[3] else _last_year(month, int(found[1]), now)
    return _on(year, month, int(found[1]))


def _month_day(found: re.Match[str], now: datetime) -> Period | None:
    month = _month(found[1])
    year = int(found[3]) if found[3] else _last_year(month, int(found[2]), now)
    return _on(year, month, int(found[2]))


def _month_year(found: re.Match[str], now: datetime) -> Period | None:
    return _whole_month(int(found[2]), _month(found[1]))


def _month_alone(found: re.Match[str], now: datetime) -> Period | None:
    month = _month(found[1])
    return _whole_month(_last_year(month, 1, now), month)


def _year(found: re.Match[str], now: datetime) -> Period | None:
    return _start(int(found[1]), 1, 1), _start(int(found[1]) + 1, 1, 1)


def _ago(found: re.Match[str], now: datetime) -> Period | None:
    count = int(found[1]) if found[1].isdigit() else _NUMBERS[found[1]]
    return _units_back(found[2], count, now)


def _last(found: re.Match[str], now: datetime) -> Period | None:
    word = found[2]
    if word in _DAYS:
        back = (now.weekday() - _DAYS.index(word) - 1) % 7 + 1
        return _day(now - timedelta(days=back))
    return _units_back(word, 0 if found[1] == "this" else 1, now)


def _past(found: re.Match[str], now: datetime) -> Period | None:
    count = int(found[1]) if found[1].isdigit() else _NUMBERS[found[1]]
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[found[2]]
    return _midnight(now - timedelta(days=count * days)), _midnight(now) + timedelta(days=1)


def _named_day(found: re.Match[str], now: datetime) -> Period | None:
    back = {"today": 0, "this morning": 0, "tonight": 0, "yesterday": 1, "last night": 1}
    return _day(now - timedelta(days=back[found[1]]))


_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Period | None]], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (r"\b(\d{4})-(\d\d)-(\d\d)\b", _iso),
        (rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b\.?,? ?{_YEAR}?", _day_month),
        (rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b,? ?{_YEAR}?", _month_day),
        (rf"\b({_MONTH})\.?,?(?: of)? {_YEAR}\b", _month_year),
        (rf"\b{_COUNT} {_UNIT} ago\b", _ago),
        (rf"\b(?:in|over|during|within)?(?: the)? ?(?:last|past) {_COUNT} {_UNIT}\b", _past),
        (rf"\b(last|this) (day|week|month|year|{'|'.join(_DAYS)})\b", _last),
        (r"\b(today|this morning|tonight|yesterday|last night)\b", _named_day),
        (rf"\b(?:in|since|during|of|last) ({_MONTH})\b", _month_alone),
        (rf"\b(?:in|since|during|of) {_YEAR}\b", _year),
    )
)


def _month(word: str) -> int:
    return next(number for number, name in enumerate(_MONTHS, 1) if name.startswith(word[:3]))


def _last_year(month: int, day: int, now: datetime) -> int:
    return now.year if (month, day) <= (now.month, now.day) else now.year - 1


def _on(year: int, month: int, day: int) -> Period | None:
    try:
        start = _start(year, month, day)
    except ValueError:
        return None
    return start, start + timedelta(days=1)


def _whole_month(year: int, month: int) -> Period:
    return _start(year, month, 1), _start(year + month // 12, month % 12 + 1, 1)


def _units_back(unit: str, count: int, now: datetime) -> Period | None:
    today = _midnight(now)
    if unit == "day":
        return _day(today - timedelta(days=count))
    if unit == "week":
        start = today - timedelta(days=today.weekday() + 7 * count)
        return start, start + timedelta(days=7)
    if unit == "month":
        months = today.year * 12 + today.month - 1 - count
        return _whole_month(months // 12, months % 12 + 1)
    return (_start(today.year - count, 1, 1), _start(today.year - count + 1, 1, 1)) if count < today.year else None


def _start(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def _midnight(at: datetime) -> datetime:
    return _start(at.year, at.month, at.day)


def _day(at: datetime) -> Period:
    return _midnight(at), _midnight(at) + timedelta(days=1)
