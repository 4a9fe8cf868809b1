from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flowinfra.local.retry_strategy import Ended, RetryStrategy
from flowinfra.local.schedules import next_time

NOW = datetime(2026, 1, 30, 12, 0, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 0 * * ? *)", datetime(2026, 1, 31, tzinfo=timezone.utc)),
        ("cron(0/5 * * * ? *)", datetime(2026, 1, 30, 12, 5, tzinfo=timezone.utc)),
        ("cron(0 10 ? * MON *)", datetime(2026, 2, 2, 10, tzinfo=timezone.utc)),
        ("cron(0 0 L * ? *)", datetime(2026, 1, 31, tzinfo=timezone.utc)),
        ("rate(1 minute)", NOW + timedelta(minutes=1)),
        ("rate(2 days)", NOW + timedelta(days=2)),
    ],
)
def test_next_time(expression: str, expected: datetime) -> None:
    assert next_time(expression, NOW) == expected


def berlin(expression: str, after: str) -> str | None:
    found = next_time(expression, datetime.fromisoformat(after), "Europe/Berlin")
    return None if found is None else found.isoformat()


def test_a_timezone_and_its_daylight_saving() -> None:
    """In 2026 Berlin's clocks go from 2:00 to 3:00 on March 29, and from 3:00 back to 2:00 on October 25."""
    nightly = "cron(30 2 * * ? *)"
    assert berlin("cron(0 6 * * ? *)", "2026-01-30T12:00:00+00:00") == "2026-01-31T05:00:00+00:00"
    assert berlin("cron(0 6 * * ? *)", "2026-07-30T12:00:00+00:00") == "2026-07-31T04:00:00+00:00"
    # 2:30 of March 29 is not there: skipped
    assert berlin(nightly, "2026-03-27T12:00:00+00:00") == "2026-03-28T01:30:00+00:00"
    assert berlin(nightly, "2026-03-28T01:30:00+00:00") == "2026-03-30T00:30:00+00:00"
    # 2:30 of October 25 is there twice: the first counts
    assert berlin(nightly, "2026-10-24T12:00:00+00:00") == "2026-10-25T00:30:00+00:00"
    assert berlin(nightly, "2026-10-25T00:30:00+00:00") == "2026-10-26T01:30:00+00:00"
    assert berlin("cron(0/15 * * * ? *)", "2026-10-25T00:45:00+00:00") == "2026-10-25T02:00:00+00:00"
    # a rate knows no clock
    assert berlin("rate(1 day)", "2026-03-28T12:00:00+00:00") == "2026-03-29T12:00:00+00:00"


def test_one_time() -> None:
    assert berlin("at(2026-07-01T06:00:00)", "2026-01-30T12:00:00+00:00") == "2026-07-01T04:00:00+00:00"
    assert berlin("at(2026-07-01T06:00:00)", "2026-07-01T04:00:00+00:00") is None


def test_a_schedule_that_is_over() -> None:
    assert next_time("cron(0 0 1 1 ? 2020)", NOW) is None


def test_what_is_no_schedule() -> None:
    with pytest.raises(ValueError, match="neither"):
        next_time("at noon", NOW)


def test_without_rules_every_failure_is_retried() -> None:
    strategy = RetryStrategy.parse({"attempts": 3})
    assert strategy.attempts == 3
    assert strategy.retries(Ended(1, "any"))
    assert RetryStrategy.parse({}).attempts == 1


def test_the_first_rule_that_fits_decides() -> None:
    strategy = RetryStrategy.parse(
        {
            "attempts": 3,
            "evaluateOnExit": [
                {"onStatusReason": "Host EC2*", "action": "RETRY"},
                {"onExitCode": "137", "onStatusReason": "Essential*", "action": "exit"},
                {"onExitCode": "1*", "action": "EXIT"},
            ],
        }
    )
    assert strategy.retries(Ended(1, "Host EC2 (instance i-1) terminated"))
    assert not strategy.retries(Ended(137, "Essential container in task exited"))
    assert not strategy.retries(Ended(12, "Essential container in task exited"))
    assert strategy.retries(Ended(2, "Essential container in task exited"))
