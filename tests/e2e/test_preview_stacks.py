"""Preview stacks: several in one account, brought up by one command each, and gone without a trace by another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from flowinfra.operate.preview_stacks import Preview
from tests.e2e.support import PLATFORM, Cloud, Done, Project, unique
from tests.e2e.test_life import inventory

LONG = "feature/Überarbeite-" + "sehr-" * 30
ONE, OTHER = f"{LONG}eins", f"{LONG}zwei"
WAITING = "flows/during/during_flow.py"
SCHEDULED = """
    from metaflow import FlowSpec, schedule, step


    @schedule(hourly=True)
    class AFlowWithANameThatLeavesLittleRoomForAPrefix(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        AFlowWithANameThatLeavesLittleRoomForAPrefix()
"""


def test_two_preview_stacks_come_and_go(cloud: Cloud, make_project: Callable[[], Project]) -> None:
    before = inventory(cloud)
    project = make_project()
    prefix = unique("dev")
    project.flow("during")
    project.example("project")
    project.write("flows/scheduled/flow.py", SCHEDULED)
    project.configure(
        WAITING,
        # production of the other stack is not theirs
        {"flow": "flows/project/project_flow.py", "production": True},
        {"flow": "flows/scheduled/flow.py", "schedule": {"enabled": True}, "step_functions": {"log_history": True}},
        {"flow": "flows/scheduled/flow.py", "name": "Off", "enabled": False},
        name_prefix=prefix,
    )
    for name in (ONE, OTHER):
        assert command(cloud, project, "up", name, "--of", "test").output.startswith(
            f"Preview stack {Preview(name).stack} of test: stacks/Pulumi.{Preview(name).stack}.yaml\n"
        )
    again = command(cloud, project, "up", ONE, "--of", "test").output
    assert re.search(r"Resources:\s+\d+ unchanged\s+Duration", again), again

    # both are there, each under names of its own
    stacks = {name: Preview(name).stack for name in (ONE, OTHER)}
    for name, stack in stacks.items():
        own = f"{prefix}-{stack}_"
        flows = json.loads(project.pulumi("stack", "output", "flows", "--json", "-s", stack).succeeded().stdout)
        assert set(flows) == {item for item in inventory(cloud)["state machines"] if item.startswith(own)}
        (fraud,) = (flows.pop(flow) for flow in list(flows) if flow.startswith(f"{own}fraud.test."))
        assert f"--branch {Preview(name).branch} " in fraud["trigger"]
        assert set(flows) == {f"{own}DuringFlow", f"{own}AFlowWithANameThatLeavesLittleRoomForAPrefix"}
    schedules = cloud.client("scheduler").list_schedules(NamePrefix=prefix)["Schedules"]
    assert [schedule["State"] for schedule in schedules] == ["DISABLED"] * 2

    # one has runs; the other is removed while an execution goes on
    machine = f"{prefix}-{stacks[ONE]}_DuringFlow"
    cloud.start(machine).ended()
    assert objects(cloud, stacks[ONE])
    waiting = cloud.start(f"{prefix}-{stacks[OTHER]}_DuringFlow", {"gate": unique("gate")}).reached("start")
    told = command(cloud, project, "down", OTHER).output
    assert "Stopped 1 running execution." in told
    assert told.endswith(f"Preview stack {stacks[OTHER]} is removed.\n")
    assert waiting.arn
    assert not objects(cloud, stacks[OTHER])
    assert f"{prefix}-{stacks[ONE]}_DuringFlow" in inventory(cloud)["state machines"]

    # CI has a fresh checkout by then: without the stack's file
    (project.folder / "stacks" / f"Pulumi.{stacks[ONE]}.yaml").unlink()
    command(cloud, project, "down", ONE)
    assert inventory(cloud) == before
    assert not objects(cloud, stacks[ONE])
    assert [path.name for path in (project.folder / "stacks").iterdir()] == ["Pulumi.test.yaml"]
    listed = json.loads(project.pulumi("stack", "ls", "--json").succeeded().stdout)
    assert [entry["name"] for entry in listed] == ["test"]
    assert "nothing to remove" in command(cloud, project, "down", ONE).output


def test_what_it_did_not_make_it_leaves_alone(cloud: Cloud, make_project: Callable[[], Project]) -> None:
    project = make_project()
    project.example("parameters")
    project.configure({"flow": "flows/parameters/parameter_flow.py"}, name_prefix=unique("dev"))
    base = (project.folder / "stacks" / "Pulumi.test.yaml").read_text()
    project.pulumi("stack", "init", "eu-prod").succeeded()
    file = project.write("stacks/Pulumi.eu-prod.yaml", base)
    project.pulumi("up", "--yes", "--skip-preview", "-s", "eu-prod").succeeded()

    # by its file, and where that is gone, by what was deployed
    for text in (base, None):
        file.unlink()
        if text is not None:
            file.write_text(text)
        for words in (("down", "eu-prod"), ("up", "eu-prod", "--of", "test")):
            done = flowinfra(cloud, project, *words)
            assert "'eu-prod' is not a preview stack" in done.failed()
        assert file.exists() == (text is not None)
        file.write_text(base)
    assert "'test' is not a preview stack" in flowinfra(cloud, project, "up", "test", "--of", "test").failed()
    project.pulumi("destroy", "--yes", "--skip-preview", "-s", "eu-prod").succeeded()


def flowinfra(cloud: Cloud, project: Project, *words: str) -> Done:
    return cloud.flowinfra("local", "exec", "--", "flowinfra", "preview-stack", *words, cwd=project.folder)


def command(cloud: Cloud, project: Project, *words: str) -> Done:
    return flowinfra(cloud, project, *words).succeeded()


def objects(cloud: Cloud, stack: str) -> list[Any]:
    """Keys of a preview stack's folder in the datastore."""
    prefix = f"metaflow/previews/{stack}/"
    found = cloud.s3.list_objects_v2(Bucket=PLATFORM["bucket"], Prefix=prefix)
    return [entry["Key"] for entry in found.get("Contents", ())]
