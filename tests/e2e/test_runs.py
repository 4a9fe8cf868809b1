"""A person's day with a deployed flow: started, followed, its runs listed, and a failed one explained."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.support import PLATFORM, Cloud, Project, command, unique

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
