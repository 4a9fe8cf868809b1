"""The root project in a folder of the test's own: configuration-driven, as people run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from tests.engine.conftest import Cloud

ROOT = Path(__file__).resolve().parents[2]


class Project:
    """A clone of the root project with flows and a stack of its own."""

    def __init__(self, cloud: Cloud, folder: Path, name: str) -> None:
        self.cloud, self.folder, self.name = cloud, folder, name
        self.variables: dict[str, str] = {}
        self._cache(folder.parent / f"{name}-own")
        (folder / "flowinfra" / "program").mkdir(parents=True)
        (folder / "stacks").mkdir()
        settings = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({**settings, "name": name}))
        shutil.copy(ROOT / "flowinfra" / "program" / "__main__.py", folder / "flowinfra" / "program")

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def configure(self, *flows: dict[str, Any], platform: dict[str, Any] | None = None, **more: Any) -> None:
        """Write the stack's file. Names of state machines begin with the project's: tests share an account."""
        known = yaml.safe_load((ROOT / "stacks" / "Pulumi.local.yaml").read_text())
        config = {
            "aws:region": "us-east-1",
            "flowinfra:platform": platform or known["config"]["flowinfra:platform"],
            "flowinfra:name_prefix": self.name,
            "flowinfra:flows": list(flows),
            **{f"flowinfra:{key}": value for key, value in more.items()},
        }
        text = yaml.safe_dump({"encryptionsalt": known["encryptionsalt"], "config": config})
        (self.folder / "stacks" / "Pulumi.test.yaml").write_text(text)

    def clone(self, folder: Path) -> Project:
        """The same project on another machine, of another user; nothing of the first one's cache is there."""
        shutil.copytree(self.folder, folder)
        other = Project.__new__(Project)
        other.cloud, other.folder, other.name = self.cloud, folder, self.name
        other.variables = {"USER": "somebody", "LOGNAME": "somebody"}
        other._cache(folder.parent / f"{folder.name}-own")
        if self.cache.exists():
            shutil.rmtree(self.cache)
        return other

    def _cache(self, own: Path) -> None:
        """Keep what a machine keeps in a folder of its own; Pulumi's plugins keep copies of assets in TMPDIR."""
        self.cache = own / "cache"
        (own / "tmp").mkdir(parents=True)
        self.variables |= {"FLOWINFRA_CACHE": str(self.cache), "TMPDIR": str(own / "tmp")}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command of Pulumi's, running."""
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive", "-s", "test"],
            cwd=self.folder,
            env={**os.environ, **self.cloud.environment, **self.variables},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        """Run a command of Pulumi's and return what it printed."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=300)
        assert (process.returncode != 0) == fails, printed
        return printed

    def make(self) -> None:
        """Make the stack, where that was not done."""
        if not (self.folder / ".made").exists():
            self.pulumi("stack", "init", "--stack", "test")
            (self.folder / ".made").touch()

    def up(self) -> None:
        """Deploy."""
        self.make()
        self.pulumi("up", "--yes", "--skip-preview")

    def preview(self) -> dict[str, dict[str, Any]]:
        """What would change: name → step, without what stays the same."""
        process = subprocess.run(
            ["pulumi", "preview", "--json", "--non-interactive", "-s", "test"],
            cwd=self.folder,
            env={**os.environ, **self.cloud.environment, **self.variables},
            text=True,
            capture_output=True,
            timeout=300,
            check=True,
        )
        steps = json.loads(process.stdout)["steps"]
        return {
            step["urn"].rsplit("::", 1)[-1]: step
            for step in steps
            if step["op"] != "same" and "pulumi:pulumi:Stack" not in step["urn"].split("$")[-1]
        }

    def flowinfra(self, *arguments: str) -> dict[str, Any]:
        """A command of ours that prints JSON."""
        process = subprocess.run(
            ["flowinfra", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.cloud.environment, **self.variables},
            text=True,
            capture_output=True,
            timeout=120,
        )
        assert process.returncode in (0, 3), process.stderr
        found: dict[str, Any] = json.loads(process.stdout)
        return found

    def preview_stack(self, *arguments: str) -> str:
        """`flowinfra preview-stack …`; what it printed."""
        process = subprocess.run(
            ["flowinfra", "preview-stack", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.cloud.environment, **self.variables},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        assert process.returncode == 0, process.stdout
        return process.stdout

    # what is there

    def machines(self) -> dict[str, dict[str, Any]]:
        """Name without prefix → state machine."""
        states = self.cloud.client("stepfunctions")
        return {
            machine["name"].removeprefix(f"{self.name}_"): states.describe_state_machine(
                stateMachineArn=machine["stateMachineArn"]
            )
            for page in states.get_paginator("list_state_machines").paginate()
            for machine in page["stateMachines"]
            if machine["name"].startswith(self.name)
        }

    def job_definitions(self) -> set[str]:
        """`name:revision` of those that jobs can be submitted with."""
        return {
            f"{definition['jobDefinitionName']}:{definition['revision']}"
            for page in self.cloud.client("batch").get_paginator("describe_job_definitions").paginate(status="ACTIVE")
            for definition in page["jobDefinitions"]
            if definition["tags"].get("flowinfra:project") == self.name
        }

    def schedules(self) -> list[str]:
        """Names of schedules."""
        found = self.cloud.client("scheduler").list_schedules(NamePrefix=self.name)["Schedules"]
        return [schedule["Name"] for schedule in found]

    def roles(self) -> list[str]:
        """Names of roles."""
        pages = self.cloud.client("iam").get_paginator("list_roles").paginate()
        return [role["RoleName"] for page in pages for role in page["Roles"] if role["RoleName"].startswith(self.name)]

    def objects(self, flow: str) -> list[str]:
        """Keys of the flow's objects in the datastore."""
        s3 = self.cloud.client("s3")
        folders = (f"metaflow/{flow}/", f"metaflow/data/{flow}/")
        pages = [s3.list_objects_v2(Bucket="metaflow-local", Prefix=folder) for folder in folders]
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def flow_source(name: str, *steps: str, header: str = "", body: str = "pass") -> str:
    """A flow of steps in a row between start and end."""
    names = ["start", *steps, "end"]
    lines = ["from metaflow import FlowSpec, Parameter, schedule, step", header, f"class {name}(FlowSpec):"]
    for index, step in enumerate(names):
        lines += ["    @step", f"    def {step}(self):", f"        {body}"]
        if step != "end":
            lines.append(f"        self.next(self.{names[index + 1]})")
    return "\n".join([*lines, "", "if __name__ == '__main__':", f"    {name}()", ""])
