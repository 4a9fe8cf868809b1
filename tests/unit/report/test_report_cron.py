from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flowinfra.report.cron import frequency, runs_per_day


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 0 * * ? *", "once a day"),
        ("0 * * * ? *", "24 times a day"),
        ("0/5 * * * ? *", "288 times a day"),
        ("* * * * ? *", "1,440 times a day"),
        ("0 8-18 ? * MON-FRI *", "about 7.9 times a day"),
        ("0 0 ? * SUN *", "once a week"),
        ("0 0 ? * MON,WED,FRI *", "3 times a week"),
        ("0 0 1 * ? *", "once a month"),
        ("0 0 L * ? *", "once a month"),
        ("0 0 15W * ? *", "once a month"),
        ("0 0 LW * ? *", "once a month"),
        ("0 0 ? * 6L *", "once a month"),
        ("0 0 ? * 2#1 *", "once a month"),
        ("0 0 1,15 * ? *", "2 times a month"),
        ("0 0 1 1 ? *", "once a year"),
        ("0 0 1 JAN,JUL ? 2030", "2 times a year"),
        ("0 0 29 2 ? *", "about 0.2 times a year"),
        ("0 0 30 2 ? *", "never"),
        ("0 0 ? * FRI-MON *", "4 times a week"),
    ],
)
def test_frequency(expression: str, words: str) -> None:
    assert frequency(expression) == words


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(5 minutes)",
        "[known after up]",
        "0 0 1 * 2 *",
        "60 0 * * ? *",
        "0 24 * * ? *",
        "0/0 0 * * ? *",
        "1-- 0 * * ? *",
        "x 0 * * ? *",
        "0 0 32 * ? *",
        "0 0 * 13 ? *",
        "0 0 ? * 8 *",
        "0 0 ? * XYZ *",
        "0 0 ? * 2#6 *",
    ],
)
def test_not_a_cron_expression(expression: str) -> None:
    assert runs_per_day(expression) is None
    assert frequency(expression) is None


@pytest.mark.parametrize(
    "expression",
    [
        "15 3 * * ? *",
        "0 8-18/2 ? * MON-FRI *",
        "0 12 3W * ? *",
        "0 0 ? * 3#2 *",
        "0 0 ? * 5L *",
        "5,35 14 1-7 3,6 ? *",
    ],
)
def test_as_another_implementation_counts(expression: str) -> None:
    croniter = pytest.importorskip("aws_croniter")
    first, end = datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2027, 12, 31, 23, 59, tzinfo=timezone.utc)
    dates = croniter.AwsCroniter(expression).get_all_schedule_bw_dates(first, end)
    assert runs_per_day(expression) == pytest.approx(len(dates) / 1461)
