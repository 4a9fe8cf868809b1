"""Cron expressions of Amazon EventBridge: six fields, of which day of the month or day of the week is `?`.

Grammar: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html#eb-cron-expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from flowinfra.model.cron.calendar import CronError, Fires, count, last_day, nearest_weekday
from flowinfra.model.cron.fields import DAY, HOUR, MINUTE, MONTH, Field, weekday

_WHO = "AWS"
_WEEKDAY = weekday(1)
_YEAR = Field("year", 1970, 2199)
_NUMBER = re.compile(r"[0-9]{1,4}")


def parse(expression: str) -> Fires:
    """How often EventBridge fires. Years are checked, and not counted: they say when, not how often."""
    fields = expression.upper().split()
    if len(fields) != 6:
        raise CronError(
            f"it has {len(fields)} field{'' if len(fields) == 1 else 's'}; AWS takes six (minute, hour, day of the "
            "month, month, day of the week, year), as in '0 3 * * ? *'"
        )
    minute, hour, day, month, day_of_week, year = fields
    if (day == "?") == (day_of_week == "?"):
        raise CronError("of day of the month and day of the week, AWS takes `?` for exactly one")
    _numbers(year, _YEAR)
    rule = _weekday_rule(day_of_week) if day == "?" else _day_rule(day)
    return count(_numbers(minute, MINUTE), _numbers(hour, HOUR), _numbers(month, MONTH), rule)


def _day_rule(text: str) -> Callable[[date], bool]:
    if text == "L":
        return lambda day: day.day == last_day(day)
    if text == "LW":
        return lambda day: day.day == nearest_weekday(day, last_day(day))
    if match := re.fullmatch(r"L-([0-9]+)", text):
        before = Field("number of days before the last", 1, 30).within(int(match[1]), _WHO)
        return lambda day: day.day == last_day(day) - before
    if match := re.fullmatch(r"([0-9]+)W", text):
        wanted = DAY.within(int(match[1]), _WHO)
        return lambda day: wanted <= last_day(day) and day.day == nearest_weekday(day, wanted)
    days = _numbers(text, DAY)
    return lambda day: day.day in days


def _weekday_rule(text: str) -> Callable[[date], bool]:
    if text == "L":
        return lambda day: _number(day) == 7
    if match := re.fullmatch(r"(\w+)#([0-9]+)", text):
        wanted, nth = _value(match[1], _WEEKDAY), Field("week of the month", 1, 5).within(int(match[2]), _WHO)
        return lambda day: _number(day) == wanted and (day.day - 1) // 7 + 1 == nth
    if match := re.fullmatch(r"(\w+)L", text):
        wanted = _value(match[1], _WEEKDAY)
        return lambda day: _number(day) == wanted and day.day > last_day(day) - 7
    days = _numbers(text, _WEEKDAY)
    return lambda day: _number(day) in days


def _numbers(text: str, field: Field) -> set[int]:
    """The values that a field stands for. A range such as `FRI-MON` goes on at the beginning."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        start, dash, end = span.partition("-")
        if span == "*":
            first, last = field.low, field.high
        else:
            first = _value(start, field)
            last = _value(end, field) if dash else (field.high if slash else first)
        every = 1
        if slash:
            if not _NUMBER.fullmatch(step) or int(step) < 1:
                raise CronError(f"the {field.name} {part!r} has the step {step!r}; AWS takes a number from 1 on")
            every = int(step)
        values = (
            [*range(first, last + 1)] if first <= last else [*range(first, field.high + 1), *range(field.low, last + 1)]
        )
        found |= set(values[::every])
    return found


def _value(text: str, field: Field) -> int:
    named = field.named(text)
    if named is not None:
        return named
    if not _NUMBER.fullmatch(text):
        raise field.not_a_number(text, _WHO)
    return field.within(int(text), _WHO)


def _number(day: date) -> int:
    """1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1
