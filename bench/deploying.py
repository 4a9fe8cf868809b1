"""Preview and up with the real Pulumi engine, against a bare program that registers the very same resources.

Both have an embedded AWS, a file backend and a project of their own; the bare program's resources are read from the
state that flowinfra's left. What is compared is the same command of both, one after the other. Where they deploy to,
and so the target, is a `Scene`: two need the embedded AWS alone, Argo's is in deploying_argo.py.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from bench.embedded import embedded_aws
from bench.figures import Figure, Report, Table, Target, ratio
from bench.floor import MANIFEST
from bench.flows import BenchFlow, change_flow, write_flows
from bench.manifest import manifest, renamed
from bench.processes import Ran, run
from flowinfra.local import identity, platform

Say = Callable[[str], AbstractContextManager[object]]

FLOOR_SHARE, MEMORY_MB, VERIFY_SECONDS = 1.15, 500.0, 10.0
STACK = "bench"
_PROGRAM = "pulumi-language-python-exec"
"""In the command line of the process that runs a Python program."""
_LABELS = {
    "preview": "first preview",
    "up": "first up",
    "noop-preview": "no-op preview",
    "noop-up": "no-op up",
    "change": "up, one flow changed",
    "verify": "flowinfra verify",
}


@dataclass(frozen=True)
class Scene:
    """Where both sides deploy to."""

    target: str
    """Of all flows."""
    platform: Mapping[str, object]
    """As a stack's file has it."""
    title: str = ""
    """In tables and figures; empty for the target that needs no word."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of both sides, beside those that lead to their embedded AWS."""
    path: Sequence[Path] = ()
    """Folders of programs that both sides need."""
    apart: Mapping[str, str] = field(default_factory=dict)
    """Name in what flowinfra registers → name in what the floor does, where both deploy to one cluster."""

    @property
    def prefix(self) -> str:
        """Begins the names of figures and steps."""
        return f"{self.title}: " if self.title else ""

    def environment(self, aws: Mapping[str, str]) -> dict[str, str]:
        """Variables of a side; `aws`: those of its embedded AWS."""
        return {**aws, **self.variables, "PATH": os.pathsep.join((*map(str, self.path), aws["PATH"]))}


STEP_FUNCTIONS = Scene("step-functions", {"bucket": platform.NAME, "queue": platform.NAME, "table": platform.NAME})
AIRFLOW = Scene(
    "airflow",
    {"bucket": platform.NAME, "airflow": {"namespace": "jobs", "dags": {"s3": f"s3://{platform.NAME}/dags"}}},
    "Airflow",
)


@dataclass
class Side:
    """One of the two stacks that are compared."""

    name: str
    folder: Path
    environment: Mapping[str, str]
    runs: dict[str, list[Ran]] = field(default_factory=dict)

    def pulumi(self, *arguments: str) -> Ran:
        """Run the Pulumi CLI on this stack."""
        command = ["pulumi", *arguments, "--stack", STACK, "--non-interactive"]
        return run(command, self.environment, self.folder, weigh=_PROGRAM)

    def measure(self, step: str, *arguments: str) -> None:
        """Run and keep what it took under the name of the step."""
        self.runs.setdefault(step, []).append(self.pulumi(*arguments))

    def median(self, step: str) -> float | None:
        """Seconds of a step."""
        return statistics.median(ran.seconds for ran in self.runs[step]) if step in self.runs else None

    def peak(self, step: str) -> float | None:
        """MB, most that the program took in a step."""
        return max((ran.peak for ran in self.runs.get(step, ()) if ran.peak is not None), default=None)


def measure(report: Report, scenes: Mapping[int, Scene], folder: Path, say: Say) -> None:
    """Add the tables and figures of previews and updates; `scenes`: number of flows → where they are deployed to."""
    for size, scene in sorted(scenes.items()):
        ours, floor, deployed = _compare(size, scene, folder / str(size), say)
        report.tables.append(_table(size, scene, ours, floor, deployed))
        if size == max(scenes):
            share = ratio(ours.median("noop-preview"), floor.median("noop-preview"))
            name = f"{scene.prefix}no-op preview of {size} flows ÷ floor"
            # a target for many flows: with few, what starting Python takes is most of it
            report.figures.append(Figure(name, share, "x", Target(FLOOR_SHARE) if size >= 100 else None))
            name = f"{scene.prefix}memory of the program, no-op preview of {size} flows"
            report.figures.append(Figure(name, ours.peak("noop-preview"), "MB", Target(MEMORY_MB)))
            if (seconds := ours.median("verify")) is not None:
                name = f"{scene.prefix}verify of {size} flows"
                report.figures.append(Figure(name, seconds, "s", Target(VERIFY_SECONDS) if size >= 100 else None))


def _compare(size: int, scene: Scene, folder: Path, say: Say) -> tuple[Side, Side, Deployed]:
    flows = write_flows(folder / "flows" / "flows", size)
    what = f"{scene.prefix}{size} flows"
    with ExitStack() as stack:
        with say(f"{what}: starting an embedded AWS for each side"):
            own, others = (
                scene.environment(stack.enter_context(embedded_aws(folder / name))) for name in ("aws", "aws-floor")
            )
        ours = _flowinfra(folder / "flows", flows, scene, {**own, "FLOWINFRA_CACHE": str(folder / "cache")})
        listed = folder / "manifest.json"
        floor = _floor(folder / "floor", {**others, MANIFEST: str(listed)})

        def turns(step: str, *arguments: str, times: int = 1) -> None:
            for _ in range(times):
                for side in (ours, floor):
                    with say(f"{what}: {_LABELS[step]}, {side.name}"):
                        side.measure(step, *arguments)

        # the floor's resources are known when ours are there, so these two steps cannot take turns
        for side in (ours, floor):
            side.pulumi("stack", "init")
            for step, arguments in (("preview", ("preview",)), ("up", ("up", "--yes", "--skip-preview"))):
                with say(f"{what}: {_LABELS[step]}, {side.name}"):
                    side.measure(step, *arguments)
            if side is ours:
                resources, state = _write_manifest(ours, listed, scene)
        turns("noop-preview", "preview", "--expect-no-changes", times=3)
        turns("noop-up", "up", "--yes", "--skip-preview", "--expect-no-changes")
        change_flow(flows[0], 0)
        with say(f"{what}: {_LABELS['change']}, {ours.name}"):
            ours.measure("change", "up", "--yes", "--skip-preview")
        _write_manifest(ours, listed, scene)
        with say(f"{what}: {_LABELS['change']}, {floor.name}"):
            floor.measure("change", "up", "--yes", "--skip-preview")
        if scene.target == "step-functions":
            with say(f"{what}: {_LABELS['verify']}"):
                command = [str(Path(sys.executable).with_name("flowinfra")), "verify", STACK]
                ours.runs["verify"] = [run(command, ours.environment, ours.folder)]
    return ours, floor, Deployed(resources, state)


@dataclass(frozen=True)
class Deployed:
    """What flowinfra's side made."""

    resources: int
    state: float
    """MB, as Pulumi exports it."""


def _write_manifest(side: Side, file: Path, scene: Scene) -> tuple[int, float]:
    """Write what the floor registers; the number of resources, and MB of the state."""
    exported = side.pulumi("stack", "export").output
    made = renamed(manifest(json.loads(exported)), scene.apart)
    file.write_text(json.dumps(made), encoding="utf-8")
    return len(made["resources"]), len(exported) / 1e6


def _flowinfra(folder: Path, flows: Sequence[BenchFlow], scene: Scene, environment: Mapping[str, str]) -> Side:
    """A project as a user's: configuration alone, and the root project's own program."""
    config = {
        "aws:region": identity.REGION,
        "flowinfra:platform": scene.platform,
        "flowinfra:defaults": {"target": scene.target},
        "flowinfra:flows": [{"flow": str(flow.file.relative_to(folder))} for flow in flows],
    }
    program = "import runpy\n\nrunpy.run_module('flowinfra.program', run_name='__main__')\n"
    return _project("flowinfra", folder, program, config, environment)


def _floor(folder: Path, environment: Mapping[str, str]) -> Side:
    program = (Path(__file__).parent / "floor" / "__main__.py").read_text(encoding="utf-8")
    return _project("floor", folder, program, {"aws:region": identity.REGION}, environment)


def _project(
    name: str, folder: Path, program: str, config: Mapping[str, object], environment: Mapping[str, str]
) -> Side:
    # one project name for both: it is part of what the resources are called
    project = {"name": STACK, "runtime": "python", "main": "program", "stackConfigDir": "stacks"}
    (folder / "program").mkdir(parents=True)
    (folder / "program" / "__main__.py").write_text(program, encoding="utf-8")
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    (folder / "stacks").mkdir()
    (folder / "stacks" / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": dict(config)}), encoding="utf-8")
    return Side(name, folder, environment)


def _table(size: int, scene: Scene, ours: Side, floor: Side, deployed: Deployed) -> Table:
    rows: list[list[float | str | None]] = []
    for step, label in _LABELS.items():
        if step not in ours.runs:
            continue
        mine, bare = ours.median(step), floor.median(step)
        rows.append([label, mine, bare, ratio(mine, bare), ours.peak(step), floor.peak(step)])
    columns = ("", "flowinfra s", "floor s", "÷ floor", "flowinfra MB", "floor MB")
    notes = [
        f"{deployed.resources} resources, {deployed.state:.1f} MB of state; the first preview compiles all flows. "
        "`up` is without the preview before it.",
        "MB: most memory of the Python program, without the engine and the provider.",
    ]
    place = f" on {scene.title}" if scene.title else ""
    return Table(f"Preview and up{place}, {size} flows", columns, rows, notes if size == 1 else notes[:1])
