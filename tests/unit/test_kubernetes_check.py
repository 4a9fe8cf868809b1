"""What a flow's code and a stack give to @kubernetes, @resources and @environment: one check, before Metaflow's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import CompileError, FlowInfraError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets import shape_of
from flowinfra.targets.argo.job_set import loaded_job_set
from tests.unit.sources import STEPS, write_flow

HEAD = """
class late(StepMutator):
    def mutate(self, step):
        step.add_decorator("resources", deco_kwargs={"memory": "4Gi"})
"""
BODY = """
    cfg = Config("cfg", default_value='{"labels": {"team": 5}}')

    @kubernetes(cpu="500m", labels=config_expr("cfg.labels"), security_context={"runAsUsr": 1000})
    @environment(vars={"A B": "x", "N": 5})
    @step
    def start(self):
        self.next(self.middle)

    @late
    @step
    def middle(self):
        self.next(self.end)

    @kubernetes(annotations={"prometheus.io/port": 8080})
    @step
    def end(self):
        pass
"""
PARALLEL = """
    @step
    def start(self):
        self.next(self.work, num_parallel=2)

    @kubernetes(tolerations=[{"key": "a", "effect": "NoExecute", "operator": "Exists", "toleration_seconds": 60}])
    @parallel
    @step
    def work(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def compiled(folder: Path, target: str = "argo", body: str = STEPS, head: str = "", **shape: Any) -> CompiledFlow:
    flow = write_flow(folder, body=body, head=head)
    return compile_flow(CompileRequest(flow, target, shape_of(target, shape)))


def refused(folder: Path, target: str = "argo", body: str = STEPS, head: str = "", **shape: Any) -> list[str]:
    """What is said of a flow, a line each; its path is left out."""
    with pytest.raises(FlowInfraError) as raised:
        compiled(folder, target, body, head, **shape)
    assert all(isinstance(error, CompileError) for error in raised.value.errors)
    return [str(error).replace(f"{folder}/flow.py", "<flow>") for error in raised.value.errors]


def at_end(decorator: str) -> str:
    """A flow whose last step has a decorator."""
    before, after = STEPS.split("    @step\n    def end")
    return f"{before}    {decorator}\n    @step\n    def end{after}"


def templates(flow: CompiledFlow) -> dict[str, dict[str, Any]]:
    """The WorkflowTemplate's templates by name."""
    found = flow.model_dump(mode="json")["argo"]["workflow_template"]["spec"]["templates"]
    return {template["name"]: template for template in found}


def environment(flow: CompiledFlow, step: str) -> dict[str, Any]:
    """The variables of a step's pod."""
    section = flow.model_dump(mode="json")[flow.section]
    if flow.section == "airflow":
        entries = section["dag"]["states"][step]["operator_args"]["env_vars"]
    else:
        entries = templates(flow)[step]["container"]["env"]
    return {entry["name"]: entry.get("value") for entry in entries}


@pytest.mark.parametrize("target", ["argo", "airflow"])
def test_all_problems_of_code_configs_mutators_and_stack_at_once(target: str, tmp_path: Path) -> None:
    steps = {"middle": {"environment": {"1": "x"}}, "end": {"node_selector": {"disk": "a b"}}}
    told = refused(tmp_path, target, BODY, HEAD, steps=steps)
    lines = (tmp_path / "flow.py").read_text().splitlines()
    found = [line.split(": ", 4) for line in told]
    assert [parts[1:-1] for parts in found] == [
        ["steps.middle.environment.1", "'1' is not the name of a variable, allowed"],
        ["steps.end.node_selector.disk", "found 'a b', allowed"],
        ["step start", "@environment", "vars['A B']"],
        ["step start", "@kubernetes", "cpu"],
        ["step start", "@kubernetes", "labels.team"],
        ["step start", "@kubernetes", "security_context"],
        ["step middle", "@resources", "memory"],
        ["step end", "@kubernetes", "annotations['prometheus.io/port']"],
    ]
    places = {parts[1]: lines[int(parts[0].rpartition(":")[2]) - 1].strip() for parts in found[2:]}
    assert places == {f"step {step}": f"def {step}(self):" for step in ("start", "middle", "end")}


def test_what_metaflow_refuses_is_said_beside(tmp_path: Path) -> None:
    body = at_end("@kubernetes(cpu='500m')\n    @timeout(seconds=5)").replace(
        "@step", "@kubernetes(gpu='a')\n    @step", 1
    )
    told = refused(tmp_path, body=body)
    assert [re.sub("^<flow>:[0-9]+: (.*?) ?(found|for step) .*", r"\1", line) for line in told] == [
        "step start: @kubernetes: gpu:",
        "step end: @kubernetes: cpu:",
        "Kubernetes error: The timeout",
    ]


def test_metaflows_settings_are_looked_at(tmp_path: Path) -> None:
    told = refused(tmp_path, settings={"METAFLOW_KUBERNETES_CPU": "2 cores"})
    for line, step in zip(told, ("start", "end"), strict=True):
        assert f": step {step}: @kubernetes: cpu: found '2 cores', allowed: " in line


def test_a_stack_may_replace_what_only_the_pod_has(tmp_path: Path) -> None:
    body = at_end("@kubernetes(annotations={'port': 8080, 'own': 'a'})")
    flow = compiled(tmp_path, body=body, steps={"end": {"annotations": {"port": "8080"}}})
    assert flow.flow.steps["end"].resources.extra == {"annotations": {"own": "a", "port": "8080"}}


def test_a_stack_may_replace_tolerations_that_each_task_can_read(tmp_path: Path) -> None:
    body = at_end("@kubernetes(tolerations=[{'key': 'a', 'operator': 'exists'}])")
    given = [{"key": "a", "operator": "Exists"}]
    assert (
        templates(compiled(tmp_path, body=body, steps={"end": {"tolerations": given}}))["end"]["tolerations"] == given
    )


@pytest.mark.parametrize(
    ("decorator", "override"),
    [
        ("@kubernetes(cpu='500m')", {"cpu": 1}),
        ("@resources(memory='4Gi')", {"memory": 4295}),
        ("@kubernetes(labels={'a': 5})", {"labels": {"a": "5"}}),
    ],
)
def test_a_stack_cannot_replace_what_each_task_looks_at(
    decorator: str, override: dict[str, Any], tmp_path: Path
) -> None:
    """A task has the flow's code, and Metaflow looks at its decorators there too."""
    [told] = refused(tmp_path, body=at_end(decorator), steps={"end": override})
    assert told.startswith(f"<flow>:13: step end: {decorator.partition('(')[0]}: "), told
    assert told.endswith("; each task looks at the flow's own value, whatever the stack says")


@pytest.mark.parametrize("given", ["toleration_seconds", "tolerationSeconds"])
def test_a_tolerations_seconds_arrive(given: str, tmp_path: Path) -> None:
    toleration = {"key": "a", "operator": "Exists", "effect": "NoExecute"}
    expected = [{**toleration, "tolerationSeconds": 60}]
    flow = compiled(tmp_path / "stack", steps={"end": {"tolerations": [{**toleration, given: 60}]}})
    end = templates(flow)["end"]
    assert end["tolerations"] == expected
    # the task's command names the attribute, which Metaflow there takes by its Python name alone
    assert '"toleration_seconds": 60' in end["container"]["command"][-1].replace("\\", "")
    assert "tolerationSeconds" not in end["container"]["command"][-1]


def test_a_tolerations_seconds_arrive_from_code(tmp_path: Path) -> None:
    toleration = {"key": "a", "operator": "Exists", "effect": "NoExecute"}
    body = at_end(f"@kubernetes(tolerations=[{ {**toleration, 'toleration_seconds': 60} }])")
    flow = compiled(tmp_path / "plain", body=body)
    assert templates(flow)["end"]["tolerations"] == [{**toleration, "tolerationSeconds": 60}]
    [found] = {json.dumps(pod["tolerations"]) for pod in pods(compiled(tmp_path / "parallel", body=PARALLEL), "work")}
    assert json.loads(found) == [{**toleration, "tolerationSeconds": 60}]


def pods(flow: CompiledFlow, step: str) -> Iterator[dict[str, Any]]:
    """The pods of a step with @parallel."""
    job_set = loaded_job_set(templates(flow)[step]["resource"]["manifest"])
    for job in job_set["spec"]["replicatedJobs"]:
        yield job["template"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("given", ["run_as_user", "runAsUser"])
def test_a_security_context_arrives_by_either_name(given: str, tmp_path: Path) -> None:
    context = {given: 1000, "seccomp_profile": {"type": "Localhost", "localhostProfile": "a_b"}}
    expected = {"runAsUser": 1000, "seccompProfile": {"type": "Localhost", "localhostProfile": "a_b"}}
    flow = compiled(tmp_path / "code", body=at_end(f"@kubernetes(security_context={context})"))
    assert templates(flow)["end"]["container"]["securityContext"] == expected
    flow = compiled(tmp_path / "stack", steps={"end": {"security_context": context}})
    assert templates(flow)["end"]["container"]["securityContext"] == expected
    body = PARALLEL.replace("tolerations=[{", f"security_context={context}, tolerations=[{{")
    flow = compiled(tmp_path / "parallel", body=body)
    assert {json.dumps(pod["containers"][0]["securityContext"], sort_keys=True) for pod in pods(flow, "work")} == {
        json.dumps(expected, sort_keys=True)
    }


@pytest.mark.parametrize("target", ["argo", "airflow"])
def test_values_of_variables_are_text(target: str, tmp_path: Path) -> None:
    values = {"N": 5, "F": 0.5, "T": True, "L": [1, "a"], "Z": None, "S": "plain"}
    flow = compiled(tmp_path, target, body=at_end(f"@environment(vars={values})"))
    found = environment(flow, "end")
    assert {name: found[name] for name in values if name in found} == {
        "N": "5",
        "F": "0.5",
        "T": "True",
        "L": "[1, 'a']",
        "S": "plain",
    }
    assert flow.flow.steps["end"].environment == {name: found[name] for name in ("F", "L", "N", "S", "T")}


def test_airflow_takes_names_of_secrets_with_commas(tmp_path: Path) -> None:
    body = at_end("@kubernetes(secrets='database,api')")
    flow = compiled(tmp_path, "airflow", body=body)
    state = flow.model_dump(mode="json")["airflow"]["dag"]["states"]["end"]
    assert state["operator_args"]["secrets"] == ["database", "api"]
    [told] = refused(tmp_path, "argo", body=body)
    assert "secrets: found 'database,api', allowed: a Secret's name" in told
