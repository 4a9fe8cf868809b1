"""Flows that Airflow does not take: what the compile says, with step or decorator and its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow, compile_flows
from flowinfra.errors import CompileError, FlowInfraError, Problems
from flowinfra.targets import shape_of
from tests.unit.sources import STEPS, write_flow

EVERYTHING = """
    day = Parameter("day")
    hour = Parameter("hour", default=None)
    place = Parameter("place", default="here")

    @kubernetes(use_tmpfs=True, image_pull_policy="Always", memory=8192)
    @step
    def start(self):
        self.rows = [[1], [2]]
        self.next(self.row, foreach="rows")

    @step
    def row(self):
        self.cells = self.input
        self.next(self.cell, foreach="cells")

    @batch
    @step
    def cell(self):
        self.next(self.join_cells)

    @step
    def join_cells(self, inputs):
        self.next(self.join_rows)

    @step
    def join_rows(self, inputs):
        self.next(self.several)

    @step
    def several(self):
        self.next(self.work, num_parallel=2)

    @parallel
    @step
    def work(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.next(self.choose)

    @step
    def choose(self):
        self.word = "done"
        self.next({"again": self.choose, "done": self.end}, condition="word")

    @step
    def end(self):
        pass
"""
HOOK = """
def told():
    pass
"""


def refused(flow: Path, **shape: object) -> list[str]:
    """What is said of a flow, a line each; its path is left out."""
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(CompileRequest(flow, "airflow", shape_of("airflow", shape)))
    errors = raised.value.errors if isinstance(raised.value, Problems) else [raised.value]
    assert all(isinstance(error, CompileError) for error in errors)
    return [str(error).replace(str(flow), "<flow>") for error in errors]


def test_everything_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    decorators = """@schedule(daily=True, timezone="Europe/Paris")
@trigger(event="ready")
@trigger_on_finish(flow="OtherFlow")
@exit_hook(on_success=[told])"""
    flow = write_flow(tmp_path, head=HOOK, decorators=decorators, body=EVERYTHING)
    lines = flow.read_text().splitlines()
    told = refused(flow)
    parts = [re.fullmatch(r"<flow>:(\d+): ([^:]*): (.*)", line) for line in told]
    assert all(parts), told
    found = {part[2]: (lines[int(part[1]) - 1].strip(), part[3]) for part in parts if part}
    assert {subject: line for subject, (line, _) in found.items()} == {
        "@schedule of SmallFlow": '@schedule(daily=True, timezone="Europe/Paris")',
        "@trigger of SmallFlow": '@trigger(event="ready")',
        "@trigger_on_finish of SmallFlow": '@trigger_on_finish(flow="OtherFlow")',
        "@exit_hook of SmallFlow": "@exit_hook(on_success=[told])",
        "parameter day": 'day = Parameter("day")',
        "parameter hour": 'hour = Parameter("hour", default=None)',
        "step start": "def start(self):",
        "step row": "def row(self):",
        "step cell": "def cell(self):",
        "step work": "def work(self):",
        "step choose": "def choose(self):",
    }
    words = {subject: words for subject, (_, words) in found.items()}
    assert words["@schedule of SmallFlow"].startswith("timezone='Europe/Paris': Metaflow gives Airflow no timezone; ")
    assert words["step start"].startswith("@kubernetes: image_pull_policy, tmpfs_size, use_tmpfs: ")
    assert words["step row"].startswith("is a foreach within the foreach of step start; ")
    assert words["step cell"].startswith("@batch: is for AWS Batch; ")
    assert words["step work"].startswith("@parallel: ")
    assert words["step choose"].startswith("is a switch to choose, end (it may repeat itself); ")


INSIDE = """
    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.first, foreach="items")

    @step
    def first(self):
        self.next(self.second)

    @step
    def second(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"body": INSIDE},
            "<flow>:8: step start: its foreach has more than one step before its join: first, second; "
            "Airflow takes one: do their work in it",
        ),
        (
            {"body": f"    limit = Parameter('limit', default=float('inf'))\n{STEPS}"},
            "<flow>:6: parameter limit: its default is inf, for which a DAG file has no number; take a finite one",
        ),
        (
            {"body": STEPS.replace("@step", "@resources(cpus=2)\n    @step", 1)},
            "<flow>:7: step start: Unknown decorator attribute: Decorator 'resources' does not support the attribute "
            "'cpus'. These attributes are supported: ",
        ),
        (
            {"body": STEPS.replace("@step", "@kubernetes(memry=2)\n    @step", 1)},
            "<flow>:7: step start: Unknown decorator attribute: Decorator 'kubernetes' does not support the attribute "
            "'memry'. These attributes are supported: ",
        ),
        (
            {"body": STEPS.replace("@step", "@retry(times=10)\n    @step", 1)},
            "<flow>:9: step start: Flow failed: The maximum number of retries is ",
        ),
        (
            {"decorators": "@airflow_s3_key_sensor(bucket='x')"},
            "<flow>:4: flow SmallFlow: Unknown decorator attribute: Decorator 'airflow_s3_key_sensor' does not support "
            "the attribute 'bucket'. These attributes are supported: ",
        ),
        (
            {"decorators": "@airflow_s3_key_sensor(name='wait')"},
            "<flow>:4: @airflow_s3_key_sensor of SmallFlow: bucket_key: is missing; give the key that is waited for, ",
        ),
        (
            {"decorators": "@airflow_external_task_sensor(external_dag_id='x', allowed_states=['done'])"},
            "<flow>:4: @airflow_external_task_sensor of SmallFlow: allowed_states: found 'done', allowed: failed, "
            "queued, running, success: these are the states of a DAG",
        ),
    ],
    ids=["inside", "infinite", "resources", "kubernetes", "retry", "sensor-attribute", "s3-sensor", "task-sensor"],
)
def test_one_refusal_names_step_or_decorator(parts: dict[str, str], words: str, tmp_path: Path) -> None:
    [told] = refused(write_flow(tmp_path, **parts))
    assert told.startswith(words), told


def test_a_name_that_no_dag_may_have(tmp_path: Path) -> None:
    [told] = refused(write_flow(tmp_path), name="a" * 251)
    assert told == "<flow>: name: has 251 characters, allowed are 250, as many as a DAG's id may have"


def test_a_setting_for_all_steps_is_refused_with_a_step(tmp_path: Path) -> None:
    [told] = refused(write_flow(tmp_path), settings={"METAFLOW_KUBERNETES_IMAGE_PULL_POLICY": "Always"})
    assert "image_pull_policy is currently not supported on Airflow" in told
    assert "on step start" in told


def test_what_a_base_class_brings_is_found_there(tmp_path: Path) -> None:
    base = write_flow(tmp_path, body=STEPS.replace("@step", "@batch\n    @step", 1), name="Base")
    base.rename(tmp_path / "base.py")
    text = "from base import Base\n\n\nclass Derived(Base):\n    pass\n\n\nif __name__ == '__main__':\n    Derived()\n"
    [told] = refused(write_flow(tmp_path, text))
    assert told.startswith(f"{tmp_path / 'base.py'}:9: step start: @batch: is for AWS Batch; "), told


def test_refusals_of_several_flows_are_one_list(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, body=f"    day = Parameter('day')\n    hour = Parameter('hour')\n{STEPS}")
    with pytest.raises(Problems) as raised:
        compile_flows([CompileRequest(flow, "airflow"), CompileRequest(tmp_path / "missing.py", "airflow")])
    lines = str(raised.value).splitlines()
    assert [line.removeprefix(f"- {tmp_path}/") for line in lines] == [
        "flow.py:6: parameter day: has no default; on Airflow every parameter needs one, which may be a function",
        "flow.py:7: parameter hour: has no default; on Airflow every parameter needs one, which may be a function",
        "missing.py: does not exist; give the .py file of a Metaflow flow",
    ]
