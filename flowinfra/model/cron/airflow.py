"""Cron expressions of Airflow: its presets, and five fields as croniter reads them.

Presets: https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/cron.html#cron-presets
"""

from __future__ import annotations

from datetime import date

from flowinfra.model.cron.calendar import CronError, Fires, count, last_day

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    # these are croniter's
    "@midnight": "0 0 * * *",
    "@annually": "0 0 1 1 *",
}
_LOW, _HIGH = (0, 0, 1, 1, 0), (59, 23, 31, 12, 6)


def parse(expression: str) -> Fires:
    """How often Airflow fires."""
    if expression == "@once":
        return Fires(1 / 365.25, "once")
    if expression.startswith("@") and expression not in _PRESETS:
        raise CronError(
            f"{expression!r} is not a preset that Metaflow's DAGs can have; they can have {', '.join(_PRESETS)}, @once"
        )
    expression = _PRESETS.get(expression, expression)
    fields = len(expression.split())
    if fields != 5:
        # croniter takes a sixth field for seconds, where AWS has the year: such a flow would run each second
        raise CronError(
            f"it has {fields} field{'' if fields == 1 else 's'}; Airflow takes five (minute, hour, day of the month, "
            "month, day of the week), AWS's six are for Step Functions"
        )
    return _count(expression)


def _count(expression: str) -> Fires:
    # takes longer to load than all of a request is worth, and few flows have a schedule of Airflow's
    from croniter import CroniterError, croniter

    try:
        fields, nth = croniter.expand(expression)
    except CroniterError as error:
        raise CronError(f"Airflow's parser, croniter, says: {error}") from error
    if "W" in expression.upper().split()[2]:
        raise CronError(
            "it has a `W`; croniter knows it since 6.2, and the Airflow releases that are in use have an older one"
        )
    minutes, hours, days, months, weekdays = (
        set(range(low, high + 1)) if field == ["*"] else {value for value in field if isinstance(value, int)}
        for field, low, high in zip(fields, _LOW, _HIGH, strict=True)
    )
    any_day, any_weekday = fields[2] == ["*"], fields[4] == ["*"]

    def fires(day: date) -> bool:
        weekday, week = day.isoweekday() % 7, (day.day - 1) // 7 + 1
        wanted = nth.get(weekday)
        last = day.day > last_day(day) - 7
        fits = (
            day.day in days or ("l" in fields[2] and day.day == last_day(day)),
            weekday in weekdays and (wanted is None or week in wanted or ("l" in wanted and last)),
        )
        return all(fits) if any_day or any_weekday else any(fits)

    return count(minutes, hours, months, fires)
