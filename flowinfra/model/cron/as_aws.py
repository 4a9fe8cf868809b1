"""Five fields of Unix, as `reset_at` of a trigger has them, in the six of AWS. Pure."""

from __future__ import annotations

from collections.abc import Collection

from flowinfra.model.cron.fields import DAY, HOUR, MINUTE, MONTH, Field, weekday
from flowinfra.model.cron.robfig import split

_SUNDAY_AFTER_ZERO = 1
"""AWS counts the days of the week from 1, Unix from 0; both begin with Sunday."""


def as_aws(expression: str) -> list[str]:
    """Expressions of AWS, without the `cron(…)` around them, that together fire when one of five fields does.

    AWS takes a day of the month or a day of the week. Unix takes both, and fires on each: that is two expressions.

    Raises:
        CronError: the expression cannot be read.
    """
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = split(expression)
    time = f"{_text(minutes, MINUTE)} {_text(hours, HOUR)}"
    month = _text(months, MONTH)
    of_month = f"{time} {_text(days, DAY)} {month} ? *"
    numbers = {number + _SUNDAY_AFTER_ZERO for number in weekdays}
    of_week = f"{time} ? {month} {_text(numbers, weekday(_SUNDAY_AFTER_ZERO))} *"
    if any_weekday:
        return [of_month]
    return [of_week] if any_day else [of_month, of_week]


def _text(values: Collection[int], field: Field) -> str:
    """Values of a field, those that follow each other as a range."""
    found: list[tuple[int, int]] = []
    for value in sorted(values):
        if found and found[-1][1] == value - 1:
            found[-1] = found[-1][0], value
        else:
            found.append((value, value))
    if found == [(field.low, field.high)]:
        return "*"
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
