"""States as the real engine writes them: what stacks deploy, and have deployed before, is compared by our commands.

The program registers flows' components without their resources: no provider is needed, and nothing is made.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud

pytestmark = pytest.mark.engine

PROGRAM = """
import json
import pulumi


class StepFunctionsFlow(pulumi.ComponentResource):
    def __init__(self, name, inputs):
        super().__init__("flowinfra:aws:StepFunctionsFlow", name, inputs)


flow = json.load(open(f"{pulumi.get_stack()}.json"))
StepFunctionsFlow("TrainFlow", {**flow, "queue": pulumi.Output.secret("hidden-queue")})
"""
CONFIG = "config:\n  flowinfra:platform: {bucket: bkt, queue: jobs}\n"


def test_what_is_deployed_and_was_before_is_compared(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    variables = {
        **os.environ,
        **cloud.environment,
        "PULUMI_BACKEND_URL": (tmp_path / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "x",
    }

    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            words, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def up(stack: str, memory: int) -> None:
        flow = {"flow": "TrainFlow", "file": "t.py", "name": "TrainFlow", "steps": {"fit": {"memory": memory}}}
        (tmp_path / f"{stack}.json").write_text(json.dumps(flow))
        run("pulumi", "up", "--yes", "--skip-preview", "--stack", stack, "--non-interactive")

    for stack in ("prod", "staging"):
        run("pulumi", "stack", "init", stack, "--no-select", "--non-interactive")
        with (tmp_path / f"Pulumi.{stack}.yaml").open("a") as file:
            file.write(CONFIG + ("  flowinfra:mirrors: prod\n" if stack == "staging" else ""))
    up("prod", 4096)
    assert "staging: has no resources: the stack was never deployed" in run(
        "flowinfra", "mirror", "staging", "prod", "--deployed", code=1
    )
    up("staging", 4096)
    assert "no drift" in run("flowinfra", "mirror", "staging", "prod", "--deployed")
    up("prod", 8192)
    printed = run("flowinfra", "mirror", "staging", "prod", "--deployed", code=3)
    assert "TrainFlow: step fit: memory 8192 → 4096 MB" in printed
    assert run("flowinfra", "why", "prod@1", "prod") == "TrainFlow: input steps.fit.memory: 4096 → 8192\n"
    assert "its history has 1 to 2" in run("flowinfra", "why", "prod@3", "prod", code=1)
    assert "hidden-queue" not in printed
