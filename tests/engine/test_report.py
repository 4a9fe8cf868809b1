"""Previews of the real engine, reported: deployed flows, then changes of many kinds.

`pytest tests/engine/test_report.py --update-golden` records the previews for the tests in tests/unit/report.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowinfra.engine.preview import parse_preview
from flowinfra.report import text
from flowinfra.report.assemble import Report, assemble
from flowinfra.report.sources import Folder, Sources
from tests.engine.conftest import Cloud

# one worker: the deployment of all of these tests is made once
pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("report")]

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = Path(__file__).parent / "report"
RECORDED = Path(__file__).parents[1] / "unit" / "report" / "data"
_UNUSED = {
    "outputs",
    "propertyDependencies",
    "dependencies",
    "sourcePosition",
    "stackTrace",
    "created",
    "modified",
    "id",
}
"""Keys of a resource's state that reports do not read: taken out of what is recorded, for its size."""


class Project:
    """A Pulumi project with the scenario's flows, deployed to the embedded AWS by Pulumi's command line."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        (folder / "stacks").mkdir()
        (folder / "Pulumi.yaml").write_text("name: flows\nruntime: python\nstackConfigDir: stacks\n")
        (folder / "__main__.py").write_text("from flowinfra.program.deploy import deploy\n\ndeploy()\n")
        self.pulumi("stack", "init", "staging")
        self._salt = (folder / "stacks" / "Pulumi.staging.yaml").read_text()

    def put(self, version: str) -> None:
        """Put a version of flows and configuration in place."""
        shutil.rmtree(self.folder / "flows", ignore_errors=True)
        shutil.copytree(SCENARIO / version, self.folder / "flows")
        config = (SCENARIO / f"{version}.yaml").read_text()
        (self.folder / "stacks" / "Pulumi.staging.yaml").write_text(self._salt + config)

    def pulumi(self, *arguments: str, check: bool = True) -> bytes:
        """Run a command; return its stdout."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, (done.stdout + done.stderr).decode()[-4000:]
        return done.stdout


@pytest.fixture(scope="module")
def previews(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, bytes]:
    """What the engine says at each turn of the scenario."""
    folder = tmp_path_factory.mktemp("project")
    tools = f"{Path(sys.executable).parent}"
    environment = {**cloud.environment, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    project = Project(folder, {**environment, "PATH": f"{environment['PATH']}:{tools}"})
    preview = ("preview", "-s", "staging", "--json")
    found: dict[str, bytes] = {}
    project.put("before")
    found["create"] = project.pulumi(*preview)
    project.pulumi("up", "-s", "staging", "--yes", "--skip-preview")
    found["no-change"] = project.pulumi(*preview)
    found["no-change-same"] = project.pulumi(*preview, "--show-sames")
    project.put("after")
    found["changes"] = project.pulumi(*preview)
    found["changes-steps"] = project.pulumi(*preview, "--show-replacement-steps")
    flow = project.folder / "flows" / "other" / "fresh_flow.py"
    flow.write_text(flow.read_text().replace("self.next(self.end)", "self.next(self.finish)"))
    found["failed"] = project.pulumi(*preview, check=False)
    found["destroy"] = project.pulumi("destroy", "-s", "staging", "--preview-only", "--json")
    project.put("before")
    project.pulumi("destroy", "-s", "staging", "--yes", "--skip-preview")
    if request.config.getoption("--update-golden"):
        for name in ("create", "no-change", "changes", "failed", "destroy"):
            _record(name, found[name], folder)
    return found


def _record(name: str, content: bytes, folder: Path) -> None:
    text = content.decode().replace(str(folder), "/project").replace(str(ROOT), "/opt/app")
    document: dict[str, Any] = json.loads(text)
    document.pop("duration", None)
    document["diagnostics"] = [each for each in document.get("diagnostics", []) if each["severity"] != "info"]
    for step in document.get("steps", ()):
        for state in ("oldState", "newState"):
            step[state] = {key: item for key, item in step.get(state, {}).items() if key not in _UNUSED}
            if not step[state]:
                del step[state]
    (RECORDED / f"{name}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


@pytest.fixture
def report(previews: dict[str, bytes]) -> Callable[[str], Report]:
    def make(name: str) -> Report:
        sources = Sources(Folder(SCENARIO / "before"), Folder(SCENARIO / "after"))
        return assemble([parse_preview(previews[name], name)], sources)

    return make


def lines(report: Report) -> list[str]:
    out = io.StringIO()
    text.render(report, out)
    return [line.strip() for line in out.getvalue().splitlines()]


def test_first_deploy_is_new_flows(report: Callable[[str], Report]) -> None:
    (stack,) = report("create").stacks
    assert [(flow.kind, flow.name) for flow in stack.flows] == [
        ("new", name) for name in ("GoneFlow", "ScoreFlow", "TrainFlow", "WeeklyFlow")
    ]
    assert not stack.all_risks


@pytest.mark.parametrize(("name", "unchanged"), [("no-change", 0), ("no-change-same", 4)])
def test_nothing_changes(report: Callable[[str], Report], name: str, unchanged: int) -> None:
    found = report(name)
    assert not found.changes
    assert found.stacks[0].unchanged == unchanged


def test_changes_in_the_flows_words(report: Callable[[str], Report]) -> None:
    told = lines(report("changes"))
    for line in (
        "~ step prepare renamed to split_regions",
        "- step check removed",
        "~ step start: next split_regions → split_regions, audit",
        "~ step fit: memory 4096 → 8192 MB",
        "~ step fit: retries 3 → 0",
        "~ step fit: timeout 7200 → 3600 s",
        "+ step fit: decorator @card added",
        "- step fit: secret warehouse removed",
        "~ step join: image python:3.11 → example.com/join:2".replace(
            "3.11", f"{sys.version_info[0]}.{sys.version_info[1]}"
        ),
        "~ parameter alpha: default 0.01 → 0.02",
        "~ parameter rounds: type int → str",
        "+ parameter customers added: int, default 100",
        "- parameter note removed, was str, default nightly",
        "~ schedule: 0 0 * * ? * → 0 * * * ? * (once a day → 24 times a day)",
        "~ max workers: 100 → 50",
        "- tag nightly removed",
        "+ tag hourly added",
        "~ ScoreFlow package only",
        '+REGIONS = ["eu", "us", "ap"]',
    ):
        assert line in told, line


def test_a_code_change_alone_changes_no_step(report: Callable[[str], Report]) -> None:
    flows = {flow.name: flow for flow in report("changes").stacks[0].flows}
    assert flows["ScoreFlow"].changes == ()
    assert [file.path for file in flows["ScoreFlow"].files] == ["shared.py"]


def test_risks(report: Callable[[str], Report]) -> None:
    kinds = {(flow, risk.kind) for flow, risk in report("changes").stacks[0].all_risks}
    assert kinds == {
        ("GoneFlow", "state-machine-deleted"),
        ("GoneFlow", "schedule-removed"),
        ("TrainFlow", "schedule-more-frequent"),
        ("TrainFlow", "parameter-removed"),
        ("TrainFlow", "parameter-type"),
        ("TrainFlow", "retries-removed"),
        ("TrainFlow", "timeout-shortened"),
        ("TrainFlow", "queue-changed"),
        ("TrainFlow", "image-changed"),
        ("TrainFlow", "role-widened"),
        ("TrainFlow", "secret-given-up"),
        ("WeeklyFlow", "state-machine-deleted"),
        ("WeeklyFlow", "schedule-removed"),
    }


def test_single_steps_of_replacements_tell_nothing_else(report: Callable[[str], Report]) -> None:
    assert lines(report("changes-steps")) == lines(report("changes"))


def test_failed_preview_shows_its_diagnostics(report: Callable[[str], Report]) -> None:
    found = report("failed")
    assert found.failed
    assert any("fresh_flow.py" in line and "finish" in line for line in lines(found))


def test_destroy(report: Callable[[str], Report]) -> None:
    (stack,) = report("destroy").stacks
    assert {flow.kind for flow in stack.flows} == {"removed"}
    kept = {change.noun for change in stack.all_resources if change.action == "retained"}
    assert kept == {"job definition", "datastore object"}
