"""Cron expressions of robfig/cron v3, which Argo's CronWorkflows and the `reset_at` of Argo Events are parsed by.

`parse` follows `ParseStandard` of https://github.com/robfig/cron/blob/v3.0.1/parser.go line by line: what looks odd
here (`*-5` is `*`, empty members of a list are left out) is odd there. `tests/unit/test_cron.py` compares both.
"""

from __future__ import annotations

import re
from datetime import date

from flowinfra.model.cron.calendar import CronError, Fires, count, per_day
from flowinfra.model.cron.fields import DAY, HOUR, MINUTE, MONTH, Field, weekday

_WHO = "Argo"
_FIELDS = (MINUTE, HOUR, DAY, MONTH, weekday(0))
_NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_LARGEST = 2**63 - 1
"""Largest value of Go's `int`."""
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
"""What Go's `time.ParseDuration` takes."""
_PART = re.compile(r"([0-9.]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SECONDS_A_DAY = 86_400


def parse(expression: str) -> Fires:
    """How often robfig/cron fires. A timezone in the expression (`CRON_TZ=`) is refused: CronWorkflows have a field."""
    if expression.startswith(("TZ=", "CRON_TZ=")):
        raise CronError("it names a timezone; give it as `timezone` of the schedule")
    if expression.startswith(_EVERY):
        return _every(expression[len(_EVERY) :])
    if expression.startswith("@"):
        if expression not in _NAMES:
            raise CronError(
                f"{expression!r} is not a name that Argo has; it has {', '.join(_NAMES)}, and `@every 1h30m`"
            )
        expression = _NAMES[expression]
    return _fields(expression)


def parse_fields(expression: str) -> Fires:
    """Parse as `parse` does, without the names that begin with `@`: the parser that Argo Events has for `reset_at`."""
    if expression.startswith("@"):
        raise CronError(f"{expression!r} is a name; Argo Events takes five fields")
    return parse(expression)


def split(expression: str) -> list[tuple[set[int], bool]]:
    """The values of each of five fields, and whether they are all (`starBit`)."""
    words = expression.split()
    if len(words) != len(_FIELDS):
        raise CronError(
            f"it has {len(words)} field{'' if len(words) == 1 else 's'}; Argo takes five (minute, hour, day of the "
            "month, month, day of the week)"
        )
    return [_values(word, field) for word, field in zip(words, _FIELDS, strict=True)]


def _fields(expression: str) -> Fires:
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = split(expression)

    def fires(day: date) -> bool:
        fits = (day.day in days, day.isoweekday() % 7 in weekdays)
        return all(fits) if any_day or any_weekday else any(fits)

    return count(minutes, hours, months, fires)


def _values(word: str, field: Field) -> tuple[set[int], bool]:
    """The values that a field stands for, and whether it stands for all of them (`starBit`)."""
    found, everything = set(), False
    for part in filter(None, word.split(",")):
        values, star = _range(part, field)
        found |= values
        everything = everything or star
    return found, everything


def _range(part: str, field: Field) -> tuple[set[int], bool]:
    span, *steps = part.split("/")
    first, *others = span.split("-")
    star = first in ("*", "?")
    if star:
        start, end = field.low, field.high
    else:
        start = end = _value(first, field)
        if len(others) > 1:
            raise CronError(f"the {field.name} {part!r} has more than one `-`")
        if others:
            end = _value(others[0], field)
    step = 1
    if len(steps) > 1:
        raise CronError(f"the {field.name} {part!r} has more than one `/`")
    if steps:
        step = _integer(steps[0], field)
        if not others:
            end = field.high
        star = star and step <= 1
    for number in (start, end):
        field.within(number, _WHO)
    if start > end:
        raise CronError(f"the {field.name} {part!r} goes backwards; Argo takes the smaller number first")
    if step == 0:
        raise CronError(f"the {field.name} {part!r} has the step 0; Argo takes a number from 1 on")
    return set(range(start, end + 1, step)), star


def _value(text: str, field: Field) -> int:
    named = field.named(text)
    return _integer(text, field) if named is None else named


def _integer(text: str, field: Field) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text) or not 0 <= int(text) <= _LARGEST:
        raise field.not_a_number(text, _WHO)
    return int(text)


def _every(duration: str) -> Fires:
    """`@every 1h30m`. Less than a second, and what is negative, is a second to robfig/cron."""
    if not _DURATION.fullmatch(duration):
        raise CronError(f"{duration!r} is not a duration; Argo takes one of Go's, such as 90s or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))
    return per_day(_SECONDS_A_DAY / max(1, int(-seconds if duration.startswith("-") else seconds)))
