"""`flowinfra run` and `flowinfra runs`: words of the command line, where executions are answered by a stand-in."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.cli import run as run_module
from flowinfra.cli import runs as runs_module
from flowinfra.operate.runs import reach as reach_module
from flowinfra.operate.runs.account import Run
from flowinfra.operate.runs.advice import Where
from flowinfra.operate.runs.history import Failure
from flowinfra.operate.runs.reach import Reached
from flowinfra.operate.runs.stack import DeployedFlow

ARN = "arn:aws:states:eu-west-1:1:stateMachine:TrainFlow"
EXECUTION = "arn:aws:states:eu-west-1:1:execution:TrainFlow:abc"
FLOW = DeployedFlow(
    "train",
    "TrainFlow",
    "TrainFlow",
    "step-functions",
    {"parameters": {"alpha": {"type": "float"}, "json": {"type": "str"}}},
    {"arn": ARN, "trigger": "python train.py step-functions trigger"},
)
BEGUN = datetime(2026, 1, 31, 6, tzinfo=timezone.utc)
FAILED = Run(
    "sfn-abc",
    EXECUTION,
    "FAILED",
    BEGUN,
    BEGUN.replace(hour=7, second=5),
    Failure("fit", "OutOfMemoryError", "job", 137, log_stream="s/1"),
)
RUNNING = Run("sfn-def", EXECUTION, "RUNNING", BEGUN, None, None)


class Answers:
    """In place of `Executions`."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs
        self.inputs: list[Any] = []

    def start(self, values: Any) -> str:
        self.inputs.append(values)
        return EXECUTION

    def last(self, count: int) -> list[Run]:
        return self.runs[:count]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers = Answers([RUNNING, FAILED])

    def reached(stack: str, wanted: str, _start: Any) -> Any:
        assert (stack, wanted) == ("prod", "TrainFlow")
        where = Where("eu-west-1", None, embedded=False)
        return Reached(stack, FLOW, answers, where, lambda: None)  # type: ignore[arg-type]

    for module in (run_module, runs_module):
        monkeypatch.setattr(module, "reach", reached)
    return answers


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["--alpha", "-0.5"], {"alpha": -0.5}),
        (["--alpha=1", "--", "--json", "x"], {"alpha": 1.0, "json": "x"}),
        ([], {}),
    ],
)
def test_words_that_are_no_options_are_parameters(answers: Answers, words: list[str], given: dict[str, Any]) -> None:
    result = CliRunner().invoke(main, ["run", "TrainFlow", "-s", "prod", "--no-follow", *words])
    assert (result.exit_code, result.output) == (0, "sfn-abc\n")
    assert answers.inputs == [given]


def test_a_start_for_programs(answers: Answers) -> None:
    result = CliRunner().invoke(main, ["run", "TrainFlow", "-s", "prod", "--no-follow", "--json"])
    assert json.loads(result.output) == {
        "flow": "TrainFlow",
        "run_id": "sfn-abc",
        "arn": EXECUTION,
        "status": "RUNNING",
    }


def test_nothing_starts_with_a_parameter_that_the_flow_has_not(answers: Answers) -> None:
    result = CliRunner().invoke(main, ["run", "TrainFlow", "-s", "prod", "--alpah", "1"])
    assert (result.exit_code, answers.inputs) == (1, [])
    assert "did you mean --alpha?" in result.output


def test_runs_in_a_pipe_are_a_line_each_with_what_to_do_about_the_last_failure(answers: Answers) -> None:
    result = CliRunner().invoke(main, ["runs", "TrainFlow", "-s", "prod"])
    assert result.exit_code == 0
    running, failed = (line.split() for line in result.stdout.splitlines()[1:])
    assert running == ["sfn-def", "RUNNING", "2026-01-31", "06:00:00"]
    assert failed == ["sfn-abc", "FAILED", "2026-01-31", "06:00:00", "1:00:05", "fit", "OutOfMemoryError"]
    assert "sfn-abc FAILED, step fit: OutOfMemoryError, exit code 137" in result.stderr
    assert "logs    aws logs get-log-events --log-group-name /aws/batch/job --log-stream-name s/1" in result.stderr
    assert "resume  python train.py resume --origin-run-id sfn-abc" in result.stderr


def test_a_flow_without_runs_says_how_to_start_one(answers: Answers) -> None:
    answers.runs = []
    result = CliRunner().invoke(main, ["runs", "TrainFlow", "-s", "prod"])
    assert result.output == (
        "TrainFlow has no run (Step Functions forgets executions 90 days after their end). One is started by: "
        "flowinfra run TrainFlow -s prod\n"
    )
    assert CliRunner().invoke(main, ["runs", "TrainFlow", "-s", "prod", "--json"]).output == "[]\n"


def test_a_flow_on_airflow_is_started_by_airflows_own_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    monkeypatch.chdir(tmp_path)
    component = {
        "urn": "urn:pulumi:prod::shop::flowinfra:airflow:AirflowFlow::train",
        "type": "flowinfra:airflow:AirflowFlow",
        "inputs": {"flow": "TrainFlow", "name": "train-flow", "target": "airflow"},
        "outputs": {"trigger": "the command that starts it"},
    }
    state = json.dumps({"version": 3, "deployment": {"resources": [component]}}).encode()
    monkeypatch.setattr(reach_module, "export_state", lambda *_: state)
    for command in ("run", "runs"):
        result = CliRunner().invoke(main, [command, "TrainFlow", "-s", "prod"])
        assert result.exit_code == 1
        assert "train-flow is deployed to Airflow" in result.output
        assert "A run is started by: the command that starts it" in result.output
        assert "airflow dags list-runs train-flow" in result.output
