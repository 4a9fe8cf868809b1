"""Numbers of a cron that an orchestrator would refuse."""

from __future__ import annotations

import pytest

from flowinfra.compiler import request_airflow, request_argo, request_step_functions
from flowinfra.compiler.cron import number_problem


@pytest.mark.parametrize(
    "cron",
    [
        "0 3 * * *",
        "*/15 0-23/2 1,31 1-12 0-6",
        "0 0 L * FRI#2",
        "0 0 15W JAN-MAR ?",
        "0/10 * * * ? *",
        "@daily",
        "@every 2s",
    ],
)
def test_numbers_that_fit(cron: str) -> None:
    assert number_problem(cron, "Argo", (0, 6)) is None


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("60 3 * * *", "the minute 60; Argo takes 0 to 59"),
        ("0 1,24 * * *", "the hour 24; Argo takes 0 to 23"),
        ("0 3 0 * *", "the day of the month 0; Argo takes 1 to 31"),
        ("0 3 * 1-13/2 *", "the month 13; Argo takes 1 to 12"),
        ("0 3 ? * 7 *", "the day of the week 7; Argo takes 0 to 6"),
    ],
)
def test_numbers_that_do_not(cron: str, said: str) -> None:
    assert number_problem(cron, "Argo", (0, 6)) == f"{cron!r} has {said}"


def test_each_target_has_its_days_of_the_week() -> None:
    assert request_argo.cron_problem("0 3 * * 7") is not None
    assert request_airflow.cron_problem("0 3 * * 7") is None
    assert request_airflow.cron_problem("0 3 * * 8") is not None
    assert request_step_functions.cron_problem("0 3 ? * 7 *") is None
    assert request_step_functions.cron_problem("0 3 ? * 0 *") is not None
