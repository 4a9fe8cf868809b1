"""How often a cron expression of AWS, Argo or Airflow fires: counted over four years, to compare two schedules.

The language is EventBridge's: minutes, hours, day of month, month, day of week, year; `*`, `?`, lists, ranges, steps,
names of months and days, `L`, `W` and `#`. The year field is left out of the count: it says when, not how often.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache, lru_cache

_MONTHS = dict(
    zip(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), range(1, 13), strict=True)
)
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_FIRST, _END = date(2024, 1, 1), date(2028, 1, 1)
"""Four years with a leap day: the calendar's shape repeats closely enough."""


_ZONE = re.compile(r"[A-Z][A-Za-z]+(/[A-Za-z_+-]+[0-9]*)+|UTC|GMT")
"""A timezone by its IANA name."""
_PRESETS = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@QUARTERLY": "0 0 1 */3 *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}
"""Names that Argo and Airflow have for expressions; `@quarterly` is Airflow's alone."""


@lru_cache(maxsize=4096)
def runs_per_day(expression: str) -> float | None:
    """Average number of runs a day; None where the expression is not one that we read."""
    try:
        fields = _fields(expression)
        minutes, hours = _numbers(fields[0], 0, 59), _numbers(fields[1], 0, 23)
        months = _numbers(fields[3], 1, 12, _MONTHS)
        fires = _day_rule(fields[2], fields[4])
    except ValueError:
        return None
    days = sum(day.month in months and fires(day) for day in _calendar())
    return days * len(minutes) * len(hours) / len(_calendar())


def _fields(expression: str) -> list[str]:
    """The six fields of AWS's cron. Argo and Airflow have five, and days of the week from 0. A timezone is left out.

    Raises ValueError where it is neither, or where the two languages do not mean the same.
    """
    words = expression.split()
    fields = (
        [word.upper() for word in words[:-1]] if words and _ZONE.fullmatch(words[-1]) else expression.upper().split()
    )
    if len(fields) == 1:
        fields = _PRESETS.get(fields[0], "").split()
    if len(fields) == 6:
        return fields
    if len(fields) != 5:
        raise ValueError(expression)
    minutes, hours, day, month, weekday = fields
    every = ("*", "?")
    if day not in every and weekday not in every:
        raise ValueError(expression)  # either day fires there
    if weekday in every:
        return [minutes, hours, "*" if day == "?" else day, month, "?", "*"]
    if "/" in weekday or "#" in weekday:
        raise ValueError(expression)
    shifted = re.sub(r"\d+", lambda found: str(int(found.group()) % 7 + 1), weekday)
    return [minutes, hours, "?", month, shifted, "*"]


def frequency(expression: str) -> str | None:
    """`runs_per_day` in words: `24 times a day`, `about 2.1 times a month`."""
    rate = runs_per_day(expression)
    if rate is None:
        return None
    if rate == 0:
        return "never"
    for period, days in (("day", 1.0), ("week", 7.0), ("month", 365.25 / 12), ("year", 365.25)):
        times = rate * days
        if times > 1 - _EXACT or period == "year":
            return _times(times, period)
    raise AssertionError("unreachable: a year ends the loop")


_EXACT = 0.005
"""Part by which a number may be off the whole one that it is told as: four years are not a number of weeks."""


@cache
def _calendar() -> tuple[date, ...]:
    return tuple(_FIRST + timedelta(days=number) for number in range((_END - _FIRST).days))


def _times(times: float, period: str) -> str:
    near = round(times)
    if near and abs(times - near) < _EXACT * near:
        return f"once a {period}" if near == 1 else f"{near:,} times a {period}"
    return f"about {times:.1f} times a {period}"


def _day_rule(of_month: str, of_week: str) -> Callable[[date], bool]:
    """Whether a day fits; one of both fields is `?`, or `*` where the other one rules."""
    if of_week in "?*":
        return _month_rule(of_month)
    if of_month in "?*":
        return _week_rule(of_week)
    raise ValueError("day of month and day of week exclude each other")


def _month_rule(field: str) -> Callable[[date], bool]:
    if field in "?*":
        return lambda day: True
    if field == "L":
        return lambda day: day.day == _last(day)
    if field == "LW":
        return lambda day: day.day == _nearest_weekday(day, _last(day))
    if match := re.fullmatch(r"(\d+)W", field):
        wanted = int(match[1])
        return lambda day: wanted <= _last(day) and day.day == _nearest_weekday(day, wanted)
    days = _numbers(field, 1, 31)
    return lambda day: day.day in days


def _week_rule(field: str) -> Callable[[date], bool]:
    if field == "L":
        return lambda day: _weekday(day) == 7
    if match := re.fullmatch(r"(\w+)#([1-5])", field):
        wanted, nth = _number(match[1], 1, 7, _DAYS), int(match[2])
        return lambda day: _weekday(day) == wanted and (day.day - 1) // 7 + 1 == nth
    if match := re.fullmatch(r"(\w+)L", field):
        wanted = _number(match[1], 1, 7, _DAYS)
        return lambda day: _weekday(day) == wanted and day.day > _last(day) - 7
    days = _numbers(field, 1, 7, _DAYS)
    return lambda day: _weekday(day) in days


def _numbers(field: str, low: int, high: int, words: dict[str, int] | None = None) -> set[int]:
    """The values that a field stands for; raises ValueError for what is none."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        start, dash, end = span.partition("-")
        if span in ("*", "?"):
            first, last = low, high
        else:
            first = _number(start, low, high, words)
            last = _number(end, low, high, words) if dash else (high if slash else first)
        every = int(step) if slash else 1
        if every < 1:
            raise ValueError("a step is at least 1")
        # `FRI-MON` goes on at the week's beginning
        found |= (
            set(range(first, last + 1, every)) if first <= last else {*range(first, high + 1), *range(low, last + 1)}
        )
    return found


def _number(text: str, low: int, high: int, words: dict[str, int] | None) -> int:
    value = (words or {}).get(text)
    number = int(text) if value is None else value
    if not low <= number <= high:
        raise ValueError(f"{number} is out of range")
    return number


def _weekday(day: date) -> int:
    """1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1


def _last(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, wanted: int) -> int:
    """The working day nearest to day `wanted` of the month, in the same month."""
    weekday = day.replace(day=wanted).isoweekday()
    if weekday == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 7:
        return wanted + 1 if wanted < _last(day) else wanted - 2
    return wanted
