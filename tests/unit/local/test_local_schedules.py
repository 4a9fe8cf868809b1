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
