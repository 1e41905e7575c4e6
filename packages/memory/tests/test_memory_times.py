"""The time that a question speaks of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.memory.search.times import period_in, without

NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)  # a Wednesday


def day(month: int, number: int, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("What did Ada do on 7 May 2023?", day(5, 7, 2023), day(5, 8, 2023)),
        ("What happened on May 7th, 2023?", day(5, 7, 2023), day(5, 8, 2023)),
        ("and on the 31st of December", day(12, 31, 2025), day(1, 1)),
        ("notes of 2026-02-03", day(2, 3), day(2, 4)),
        ("In May 2023, where was she?", day(5, 1, 2023), day(6, 1, 2023)),
        ("Where was she in December?", day(12, 1, 2025), day(1, 1)),
        ("Where was she in May?", day(5, 1), day(6, 1)),
        ("trips in 2022", day(1, 1, 2022), day(1, 1, 2023)),
        ("What did we eat yesterday?", day(11, 17), day(11, 18)),
        ("What did we eat today?", day(11, 18), day(11, 19)),
        ("two days ago", day(11, 16), day(11, 17)),
        ("three weeks ago", day(10, 26), day(11, 2)),
        ("a month ago", day(10, 1), day(11, 1)),
        ("last week", day(11, 9), day(11, 16)),
        ("this week", day(11, 16), day(11, 23)),
        ("last Friday", day(11, 13), day(11, 14)),
        ("last Wednesday", day(11, 11), day(11, 12)),
        ("last month", day(10, 1), day(11, 1)),
        ("last year", day(1, 1, 2025), day(1, 1)),
        ("in the past 3 days", day(11, 15), day(11, 19)),
    ],
)
def test_a_time_is_understood_from_now(text: str, since: datetime, until: datetime) -> None:
    """Dates, months, days of the week and spans, as people write them."""
    assert period_in(text, NOW) == (since, until)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("What did Ada do on 7 May 2023?", "What did Ada do on ?"),
        ("Who came LAST WEEK to the Straße?", "who came to the strasse?"),
        ("yesterday", ""),
        ("What may I do?", "What may I do?"),
    ],
)
def test_the_words_for_a_time_can_be_left_out(text: str, left: str) -> None:
    """The rest is what is looked for."""
    assert " ".join(without(text, NOW).split()) == left


@pytest.mark.parametrize("text", ["What may I do?", "Does May like tea?", "the 5 mayors", "", "in a year"])
def test_what_is_no_time_is_left_alone(text: str) -> None:
    """`may` is a verb and a name too."""
    assert period_in(text, NOW) is None


@given(st.text(alphabet="0123456789 lastmonthyeardgo-", max_size=40), st.datetimes(timezones=st.just(UTC)))
def test_any_text_gives_a_period_or_none(text: str, now: datetime) -> None:
    """Nothing that is asked raises, at any time of history; a period does not end before it begins."""
    period = period_in(text, now)
    assert period is None or period[0] < period[1]


@pytest.mark.parametrize("now", [datetime.min, datetime.max])
@pytest.mark.parametrize(
    "text", ["yesterday", "last week", "today", "in the last 9 years", "999 years ago", "last Monday"]
)
def test_time_that_runs_out_is_no_period(text: str, now: datetime) -> None:
    """At the ends of the calendar a question is still answered."""
    period = period_in(text, now)
    assert period is None or period[0] < period[1]
