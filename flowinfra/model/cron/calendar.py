"""How often something fires: counted on a calendar, and in words."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

_FIRST, _END = date(2024, 1, 1), date(2028, 1, 1)
"""Four years with a leap day. A longer count would change no number that is shown."""
_EXACT = 0.005
"""A count this close to a whole number is shown as the whole number: four years are not a whole number of weeks."""


class CronError(ValueError):
    """A target's parser refuses the expression. The message says why."""


@dataclass(frozen=True)
class Fires:
    """How often a schedule fires."""

    per_day: float
    """Average number of runs a day."""
    words: str
    """How often the schedule fires, in words: `24 times a day`, `about 2.1 times a month`."""


def count(
    minutes: Collection[int], hours: Collection[int], months: Collection[int], day: Callable[[date], bool]
) -> Fires:
    """How often a schedule of these minutes, hours and months fires, on the days for which `day` is true."""
    days = sum(each.month in months and day(each) for each in _calendar())
    return per_day(days * len(minutes) * len(hours) / len(_calendar()))


def per_day(rate: float) -> Fires:
    """`rate`: average number of runs a day."""
    return Fires(rate, _words(rate))


def _words(rate: float) -> str:
    if rate == 0:
        return "never"
    for period, days in (("day", 1.0), ("week", 7.0), ("month", 365.25 / 12), ("year", 365.25)):
        times = rate * days
        if times > 1 - _EXACT or period == "year":
            return _times(times, period)
    raise AssertionError("unreachable: a year ends the loop")


def _times(times: float, period: str) -> str:
    near = round(times)
    if near and abs(times - near) < _EXACT * near:
        return f"once a {period}" if near == 1 else f"{near:,} times a {period}"
    return f"about {times:.1f} times a {period}"


@cache
def _calendar() -> tuple[date, ...]:
    return tuple(_FIRST + timedelta(days=number) for number in range((_END - _FIRST).days))


def last_day(day: date) -> int:
    """Number of the last day of the month that `day` is in."""
    return monthrange(day.year, day.month)[1]


def nearest_weekday(day: date, wanted: int) -> int:
    """The working day nearest to day `wanted` of the month that `day` is in, without leaving the month."""
    weekday = day.replace(day=wanted).isoweekday()
    if weekday == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 7:
        return wanted + 1 if wanted < last_day(day) else wanted - 2
    return wanted
