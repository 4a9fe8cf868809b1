"""Throw-away Pulumi projects, Metaflow's own commands and executions on an embedded AWS.

Commands run as a user runs them: as child processes with the environment of `flowinfra local exec`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flowinfra.local import calls, control, logs, run
from flowinfra.local.environment import environment
from flowinfra.local.state import HOME_VARIABLE, State
from flowinfra.operate.runs.progress import Progress
from tests.tasks import LEAN

ROOT = Path(__file__).parents[2]
FLOWS = Path(__file__).parent / "flows"
PLATFORM = {"bucket": "metaflow-local", "queue": "metaflow-local", "table": "metaflow-local"}
PATIENCE = 240.0
"""Seconds after which a test gives up waiting; nothing asserts how long anything takes."""

_READS = re.compile(r"(Get|List|Describe|Head|Batch(Get|Describe)|Validate|Simulate|Lookup)")


class Done:
    """What a command said, and how it ended."""

    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.code = process.returncode
        self.stdout = process.stdout
        self.stderr = process.stderr

    @property
    def output(self) -> str:
        """All that it printed."""
        return f"{self.stdout}{self.stderr}"

    def succeeded(self) -> Done:
        """Itself; fails the test with its output if it did not succeed."""
        assert self.code == 0, self.output
        return self

    def failed(self) -> str:
        """Its output; fails the test if it succeeded, or printed a traceback."""
        assert self.code != 0, self.output
        assert "Traceback" not in self.output, self.output
        return self.output


def command(words: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> Done:
    """Run a command to its end."""
    return Done(subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, check=False))


def wait_for(done: Callable[[], Any]) -> Any:
    """Wait until `done` answers with something true; return that."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := done()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return answer


def unique(name: str) -> str:
    """A name that no other test uses."""
    return f"{name}{uuid.uuid4().hex[:6]}"


class Cloud:
    """An embedded AWS, with a call log."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder)
        # tasks that wait at a gate take a slot each and no time
        self.flowinfra("local", "start", "--port", "0", "--call-log", "--max-jobs", "4").succeeded()
        self._lean_tasks()
        self.instance = control.require(self.state)
        self.sfn = self.client("stepfunctions")
        self.batch = self.client("batch")
        self.s3 = self.client("s3")

    def _lean_tasks(self) -> None:
        """Give `LEAN` to each `python` of a task, which is a script of the emulator's."""
        exports = "".join(f"export {name}='{value}'\n" for name, value in LEAN.items())
        for launcher in self.state.bin.iterdir():
            first, rest = launcher.read_text().split("\n", 1)
            launcher.write_text(f"{first}\n{exports}{rest}")

    def stop(self) -> None:
        """End it."""
        self.flowinfra("local", "stop").succeeded()

    def flowinfra(self, *words: str, cwd: Path | None = None, **variables: str) -> Done:
        """Run `flowinfra …` as in a shell outside of it."""
        env = {**os.environ, HOME_VARIABLE: str(self.state.root), **variables}
        return command([Path(sys.executable).parent / "flowinfra", *words], env, cwd or Path.cwd())

    @property
    def environment(self) -> dict[str, str]:
        """Variables of `flowinfra local exec`."""
        return environment(self.instance, self.state, {**os.environ, HOME_VARIABLE: str(self.state.root)})

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return run.client(self.instance, service)

    def changes(self) -> list[str]:
        """`service:Operation` of each call so far that changes something."""
        found = calls.read(self.state.call_log)
        return [f"{call['service']}:{call['operation']}" for call in found if not _READS.match(call["operation"])]

    def open_gate(self, name: str) -> None:
        """Let tasks go on that wait at a gate (see flows/gate.py)."""
        self.s3.put_object(Bucket=PLATFORM["bucket"], Key=f"gates/{name}", Body=b"")

    def start(self, state_machine: str, parameters: Mapping[str, Any] | None = None) -> Execution:
        """StartExecution as by hand."""
        given = {"Parameters": json.dumps(dict(parameters or {}))}
        return self.execution(
            self.sfn.start_execution(stateMachineArn=self.machine(state_machine), input=json.dumps(given))[
                "executionArn"
            ]
        )

    def machine(self, name: str) -> str:
        """ARN of a state machine."""
        machines = self.sfn.list_state_machines()["stateMachines"]
        return next(str(machine["stateMachineArn"]) for machine in machines if machine["name"] == name)

    def definition(self, name: str) -> str:
        """A state machine's definition."""
        return str(self.sfn.describe_state_machine(stateMachineArn=self.machine(name))["definition"])

    def execution(self, name: str) -> Execution:
        """An execution, by ARN, name or run id."""
        return Execution(self, control.progress(self.instance, name).ref)


class Execution:
    """An execution on Step Functions."""

    def __init__(self, cloud: Cloud, arn: str) -> None:
        self._cloud = cloud
        self.arn = arn

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return control.progress(self._cloud.instance, self.arn)

    @property
    def run_id(self) -> str:
        """Metaflow's."""
        return self.progress.run_id

    @property
    def status(self) -> str:
        """RUNNING, SUCCEEDED, …"""
        return str(self._cloud.sfn.describe_execution(executionArn=self.arn)["status"])

    def reached(self, step: str) -> Execution:
        """Wait until a task of the step runs."""

        def runs() -> bool:
            assert self.status == "RUNNING", self.told()
            return any(each.name == step and each.state == "running" for each in self.progress.steps)

        wait_for(runs)
        return self

    def ended(self, status: str = "SUCCEEDED") -> Execution:
        """Wait until it ends; fails the test if not with that status."""
        wait_for(lambda: self.status != "RUNNING")
        assert self.status == status, self.told()
        return self

    def told(self) -> str:
        """Why it failed, with the logs of its tasks."""
        progress = self.progress
        lines = [f"{progress.run_id} {progress.status}: {progress.error}"]
        for step in progress.steps:
            for task in step.tasks:
                lines += [f"{step.name}/{task.id}: {task.status} {task.reason}"]
                lines += [f"  {line}" for line in logs.tail(self._cloud.state, task, 30)]
        return "\n".join(lines)


@dataclass(frozen=True)
class Person:
    """Somebody at a laptop: a name, and a home without a trace of Metaflow."""

    name: str
    home: Path

    def variables(self, cloud: Cloud) -> dict[str, str]:
        """The environment in which this person works."""
        (self.home / "metaflow").mkdir(parents=True, exist_ok=True)
        return {
            **cloud.environment,
            "METAFLOW_USER": self.name,
            "USER": self.name,
            "HOME": str(self.home),
            "METAFLOW_HOME": str(self.home / "metaflow"),
        }


class Project:
    """A Pulumi project that deploys flows from its stack's configuration, as the root project does."""

    stack = "test"

    def __init__(self, cloud: Cloud, folder: Path, name: str | None = None) -> None:
        self.cloud = cloud
        self.folder = folder
        self.name = name or unique("e2e")
        program = folder / "flowinfra" / "program"
        program.mkdir(parents=True)
        shutil.copy(ROOT / "flowinfra" / "program" / "__main__.py", program)
        project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({**project, "name": self.name}))
        self._salt = yaml.safe_load((ROOT / "stacks" / "Pulumi.local.yaml").read_text())["encryptionsalt"]
        self.configure()
        self.pulumi("stack", "init", self.stack).succeeded()

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text).lstrip("\n"))
        return target

    def example(self, name: str) -> None:
        """Copy a folder of examples/flows to `flows/<name>`."""
        shutil.copytree(ROOT / "examples" / "flows" / name, self.folder / "flows" / name)

    def flow(self, name: str) -> None:
        """Copy a folder of the tests' own flows to `flows/<name>`."""
        target = self.folder / "flows" / name
        shutil.copytree(FLOWS / name, target)
        shutil.copy(FLOWS / "gate.py", target)

    def configure(
        self, *flows: Mapping[str, Any] | str, platform: Mapping[str, Any] | None = None, **other: Any
    ) -> None:
        """Write the stack's configuration. A flow that is only a file may be its path; `other` are keys beside."""
        keys = {
            "platform": PLATFORM if platform is None else platform,
            "flows": [{"flow": flow} if isinstance(flow, str) else dict(flow) for flow in flows],
            **other,
        }
        config = {"aws:region": "us-east-1", **{f"flowinfra:{key}": value for key, value in keys.items()}}
        stack = {"encryptionsalt": self._salt, "config": config}
        self.write(f"stacks/Pulumi.{self.stack}.yaml", yaml.safe_dump(stack, allow_unicode=True))

    @property
    def environment(self) -> dict[str, str]:
        """Variables for commands on this project."""
        return self.cloud.environment

    def pulumi(self, *words: str, cwd: Path | None = None, **variables: str) -> Done:
        """Run `pulumi …` in the project's folder."""
        env = {**self.environment, **variables}
        pulumi = shutil.which("pulumi", path=env["PATH"])
        assert pulumi is not None
        return command([pulumi, *words, "--non-interactive", "--color=never"], env, cwd or self.folder)

    def up(self, *words: str) -> Done:
        """Deploy."""
        return self.pulumi("up", "--yes", "--skip-preview", "-s", self.stack, *words).succeeded()

    def preview(self, *words: str, cwd: Path | None = None, **variables: str) -> Done:
        """Preview; the caller says whether it is to succeed."""
        return self.pulumi("preview", "-s", self.stack, *words, cwd=cwd, **variables)

    def is_unchanged(self) -> None:
        """Fails the test unless a preview is empty, with and without a look at what is there."""
        self.preview("--expect-no-changes", "--diff", "--refresh").succeeded()

    def destroy(self) -> None:
        """Destroy all resources."""
        self.pulumi("destroy", "--yes", "--skip-preview", "-s", self.stack).succeeded()

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        answer: dict[str, Any] = json.loads(
            self.pulumi("stack", "output", "--json", "-s", self.stack).succeeded().stdout
        )
        return answer

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state: URN without stack and project → resource, without stack and providers."""
        state = json.loads(self.pulumi("stack", "export", "-s", self.stack).succeeded().stdout)
        return {
            item["urn"].split("::", 2)[2]: item
            for item in state["deployment"].get("resources", [])
            if not item["type"].startswith("pulumi:")
        }

    def metaflow(self, file: str, *words: str, person: Person | None = None) -> Done:
        """Run `python FILE …` in the flow's folder."""
        env = person.variables(self.cloud) if person else self.environment
        path = self.folder / file
        return command([sys.executable, path.name, *words], env, path.parent)

    def shell(self, line: str, person: Person | None = None) -> Done:
        """Run a command that an output shows, as it is, in the project's folder."""
        env = person.variables(self.cloud) if person else self.environment
        return command(["sh", "-c", line], env, self.folder)


def ask(script: str, env: Mapping[str, str], cwd: Path) -> Any:
    """What a script, in a process of its own, gives to `answer(…)`: Metaflow reads its configuration at import."""
    head = "import json\ndef answer(value): print('ANSWER', json.dumps(value))\n"
    done = command([sys.executable, "-c", head + textwrap.dedent(script)], env, cwd).succeeded()
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert lines, done.output
    return json.loads(lines[-1].removeprefix("ANSWER "))


def tracked_files() -> Iterable[Path]:
    """Files of the repository, from its root, that a clone would have once all is committed."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]
