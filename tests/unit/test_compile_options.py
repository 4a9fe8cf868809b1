"""`flowinfra compile` has an option for each of Argo's and Airflow's, and refuses what a stack's file refuses."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.cli.compile import command
from flowinfra.targets import TARGETS
from tests.unit.constructs import FLOWS

FLOW = str(FLOWS / "linear" / "flow.py")


@pytest.mark.parametrize("target", TARGETS)
def test_every_option_of_the_target_is_one_of_the_command(target: str) -> None:
    assert TARGETS[target].own - {parameter.name for parameter in command.params} == set()


def test_an_option_of_another_target() -> None:
    done = CliRunner().invoke(main, ["compile", FLOW, "-t", "airflow", "--heartbeat", "--worker-pool", "ml"])
    assert done.exit_code == 1
    assert "heartbeat is not an option of target airflow (but of argo); leave it out" in done.stderr


def test_options_of_airflow() -> None:
    done = CliRunner().invoke(main, ["compile", FLOW, "-t", "airflow", "--worker-pool", "ml", "--paused"])
    assert done.exit_code == 0, done.output
    shape = json.loads(done.stdout)["shape"]
    assert (shape["worker_pool"], shape["paused"]) == ("ml", True)


@pytest.mark.parametrize("option", ["--max-workers", "--workflow-timeout"])
def test_what_has_to_be_positive(option: str) -> None:
    done = CliRunner().invoke(main, ["compile", FLOW, "-t", "argo", option, "0"])
    assert done.exit_code == 2
    assert f"'{option}': 0 is not in the range x>=1" in done.output
