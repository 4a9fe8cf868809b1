"""What a plain `pulumi preview --diff` says of each kind of change, line by line: one stack, one changed preview."""

from __future__ import annotations

import io
import re
import subprocess
import uuid
from collections.abc import Iterator
from itertools import takewhile

import pytest

from flowinfra.engine.preview import parse_preview
from flowinfra.report import text
from flowinfra.report.assemble import assemble
from flowinfra.report.sources import Folder, Sources
from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source

# one worker: the deployment of all of these tests is made once
pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("diffs")]

FIT = """
    @batch(image="train:1")
    @resources(cpu=1, memory=4096)
    @retry(times=3)
    @timeout(hours=2)
    @step
    def fit"""
PARAMETERS = """
    alpha = Parameter("alpha", default=0.01)
    note = Parameter("note", default="nightly")
    @step
    def start"""
BEFORE = {
    "flows/steps/flow.py": flow_source("StepsFlow", "prepare", "train", "check"),
    "flows/train/flow.py": flow_source(
        "TrainFlow", "fit", header="from metaflow import batch, resources, retry, timeout"
    ).replace("\n    @step\n    def fit", FIT),
    "flows/inputs/flow.py": flow_source("InputsFlow").replace("\n    @step\n    def start", PARAMETERS),
    "flows/clock/flow.py": flow_source("ClockFlow", header="@schedule(daily=True)"),
    "flows/calm/flow.py": flow_source("CalmFlow", "train"),
    "flows/shared/one_flow.py": flow_source("OneFlow", header="import shared"),
    "flows/shared/two_flow.py": flow_source("TwoFlow", header="import shared"),
    "flows/shared/shared.py": "LIMIT = 1\n",
}
AFTER = {
    # prepare is renamed, check removed, audit added
    "flows/steps/flow.py": flow_source("StepsFlow", "clean", "audit", "train"),
    "flows/train/flow.py": BEFORE["flows/train/flow.py"].replace(
        FIT,
        FIT.replace('"train:1"', '"train:2"')
        .replace("cpu=1, memory=4096", "cpu=2, memory=8192")
        .replace("times=3", "times=1")
        .replace("hours=2", "hours=1"),
    ),
    "flows/inputs/flow.py": BEFORE["flows/inputs/flow.py"]
    .replace("default=0.01", "default=0.02")
    .replace('note = Parameter("note", default="nightly")', 'rounds = Parameter("rounds", default=3)'),
    "flows/shared/shared.py": "LIMIT = 2\n",
}
CODE = ["~ package: DIGEST => DIGEST", "~ source: {", "    ~ flow.py: DIGEST => DIGEST"]


class Preview:
    """What was previewed of the changed flows."""

    def __init__(self, project: Project) -> None:
        self._prefix = project.name
        self.printed = project.pulumi("preview", "--diff")
        self.json = subprocess.run(
            ["pulumi", "preview", "--json", "--non-interactive", "-s", "test"],
            cwd=project.folder,
            env=project.cloud.environment,
            capture_output=True,
            check=True,
        ).stdout

    def changes(self, flow: str) -> list[str]:
        """The changed lines of a flow's component; keys are not padded to one width, and a digest reads DIGEST."""
        lines = re.sub(r'"[0-9a-f]{12}"', "DIGEST", self.printed).splitlines()
        start = lines.index(next(line for line in lines if f"StepFunctionsFlow::{self._prefix}_{flow}]" in line))
        block = takewhile(
            lambda line: not re.match(r" {4}. flowinfra:| {8}.[ -](aws|pulumi):", line), lines[start + 1 :]
        )
        changed = (line[6:] for line in block if line.lstrip()[:2] in ("~ ", "+ ", "- "))
        return [re.sub(r"^( *[~+-] +[\w.]+) +:", r"\1:", line) for line in changed]

    def report(self, project: Project) -> list[str]:
        """The lines of `flowinfra report`."""
        out = io.StringIO()
        folder = Folder(project.folder)
        text.render(assemble([parse_preview(self.json, "preview")], Sources(folder, folder)), out)
        return [line.strip().replace(f"{self._prefix}_", "") for line in out.getvalue().splitlines()]


@pytest.fixture(scope="module")
def project(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", cloud.environment["PATH"])
        project = Project(cloud, tmp_path_factory.mktemp("diffs") / "project", f"t{uuid.uuid4().hex[:8]}")
        yield project
        project.pulumi("destroy", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def preview(project: Project) -> Preview:
    """Every kind of change at once, each in a flow of its own; all flows by one glob."""
    flows = {"flow": "flows/*/*flow.py", "tags": ["nightly"]}
    for path, content in BEFORE.items():
        project.write(path, content)
    project.configure(flows)
    project.up()
    project.pulumi("preview", "--expect-no-changes")
    for path, content in AFTER.items():
        project.write(path, content)
    clock = {"flow": "flows/clock/flow.py", "tags": ["hourly", "fast"], "schedule": {"cron": "0 * * * ? *"}}
    project.configure(flows, clock)
    return Preview(project)


def whole_step(sign: str, name: str, following: str) -> list[str]:
    """A step that is added or removed."""
    return [
        f"    {sign} {name}: {{",
        f'        {sign} next: "{following}"',
    ]


def test_steps_added_removed_and_renamed(preview: Preview) -> None:
    assert preview.changes("StepsFlow") == [
        *CODE,
        "~ steps: {",
        *whole_step("+", "audit", "train"),
        *whole_step("-", "check", "end"),
        *whole_step("+", "clean", "audit"),
        *whole_step("-", "prepare", "train"),
        "    ~ start: {",
        '        ~ next: "prepare" => "clean"',
        "    ~ train: {",
        '        ~ next: "check" => "end"',
    ]


def test_a_steps_resources_image_retries_and_timeout(preview: Preview) -> None:
    assert preview.changes("TrainFlow") == [
        *CODE,
        "~ steps: {",
        "    ~ fit: {",
        "        + cpu: 2",
        '        ~ image: "train:1" => "train:2"',
        "        + memory: 8192",
        "        ~ retries: 3 => 1",
        "        ~ timeout: 7200 => 3600",
    ]


def test_parameters_added_removed_and_with_another_default(preview: Preview) -> None:
    package, *source = CODE
    assert preview.changes("InputsFlow") == [
        package,
        "~ parameters: {",
        "    ~ alpha: {",
        "        ~ default: 0.01 => 0.02",
        "    - note: {",
        '        - default: "nightly"',
        '        - type: "str"',
        "    + rounds: {",
        "        + default: 3",
        '        + type: "int"',
        *source,
    ]


def test_schedule_and_tags_of_the_stack(preview: Preview) -> None:
    """No line of code: the flow's files are as they were."""
    assert preview.changes("ClockFlow") == [
        '+ overrides: "schedule"',
        "~ schedule: {",
        '    ~ cron: "0 0 * * ? *" => "0 * * * ? *"',
        "~ tags: [",
        '    ~ [0]: "nightly" => "hourly"',
        '    + [1]: "fast"',
    ]


@pytest.mark.parametrize("flow", ["OneFlow", "TwoFlow"])
def test_a_shared_module_is_a_change_of_the_package_alone(preview: Preview, project: Project, flow: str) -> None:
    assert preview.changes(flow) == [
        "~ package: DIGEST => DIGEST",
        "~ source: {",
        "    ~ shared.py: DIGEST => DIGEST",
    ]
    assert f"~ {flow} ({flow}) package only" in preview.report(project)


def test_an_unchanged_flow_has_no_line(preview: Preview, project: Project) -> None:
    resources, _, outputs = preview.printed.partition("--outputs:--")
    assert "CalmFlow" not in resources
    # Pulumi shows all of an output of which a part changes, and marks that part
    assert not any(re.match(r" *[~+-] .*CalmFlow", line) for line in outputs.splitlines())
    report = preview.report(project)
    assert not any("CalmFlow" in line for line in report)
    assert any(line.startswith("test  flows: 4 changed, 2 package only; ") for line in report)
