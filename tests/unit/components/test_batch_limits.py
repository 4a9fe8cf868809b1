"""What Batch, Step Functions and EventBridge refuse is told at preview, by step, all of it at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from flowinfra.compiler import compile_flow
from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.targets.step_functions import batch_limits, service_models
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.plan import FlowPlan, check
from tests.unit.components.compiled import SITE, plan
from tests.unit.sources import STEPS, request, write_flow


def planned(compiled: StepFunctionsCompiled) -> FlowPlan:
    return FlowPlan(compiled, Names("app", "dev", compiled.name), file=FlowFile("flow.py"))


def problems(folder: Path, text: str = "", head: str = "", body: str | None = None, **shape: Any) -> list[str]:
    """What a preview says of a flow whose start step has these decorators."""
    steps = STEPS.replace("    @step", f"    {text}\n    @step", 1) if body is None else body
    compiled = compile_flow(request(write_flow(folder, body=steps, head=head), **shape))
    assert isinstance(compiled, StepFunctionsCompiled)
    return [str(error) for error in check(planned(compiled), SITE)]


def start(*words: str) -> list[str]:
    return [f"SmallFlow: step 'start': {each}" for each in words]


FARGATE = {"compute": "FARGATE"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@resources(cpu=1, memory=4096)", []),
        ("@resources(cpu=0.5, memory=1024)", []),
        ("@batch(ephemeral_storage=21, efs_volumes=['fs-1'])", []),
        (
            "@resources(cpu=1, memory=4000)",
            [
                "it asks for 4000 MB of memory with 1 vCPUs, for which Fargate has 2048 to 8192 in steps of 1024",
            ],
        ),
        (
            "@resources(cpu=4, memory=4096)",
            [
                "it asks for 4096 MB of memory with 4 vCPUs, for which Fargate has 8192 to 30720 in steps of 1024; "
                "4096 MB go with 0.5 or 1 or 2"
            ],
        ),
        ("@resources(cpu=3)", ["it asks for 3 vCPUs, Fargate has 0.25, 0.5, 1, 2, 4, 8, 16, 32"]),
        ("@resources(gpu=1)", ["it asks for 1 GPUs, and Fargate has none: use a queue on EC2 (`compute: EC2`)"]),
        ("@batch(ephemeral_storage=10)", ["ephemeral_storage is 10 GiB, Fargate takes 21 to 200"]),
        ("@batch(log_driver='syslog')", ["log_driver is 'syslog', Fargate takes awslogs and splunk"]),
        (
            "@batch(shared_memory=100, host_volumes=['/mnt'])",
            [
                "@batch: Fargate has no host_volumes, shared_memory; take it away, or use a queue on EC2 "
                "(`compute: EC2`)"
            ],
        ),
    ],
)
def test_fargate(tmp_path: Path, text: str, words: list[str]) -> None:
    assert problems(tmp_path, text, **FARGATE) == start(*words)


def test_the_default_memory_with_another_cpu_is_looked_at_too(tmp_path: Path) -> None:
    assert problems(tmp_path, steps={"start": {"cpu": 8}}, **FARGATE) == start(
        "it asks for 4096 MB of memory with 8 vCPUs, for which Fargate has 16384 to 61440 in steps of 4096; "
        "4096 MB go with 0.5 or 1 or 2"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@batch(gpu=4, cpu=3, memory=4000, shared_memory=64)", []),
        (
            "@resources(cpu=0.5)",
            ["it asks for 0.5 vCPUs, Batch takes whole numbers from 1 on EC2 (Fargate takes 0.25 and 0.5)"],
        ),
        ("@batch(memory=3)", ["it asks for 3 MB of memory, Batch takes 4 or more"]),
        (
            "@batch(log_driver='papertrail')",
            [
                "its job definition: AWS refuses RegisterJobDefinition.containerProperties.logConfiguration.logDriver: "
                "found 'papertrail', allowed: json-file, syslog, journald, gelf, fluentd, awslogs, splunk, awsfirelens"
            ],
        ),
    ],
)
def test_ec2(tmp_path: Path, text: str, words: list[str]) -> None:
    assert problems(tmp_path, text) == start(*words)


FOREACH = """
    @step
    def start(self):
        self.xs = [1]
        self.next(self.{name}, foreach="xs")

    @step
    def {name}(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_state_names_of_a_foreach(tmp_path: Path) -> None:
    name = "s" * 90
    steps = STEPS.replace("self.next(self.end)", f"self.next(self.{name})", 1)
    steps += f"\n    @step\n    def {name}(self):\n        self.next(self.end)\n"
    found = problems(tmp_path / "a", body=steps)
    assert (
        f"SmallFlow: step {name!r}: the name of its state has 90 characters, allowed are 80; "
        "give the step a name of at most 80" in found
    )
    assert problems(tmp_path / "b", body=steps.replace(name, "s" * 80)) == []
    split = FOREACH.format(name="b" * 80)
    assert problems(tmp_path / "c", body=split) == [
        f"SmallFlow: step {'b' * 80!r}: the name of its state '#<step>' has 81 characters, allowed are 80; "
        "give the step a name of at most 79"
    ]
    [problem] = problems(tmp_path / "d", body=split, distributed_map=True)
    assert "the name of its state '*<step>_*GetManifest' has 94 characters, allowed are 80; " in problem
    assert problem.endswith("give the step a name of at most 66")


def test_a_job_whose_name_is_too_long(tmp_path: Path) -> None:
    body = STEPS.replace("def end", f"def {'e' * 60}").replace("self.end", f"self.{'e' * 60}")
    body += "\n    @step\n    def end(self):\n        pass\n"
    body = body.replace("        pass", "        self.next(self.end)", 1)
    compiled = compile_flow(request(write_flow(tmp_path, name="F" * 70, body=body)))
    assert isinstance(compiled, StepFunctionsCompiled)
    [problem] = check(planned(compiled), SITE)
    assert re.sub("F{9,}|e{9,}", "…", str(problem)) == (
        "…: step '…': its job is called 'SFN-…--…--' (138 characters); Batch takes up to 128 letters, digits, hyphens "
        "and underscores of ASCII: give the step, or the flow's class, a shorter or plainer name"
    )


@pytest.mark.parametrize(
    "name",
    ["batch", "batch_tags", "compress", "distributed_map", "environment", "fargate", "foreach", "schedule_daily"],
)
def test_what_metaflow_sends_of_the_golden_flows_is_taken(name: str) -> None:
    assert [str(error) for error in check(plan(name), SITE)] == []


def test_the_table_of_fargate_is_that_of_the_service_model() -> None:
    model = Loader().load_service_model("batch", "service-2")
    text = re.sub(r"<[^>]+>", " ", model["shapes"]["ResourceRequirement"]["members"]["value"]["documentation"])
    # of each number of vCPUs: `value = 0.25 MEMORY = 512, 1024, or 2048`
    found = {
        cpu: tuple(map(int, re.findall(r"[0-9]+", sizes)))
        for cpu, sizes in re.findall(r"value = ([0-9.]+)\s+MEMORY\s+= ([0-9, or]+)", text)
    }
    assert found == dict(batch_limits.FARGATE)


@pytest.mark.parametrize(
    ("operation", "arguments", "words"),
    [
        ("PutRule", {"Name": "a b"}, "Name: found 'a b', allowed is what matches [\\.\\-_A-Za-z0-9]+"),
        ("PutRule", {"Name": "a", "State": "ON"}, "State: found 'ON', allowed: ENABLED, DISABLED, "),
        ("PutRule", {"Name": "a" * 65}, "Name: has 65 characters, allowed: 1 to 64"),
        ("PutRule", {"Name": 7}, "Name: found 7, allowed: string"),
        ("PutRule", {}, ": Name is missing"),
        ("PutRule", {"Name": "a", "Colour": "red"}, ": has no field 'Colour'"),
        ("PutTargets", {"Rule": "a", "Targets": []}, "Targets: has 0 entries, allowed: 1 to 100"),
        ("PutTargets", {"Rule": "a", "Targets": "b"}, "Targets: found 'b', allowed: a list"),
        ("PutTargets", {"Rule": "a", "Targets": ["b"]}, "Targets[0]: found 'b', allowed: a mapping"),
        (
            "PutTargets",
            {"Rule": "a", "Targets": [{"Id": "b", "Arn": "c", "RetryPolicy": {"MaximumRetryAttempts": 186}}]},
            "Targets[0].RetryPolicy.MaximumRetryAttempts: found 186, allowed: at most 185",
        ),
    ],
)
def test_service_models(operation: str, arguments: dict[str, Any], words: str) -> None:
    [found] = service_models.violations("events", operation, arguments)
    assert ": ".join(found).startswith(words)


def test_the_parameters_of_a_state_are_the_arguments_of_its_operation() -> None:
    parameters = {
        "JobName": "a",
        "Parameters": {"kept.as.it.is": "b", "later.$": "$.c"},
        "ContainerOverrides": {"Environment": [{"Name": "D", "Value.$": "$.d"}]},
    }
    assert service_models.as_arguments("batch", "SubmitJob", parameters) == {
        "jobName": "a",
        "parameters": {"kept.as.it.is": "b"},
        "containerOverrides": {"environment": [{"name": "D"}]},
    }
