"""What is wrong is told at preview, all of it in one message, and nothing is touched."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.local import platform
from tests.e2e.support import PLATFORM, Cloud, Project

FLOW = """
    from metaflow import Config, FlowSpec, Parameter, environment, project, step

    {header}
    class {name}(FlowSpec):
        {body}
        @step
        def start(self):
            self.next(self.end)

        {decorator}
        @step
        def end(self):
            pass

    if __name__ == "__main__":
        {name}()
"""


def flow(name: str, *, header: str = "", body: str = "", decorator: str = "") -> str:
    return FLOW.format(name=name, header=header, body=body, decorator=decorator)


@pytest.fixture(scope="module")
def shared(make_project: Callable[[], Project]) -> Project:
    project = make_project()
    project.write("flows/good.py", flow("GoodFlow"))
    return project


@pytest.fixture
def project(cloud: Cloud, shared: Project) -> Iterator[Project]:
    """A project of which nothing is ever deployed."""
    before = cloud.changes()
    yield shared
    assert cloud.changes() == before
    assert shared.resources() == {}


def test_keys_of_the_configuration(project: Project) -> None:
    project.configure(
        {"flow": "flows/good.py", "paramters": {"alpha": 1}, "workflow_timeout": "soon"},
        {"flow": "flows/good.py", "target": "cron"},
        platform={**PLATFORM, "quue": "other"},
        flow=[],
    )
    said = project.preview().failed()
    said = re.sub(r"(?<=stacks/Pulumi\.test\.yaml):[0-9]+(?=: flowinfra:)", ":LINE", said)
    where = "stacks/Pulumi.test.yaml:LINE: flowinfra:"
    assert f"{where}flow: unknown key 'flow' (did you mean 'flows'?), allowed: platform, " in said
    assert f"{where}flows[0].paramters: unknown key 'paramters' (did you mean 'parameters'?), allowed: " in said
    assert f"{where}flows[0].workflow_timeout: found 'soon', allowed: " in said
    assert f"{where}flows[1].target: found 'cron', allowed: 'step-functions'" in said
    assert f"{where}platform.quue: unknown key 'quue' (did you mean 'queue'?), allowed: " in said
    assert "5 problems in this stack" in said


def test_bucket_and_queue_not_set(project: Project) -> None:
    project.configure("flows/good.py", platform={"table": "metaflow-local"})
    said = project.preview().failed()
    assert "2 problems in this stack" in said
    for key in ("bucket", "queue"):
        assert re.search(rf"stacks/Pulumi\.test\.yaml:[0-9]+: flowinfra:platform\.{key}: is missing", said)


def test_flows_that_do_not_compile(cloud: Cloud, project: Project) -> None:
    """Each of them with its file, and the line where there is one; the good one is no problem."""
    bad = {
        "syntax": "class SyntaxFlow(\n",
        "imports": flow("ImportsFlow").replace("from metaflow", "import no_such_module\n    from metaflow", 1),
        "no_flow": "print('hello')\n",
        "no_end": flow("NoEndFlow").replace("self.next(self.end)", "self.next(self.finish)"),
        "branchless": flow("BranchlessFlow", header='@project(name="fraud")'),
        "configless": flow("ConfiglessFlow", body='config = Config("config", default="absent.json")'),
        "long": flow("LongFlow"),
        "configured": flow("ConfiguredFlow", body='settings = Config("settings", default_value={"limit": 0})'),
        "typed": flow("TypedFlow", body='alpha = Parameter("alpha", default=0.1)'),
    }
    for name, text in bad.items():
        project.write(f"flows/{name}.py", text)
    project.write("flows/r_flow.R", "library(metaflow)\n")
    words = ("compile", "flows/good.py", "-t", "step-functions", "-o", "flows/good.flow")
    cloud.flowinfra(*words, cwd=project.folder).succeeded()
    good = project.folder / "flows/good.flow"
    (project.folder / "flows/truncated.flow").write_bytes(good.read_bytes()[:-200])
    altered(good, project.folder / "flows/altered.flow")
    bundles = ("good.flow", "truncated.flow", "altered.flow")
    project.configure(
        {"flow": "flows/good.py", "name": "Good"},
        *(f"flows/{name}.py" for name in bad if name not in ("typed", "long", "configured")),
        {"flow": "flows/long.py", "name": "L" * 81},
        {"flow": "flows/typed.py", "parameters": {"alpha": "much"}},
        {"flow": "flows/configured.py", "configs": {"settigns": {"limit": 1}}},
        *(f"flows/{name}" for name in ("absent.py", "r_flow.R", *bundles)),
    )
    said = project.preview().failed()
    told = {line.strip() for line in said.splitlines() if line.strip().startswith("- ")}
    for file, reason in {
        "flows/syntax.py:1": "syntax error",
        "flows/imports.py:1": "no_such_module",
        "flows/no_flow.py": "flow",
        "flows/no_end.py:8": "finish",
        "flows/branchless.py": "give branch or production",
        "flows/configless.py": "absent.json",
        "flows/long.py": "state machine name too long",
        "flows/typed.py": "alpha",
        "flows/configured.py": "configs: the flow has no Config 'settigns'; did you mean 'settings'?",
        "flows/absent.py": "not",
        "flows/r_flow.R": "R ",
        "flows/truncated.flow": "truncated",
        "flows/altered.flow": "is damaged",
    }.items():
        assert any(file in line and reason in line for line in told), f"{file}: {reason}\n{said}"
    assert "good" not in "".join(told)
    assert str(project.folder) not in "".join(told)
    assert f"{len(told)} problems in this stack" in said
    assert len(told) == len(bad) + 4


def altered(bundle: Path, target: Path) -> None:
    """The bundle with another byte in its code package."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.startswith("blobs/"):
                content = content[:-1] + bytes([content[-1] ^ 1])
            new.writestr(name, content)


def test_flows_that_do_not_fit(project: Project) -> None:
    """What binding and AWS's limits refuse, of every flow of the stack."""
    large = {"STUFF": "x" * 9_000}
    project.write("flows/large.py", flow("LargeFlow", decorator=f"@environment(vars={large!r})"))
    project.write("flows/twin.py", flow("GoodFlow"))
    project.configure(
        "flows/good.py",
        "flows/twin.py",
        "flows/large.py",
        {"flow": "flows/good.py", "name": "Queued", "step_functions": {"queue": "first; rm -rf"}},
        platform={**PLATFORM, "bucket": "my $(id)", "prefix": 'meta"flow'},
    )
    said = project.preview().failed()
    assert "flows/good.py and flows/twin.py are both the state machine 'GoodFlow'" in said
    assert "bucket is 'my $(id)', allowed: 3 to 63 lower-case letters" in said
    assert "prefix is 'meta\"flow', allowed: " in said
    assert "queue is 'first; rm -rf', allowed: a job queue's name" in said

    project.configure("flows/large.py")
    said = project.preview().failed()
    assert "LargeFlow: step 'end': its container overrides (command and environment) have 9," in said
    assert "characters, allowed are 8,192; its largest variable is STUFF, with 9,000 characters: shorten" in said


def test_a_definition_that_is_too_large(project: Project) -> None:
    steps = 200
    chain = "".join(
        f"""
    @environment(vars={{"STUFF": "{"x" * 6_000}"}})
    @step
    def s{number}(self):
        self.next(self.{f"s{number + 1}" if number + 1 < steps else "end"})
"""
        for number in range(steps)
    )
    head = "from metaflow import FlowSpec, environment, step\n\nclass HugeFlow(FlowSpec):\n"
    start = "    @step\n    def start(self):\n        self.next(self.s0)\n"
    end = "\n    @step\n    def end(self):\n        pass\n\nif __name__ == '__main__':\n    HugeFlow()\n"
    (project.folder / "flows/huge.py").write_text(head + start + chain + end)
    project.configure("flows/huge.py")
    said = project.preview().failed()
    assert "HugeFlow: the state machine's definition has 1," in said
    assert f"characters for {steps + 2} steps, allowed are 1,048,576" in said


def test_an_endpoint_that_is_not_this_machine(project: Project) -> None:
    project.configure("flows/good.py")
    said = project.preview(AWS_ENDPOINT_URL="https://aws.example.com").failed()
    assert "loopback" in said
    assert "https://aws.example.com" in said


@pytest.mark.parametrize("name", ["HandMade", "fraud.test.hand.DottedFlow"])
def test_a_state_machine_that_is_not_ours(cloud: Cloud, make_project: Callable[[], Project], name: str) -> None:
    """It is left as it was, its schedule too."""
    project = make_project()
    header = '@schedule(daily=True)\n    @project(name="fraud")' if "." in name else "@schedule(daily=True)"
    options = {"branch": "hand"} if "." in name else {}
    text = flow(name.rpartition(".")[2], header=header).replace("import Config", "import schedule, Config")
    project.write("flow.py", text)
    project.configure({"flow": "flow.py", **options})
    definition = json.dumps({"StartAt": "only", "States": {"only": {"Type": "Pass", "End": True}}})
    role = platform.role_arn(platform.STATES_ROLE)
    cloud.sfn.create_state_machine(
        name=name, definition=definition, roleArn=role, tags=[{"key": "by", "value": "hand"}]
    )
    events = cloud.client("events")
    events.put_rule(Name=name, ScheduleExpression="cron(0 1 * * ? *)", State="DISABLED")
    said = project.pulumi("up", "--yes", "--skip-preview", "-s", project.stack).failed()
    assert f"{name}: the state machine is there already" in said
    assert cloud.definition(name) == definition
    tags: list[Any] = cloud.sfn.list_tags_for_resource(resourceArn=cloud.machine(name))["tags"]
    assert tags == [{"key": "by", "value": "hand"}]
    rule = events.describe_rule(Name=name)
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 1 * * ? *)", "DISABLED")
    project.destroy()
    assert cloud.definition(name) == definition
    assert events.describe_rule(Name=name)["ScheduleExpression"] == "cron(0 1 * * ? *)"
