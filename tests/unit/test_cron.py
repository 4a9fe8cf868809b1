"""Crons of schedules: what each target's own parser takes, and how often it fires."""

from __future__ import annotations

import random
from datetime import datetime, timezone

import pytest
from aws_croniter import AwsCroniter
from croniter import croniter

from flowinfra.model.cron import CronError, fires, robfig
from flowinfra.model.cron.as_aws import as_aws
from flowinfra.targets import TARGETS
from tests.judge import cron_problems, prepared


@pytest.mark.parametrize(
    ("target", "expression", "words"),
    [
        ("aws", "0 0 * * ? *", "once a day"),
        ("aws", "0 * * * ? *", "24 times a day"),
        ("aws", "0/5 * * * ? *", "288 times a day"),
        ("aws", "* * * * ? *", "1,440 times a day"),
        ("aws", "0 8-18 ? * MON-FRI *", "about 7.9 times a day"),
        ("aws", "0 0 ? * SUN *", "once a week"),
        ("aws", "0 0 ? * MON,WED,FRI *", "3 times a week"),
        ("aws", "0 0 1 * ? *", "once a month"),
        ("aws", "0 0 L * ? *", "once a month"),
        ("aws", "0 0 L-3 * ? *", "once a month"),
        ("aws", "0 0 15W * ? *", "once a month"),
        ("aws", "0 0 LW * ? *", "once a month"),
        ("aws", "0 0 ? * 6L *", "once a month"),
        ("aws", "0 0 ? * 2#1 *", "once a month"),
        ("aws", "0 0 1,15 * ? *", "2 times a month"),
        ("aws", "0 0 1 1 ? *", "once a year"),
        ("aws", "0 0 1 JAN,JUL ? 2030", "2 times a year"),
        ("aws", "0 0 29 2 ? *", "about 0.2 times a year"),
        ("aws", "0 0 ? * FRI-MON *", "4 times a week"),
        ("robfig", "0 6 * * ?", "once a day"),
        ("robfig", "0 6 * * *", "once a day"),
        ("robfig", "0 6 * * 1-5", "5 times a week"),
        ("robfig", "0 6 ? * SUN", "once a week"),
        ("robfig", "0 6 * * 0", "once a week"),
        ("robfig", "0 6 1 * 0", "about 1.2 times a week"),
        ("robfig", "0 6 */2 * 0", "about 4.1 times a week"),
        ("robfig", "@every 5s", "17,280 times a day"),
        ("robfig", "@every 1h30m", "16 times a day"),
        ("robfig", "@hourly", "24 times a day"),
        ("robfig", "@weekly", "once a week"),
        ("robfig", "@annually", "once a year"),
        ("robfig-fields", "0 6 * * 1-5", "5 times a week"),
        ("airflow", "0 6 1 * 0", "about 1.2 times a week"),
        ("airflow", "0 8 L * *", "once a month"),
        ("airflow", "0 8 * * 5#2", "once a month"),
        ("airflow", "0 8 * * L5", "once a month"),
        ("airflow", "0 8 * * 7", "once a week"),
        ("airflow", "0 22-2 * * *", "5 times a day"),
        ("airflow", "@quarterly", "4 times a year"),
        ("airflow", "@midnight", "once a day"),
        ("airflow", "@once", "once"),
    ],
)
def test_how_often(target: str, expression: str, words: str) -> None:
    assert fires(target, expression).words == words


@pytest.mark.parametrize(
    ("target", "expression", "said"),
    [
        ("aws", "", "it has 0 fields; AWS takes six"),
        ("aws", "rate(5 minutes)", "it has 2 fields; AWS takes six"),
        ("aws", "0 8 * * *", "it has 5 fields; AWS takes six"),
        ("aws", "0 0 1 * 2 *", "AWS takes `\\?` for exactly one"),
        ("aws", "0 0 ? * ? *", "AWS takes `\\?` for exactly one"),
        ("aws", "60 0 * * ? *", "the minute 60; AWS takes 0 to 59"),
        ("aws", "0 24 * * ? *", "the hour 24; AWS takes 0 to 23"),
        ("aws", "0/0 0 * * ? *", "the step '0'"),
        ("aws", "1-- 0 * * ? *", "the minute '-' is not a number"),
        ("aws", "x 0 * * ? *", "the minute 'X' is not a number"),
        ("aws", "0 0 32 * ? *", "the day of the month 32"),
        ("aws", "0 0 * 13 ? *", "the month 13"),
        ("aws", "0 0 ? * 8 *", "the day of the week 8; AWS takes 1 to 7"),
        ("aws", "0 0 ? * 0 *", "the day of the week 0; AWS takes 1 to 7"),
        ("aws", "0 0 ? * XYZ *", "'XYZ' is not a number; AWS takes 1 to 7, or SUN to SAT"),
        ("aws", "0 0 ? * 2#6 *", "the week of the month 6"),
        ("aws", "0 0 * * ? 1969", "the year 1969; AWS takes 1970 to 2199"),
        ("aws", "0 0 30 2 ? *", "it never fires"),
        ("robfig", "daily", "it has 1 field; Argo takes five"),
        ("robfig", "0 8 L * *", "the day of the month 'L' is not a number; Argo takes 1 to 31"),
        ("robfig", "0 8 15W * *", "the day of the month '15W' is not a number"),
        ("robfig", "0 8 * * MON#2", "the day of the week 'MON#2' is not a number"),
        ("robfig", "0 8 31-1 * *", "the day of the month '31-1' goes backwards"),
        ("robfig", "0 8 * * 7", "the day of the week 7; Argo takes 0 to 6"),
        ("robfig", "0 8 * * FRI-MON", "'FRI-MON' goes backwards"),
        ("robfig", "0 8 1-2-3 * *", "more than one `-`"),
        ("robfig", "0/5/5 8 * * *", "more than one `/`"),
        ("robfig", "*/0 8 * * *", "the step 0"),
        ("robfig", "0 8 30 2 *", "it never fires"),
        ("robfig", "@reboot", "'@reboot' is not a name that Argo has; it has @yearly"),
        ("robfig", "@every 1d", "'1d' is not a duration; Argo takes one of Go's, such as 90s"),
        ("robfig", "CRON_TZ=Asia/Tokyo 0 8 * * *", "it names a timezone; give it as `timezone`"),
        ("robfig-fields", "@daily", "'@daily' is a name; Argo Events takes five fields"),
        ("airflow", "@every 1h", "'@every 1h' is not a preset that Metaflow's DAGs can have"),
        ("airflow", "@reboot", "'@reboot' is not a preset"),
        ("airflow", "@continuous", "'@continuous' is not a preset"),
        ("airflow", "a b c d e", r"croniter, says: \[a b c d e\] is not acceptable"),
        ("airflow", "0 24 * * *", "out of range"),
        ("airflow", "H 8 * * *", "hash_id"),
        ("airflow", "0 8 15W * *", "it has a `W`"),
        ("airflow", "0 3 * * ? *", "it has 6 fields; Airflow takes five"),
        ("airflow", "0 8 31 4 *", "it never fires"),
    ],
)
def test_refused(target: str, expression: str, said: str) -> None:
    with pytest.raises(CronError, match=said):
        fires(target, expression)


@pytest.mark.parametrize(
    "expression",
    ["15 3 * * ? *", "0 8-18/2 ? * MON-FRI *", "0 12 3W * ? *", "0 0 ? * 3#2 *", "0 0 ? * 5L *", "5,35 14 1-7 3,6 ? *"],
)
def test_as_another_implementation_of_aws_counts(expression: str) -> None:
    first, end = datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2027, 12, 31, 23, 59, tzinfo=timezone.utc)
    dates = AwsCroniter(expression).get_all_schedule_bw_dates(first, end)
    assert fires("aws", expression).per_day == pytest.approx(len(dates) / 1461)


@pytest.mark.parametrize(
    "expression", ["15 3 * * *", "0 12 1,L * *", "0 0 13 * 5", "0 0 * * 5#2,1#1", "0 0 * * L3", "0 6 */10 2-4 6-1"]
)
def test_as_airflows_parser_counts(expression: str) -> None:
    times = croniter(expression, datetime(2023, 12, 31, 23, 59), max_years_between_matches=5)
    end, found = datetime(2028, 1, 1), 0
    while times.get_next(datetime) < end:
        found += 1
    assert fires("airflow", expression).per_day == pytest.approx(found / 1461)


@pytest.mark.parametrize(
    ("target", "cron", "said"),
    [
        ("argo", "0 8 ? * MON *", None),
        ("argo", "0 8 1 1 ? 2030", "it has the year 2030; Argo has no years"),
        ("argo", "0 8 L * ? *", "the day of the month 'L'"),
        ("argo", "CRON_TZ=Asia/Tokyo 0 8 * * *", "it names a timezone"),
        ("argo", "0 8 * * ? * *", "it has 7 fields"),
        ("step-functions", "0 8 ? * 7 *", None),
        ("airflow", "0 8 * * 7", None),
    ],
)
def test_cron_of_a_schedule(target: str, cron: str, said: str | None) -> None:
    problem = TARGETS[target].cron_problem(cron)
    assert problem is None if said is None else problem and problem.startswith(repr(cron)[:-1]) and said in problem


PARTS = (
    *(
        "*",
        "?",
        "0",
        "1",
        "5",
        "12",
        "23",
        "31",
        "59",
        "60",
        "7",
        "6",
        "MON",
        "sun",
        "jan",
        "DEC",
        "L",
        "15W",
        "-1",
        "+3",
    ),
    *(
        "03",
        "*/2",
        "*/1",
        "?/3",
        "1-5",
        "5-1",
        "*-3",
        "mon-fri",
        "FRI-MON",
        "1-5/2",
        "2/7",
        "*/0",
        "1-",
        "-",
        "/",
        "1//2",
    ),
    *("1-2-3", "", "a", "2#1", "99999999999999999999", "1.5", "*/*"),
)
NAMES = (
    *("@daily", "@hourly", "@midnight", "@yearly", "@annually", "@monthly", "@weekly", "@reboot", "@DAILY", "@every"),
    *("@every 1h", "@every 1h30m", "@every 500ms", "@every 1.5h", "@every 1", "@every 0", "@every -1h", "@every +5m"),
    *("@every 1d", "@every .5h", "@every 5.h", "@every .h", "@every 1h 30m", "@every  1h", "@every "),
)


def test_argo_itself_takes_the_same() -> None:
    draw = random.Random(20)

    def field() -> str:
        usual = draw.random() < 0.8
        return ",".join(draw.choice(PARTS[:6] if usual else PARTS) for _ in range(draw.choice([1, 1, 1, 2])))

    crons = [*NAMES, *(" ".join(field() for _ in range(draw.choice([5, 5, 5, 5, 4, 6]))) for _ in range(4000))]
    for version in prepared():
        refused = {cron for cron, said in zip(crons, cron_problems(version, crons), strict=True) if said}
        assert {cron for cron in crons if _refused(cron)} == refused
        assert 500 < len(refused) < len(crons) - 500


def _refused(cron: str) -> bool:
    try:
        robfig.parse(cron)
    except CronError:
        return True
    return False


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 8 * * *", ["0 8 * * ? *"]),
        ("*/20 0-23 ? * ?", ["0,20,40 * * * ? *"]),
        ("5 8 1,15 * *", ["5 8 1,15 * ? *"]),
        ("0 8 * jan-mar,9 0,6", ["0 8 ? 1-3,9 1,7 *"]),
        ("0 8 */10 * *", ["0 8 1,11,21,31 * ? *"]),
        ("0 8 13 * fri", ["0 8 13 * ? *", "0 8 ? * 6 *"]),
        ("0 8 1-31 * fri", ["0 8 * * ? *", "0 8 ? * 6 *"]),
    ],
)
def test_five_fields_in_the_six_of_aws(expression: str, expected: list[str]) -> None:
    assert as_aws(expression) == expected


def test_the_six_of_aws_fire_as_the_five_do() -> None:
    rng = random.Random(6)
    for _ in range(200):
        fields = ("5", "6,18", rng.choice(["*", "1", "*/7", "2-20/3"]), rng.choice(["*", "2-11"]), rng.choice("*06"))
        expression = " ".join(fields)
        found = as_aws(expression)
        rates = [fires("aws", each).per_day for each in found]
        if len(found) == 1:
            assert rates == [fires("robfig-fields", expression).per_day]
        else:
            # both fire on a day that both name
            assert max(rates) <= fires("robfig-fields", expression).per_day <= sum(rates)
