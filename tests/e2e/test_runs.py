"""A person's day with a deployed flow: started, followed, its runs listed, and a failed one explained."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowinfra.local.state import HOME_VARIABLE
from tests.e2e.support import PLATFORM, Cloud, Done, Project, command, unique

FLOW = "flows/daily/daily_flow.py"


@pytest.fixture(scope="module")
def bucket(cloud: Cloud) -> str:
    """A bucket of the stack's own."""
    name = unique("own-bucket-")
    cloud.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def project(make_project: Callable[[], Project], bucket: str) -> Project:
    """The flow, deployed with a default of the stack's."""
    project = make_project()
    project.flow("daily")
    project.configure({"flow": FLOW, "parameters": {"alpha": 0.02}}, platform={**PLATFORM, "bucket": bucket})
    project.up()
    return project


def test_a_local_run_takes_what_the_flow_takes_and_is_visible_from_the_stacks_own_bucket(
    cloud: Cloud, project: Project, tmp_path: Path
) -> None:
    refused = cloud.flowinfra("local", "run", "DailyFlow", "--alhpa", "0.5", "--fails", "maybe", cwd=tmp_path).failed()
    assert "- DailyFlow has no parameter --alhpa (did you mean --alpha?); it takes: " in refused
    assert "- parameter --fails is true or false, not 'maybe'" in refused
    assert "- DailyFlow needs --day, which has no default" in refused

    words = ("local", "run", "DailyFlow", "--day", "mon", "--tree", '{"a": [1]}')
    done = cloud.flowinfra(*words, cwd=tmp_path).succeeded()
    assert "not visible" not in done.output
    line = next(line for line in done.stdout.splitlines() if "python -c" in line).strip()
    run_id = re.search(r"sfn-[0-9a-f-]+", line)
    assert run_id is not None
    read = f"data = __import__('metaflow').Run('DailyFlow/{run_id[0]}').data; print(data.day, data.alpha, data.tree)"
    line = line.split("print(")[0] + read + '"'
    said = command(["sh", "-c", line], cloud.environment, tmp_path).succeeded().stdout
    assert said.splitlines()[-1] == "mon 0.02 {'a': [1]}"


def test_a_person_starts_a_run_with_the_stacks_defaults_and_follows_it(cloud: Cloud, project: Project) -> None:
    (project.folder / "words.bin").write_bytes(b"\xff!")
    done = person(cloud, project, "run", "DailyFlow", "-s", "test", "--day=tue", "--words", "words.bin").succeeded()
    lines = done.stdout.splitlines()
    assert lines[-1] == f"{lines[0]} SUCCEEDED"
    assert any(line.startswith("work: succeeded, 2/2 tasks") for line in lines), done.stdout
    described = cloud.sfn.describe_execution(executionArn=cloud.execution(lines[0]).arn)
    given = json.loads(json.loads(described["input"])["Parameters"])
    assert (given.keys(), given["day"]) == ({"day", "words"}, "tue")
    assert "words b'\\xff!'" in cloud.flowinfra("local", "logs", f"{lines[0]}/end").succeeded().stdout
    listed = person(cloud, project, "runs", "DailyFlow", "-s", "test").succeeded().stdout
    assert [line.split()[1] for line in listed.splitlines() if line.startswith(lines[0])] == ["SUCCEEDED"]


def test_a_failed_run_says_its_step_its_reason_and_what_to_do(cloud: Cloud, project: Project) -> None:
    """The flow keeps no log of its history (`log_history` is off)."""
    words = ("run", "DailyFlow", "-s", "test", "--json", "--day", "wed", "--fails", "true")
    done = person(cloud, project, *words)
    assert done.code == 3, done.output
    run = json.loads(done.stdout)
    assert (run["status"], run["failed_step"], run["exit_code"]) == ("FAILED", "work", 1)
    assert {step["name"]: step["state"] for step in run["steps"]}["start"] == "succeeded"
    assert run["logs"] == f"flowinfra local logs {run['run_id']}/work"
    assert "told to fail" in cloud.flowinfra(*run["logs"].split()[1:]).succeeded().stdout
    assert run["resume"] == f"flowinfra local exec -- python {FLOW} resume --origin-run-id {run['run_id']}"

    listed = json.loads(person(cloud, project, "runs", "DailyFlow", "-s", "test", "--json").succeeded().stdout)
    assert [each["failed_step"] for each in listed if each["run_id"] == run["run_id"]] == ["work"]
    told = person(cloud, project, "runs", f"DailyFlow/{run['run_id']}", "-s", "test")
    assert told.code == 3
    assert "work: failed" in told.stdout
    assert f"resume  {run['resume']}" in told.stderr


def test_ctrl_c_ends_the_following_and_not_the_run(cloud: Cloud, project: Project) -> None:
    gate = cloud.state.root / unique("gate")
    words = ["local", "exec", "--", "flowinfra", "run", "DailyFlow", "-s", "test", "--day", "thu", "--gate", str(gate)]
    script = [str(Path(sys.executable).parent / "flowinfra"), *words]
    with subprocess.Popen(
        script,
        env={**cloud.environment, HOME_VARIABLE: str(cloud.state.root)},
        cwd=project.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        assert process.stdout.readline().startswith("start: ")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert f"flowinfra runs DailyFlow/{run_id} -s test --follow" in said
    assert cloud.execution(run_id).status == "RUNNING"
    gate.touch()
    again = person(cloud, project, "runs", f"DailyFlow/{run_id}", "-s", "test", "--follow").succeeded()
    assert f"{run_id} SUCCEEDED" in again.stdout


def test_what_cannot_be_started_or_shown(cloud: Cloud, project: Project) -> None:
    def refused(*words: str) -> str:
        return person(cloud, project, *words).failed()

    assert "DailyFlow needs --day" in refused("run", "DailyFlow", "-s", "test")
    assert "(did you mean 'DailyFlow'?)" in refused("run", "DalyFlow", "-s", "test", "--day", "x")
    assert "there is no run sfn-x" in refused("runs", "DailyFlow/sfn-x", "-s", "test")


def person(cloud: Cloud, project: Project, *words: str) -> Done:
    """`flowinfra …` in the project's folder, with an account that happens to be the embedded one."""
    return cloud.flowinfra("local", "exec", "--", "flowinfra", *words, cwd=project.folder)
