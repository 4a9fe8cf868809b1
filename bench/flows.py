"""Distinct flows of a usual size, generated: eight steps with a split, a foreach, retries, resources and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STEPS = 8

_FLOW = '''\
"""Forecast of region {number}: trains one model per horizon beside a baseline and publishes the better one."""

import models
from metaflow import FlowSpec, Parameter, catch, resources, retry, schedule, step, timeout


@schedule(daily=True)
class {name}(FlowSpec):
    """Forecast of region {number}."""

    region = Parameter("region", help="Region to forecast", default="region-{number}")
    horizon = Parameter("horizon", help="Days ahead", default={horizon})
    threshold = Parameter("threshold", help="Largest error that is published", default=0.{number:03}5)
    dry_run = Parameter("dry-run", help="Publish nothing", default=False)

    @step
    def start(self):
        """Choose what to train on."""
        self.horizons = list(range(1, self.horizon + 1))
        self.next(self.baseline, self.features)

    @resources(cpu=1, memory=2048)
    @step
    def baseline(self):
        """What yesterday says."""
        self.error = models.baseline(self.region)
        self.next(self.compare)

    @retry(times=2)
    @resources(cpu=2, memory={features_memory})
    @step
    def features(self):
        """Read and join the inputs."""
        self.rows = models.features(self.region)
        self.next(self.train, foreach="horizons")

    @retry(times=3, minutes_between_retries=0)
    @timeout(hours=2)
    @resources(cpu=4, memory={train_memory})
    @step
    def train(self):
        """One model per horizon."""
        self.error = models.train(self.rows, self.input, seed={number})
        self.next(self.select)

    @resources(memory=4096)
    @step
    def select(self, inputs):
        """The best of the models."""
        self.error = min(task.error for task in inputs)
        self.next(self.compare)

    @step
    def compare(self, inputs):
        """The model or the baseline."""
        self.best = min(branch.error for branch in inputs)
        self.next(self.publish)

    @catch(var="failure")
    @retry(times=4)
    @step
    def publish(self):
        """Hand the forecast over."""
        self.published = not self.dry_run and self.best < self.threshold
        self.next(self.end)

    @step
    def end(self):
        """Say what came out."""
        print(f"{{self.region}}: error {{self.best}}, published: {{self.published}}")


if __name__ == "__main__":
    {name}()
'''

_MODELS = '''\
"""Models of region {number}."""

SCALE = {number} + 1


def baseline(region):
    return len(region) / SCALE


def features(region):
    return [ord(letter) / SCALE for letter in region]


def train(rows, horizon, seed):
    return sum(rows) / (len(rows) * horizon + seed)
'''


@dataclass(frozen=True)
class BenchFlow:
    """A generated flow."""

    name: str
    file: Path

    @property
    def folder(self) -> Path:
        """The flow's folder, which nothing else is in."""
        return self.file.parent


def source(number: int, train_memory: int = 8192) -> dict[str, str]:
    """File name → text of the flow `number`; no two are alike in name, parameters, resources or code."""
    values = {
        "name": _name(number),
        "number": number,
        "horizon": 3 + number % 5,
        "features_memory": 4096 + 8 * number,
        "train_memory": train_memory,
    }
    return {"flow.py": _FLOW.format(**values), "models.py": _MODELS.format(**values)}


def write_flows(root: Path, count: int) -> list[BenchFlow]:
    """Write `count` flows, a folder each, below `root`."""
    return [_write(root, number) for number in range(count)]


def change_flow(flow: BenchFlow, number: int) -> None:
    """What a pull request changes most: a step's memory, and code."""
    for name, text in source(number, train_memory=16384).items():
        (flow.folder / name).write_text(text, encoding="utf-8")


def _write(root: Path, number: int) -> BenchFlow:
    folder = root / f"forecast_{number:03}"
    folder.mkdir(parents=True)
    for name, text in source(number).items():
        (folder / name).write_text(text, encoding="utf-8")
    return BenchFlow(_name(number), folder / "flow.py")


def _name(number: int) -> str:
    return f"Forecast{number:03}Flow"
