"""What Airflow, Linux and Kubernetes would refuse is told before anything is made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.components.plan import same_name_problems
from flowinfra.targets import TARGETS
from flowinfra.targets.airflow.bound import AirflowBound, bind
from flowinfra.targets.airflow.limits import flow_problems
from flowinfra.targets.airflow.plan import AirflowPlan, check, dag
from flowinfra.targets.airflow.platform import AirflowPlatform, DagBucket, DagConfigMaps, DagFolder
from flowinfra.targets.airflow.unused import GIVEN
from tests.unit.components.airflow import IDENTITY, airflow

S3 = AirflowPlatform(bucket="acme-metaflow", namespace="jobs", dags=DagBucket("acme-airflow"))


def problems(platform: AirflowPlatform = S3, bound: AirflowBound | None = None, **shape: object) -> list[str]:
    compiled = airflow("linear", **shape)
    return [str(problem) for problem in flow_problems(compiled, bound or bind(compiled, IDENTITY), platform)]


def test_what_fits() -> None:
    assert problems() == []


def test_id_of_the_dag() -> None:
    compiled = airflow("linear")
    longer = compiled.airflow.model_copy(update={"dag_id": "x" * 251})
    found = flow_problems(compiled.model_copy(update={"airflow": longer}), bind(compiled, IDENTITY), S3)
    [problem] = map(str, found)
    assert problem.endswith("the DAG's id has 251 characters, allowed are 250")


def test_tags_of_the_dag() -> None:
    [problem] = problems(tags=("t" * 101,))
    assert "has 101 characters, Airflow takes 100" in problem


def test_names_of_sensors() -> None:
    bound = bind(airflow("linear"), IDENTITY)
    [problem] = problems(bound=replace(bound, dag={**bound.dag, "states": {**bound.dag["states"], "a sensor": {}}}))
    assert "'a sensor' is not the id of a task in Airflow" in problem


def test_command_of_a_step() -> None:
    bound = bind(airflow("linear"), IDENTITY)
    bound.dag["states"]["add"]["operator_args"]["cmds"][2] += "é" * 66_000
    [problem] = problems(bound=bound)
    assert "step 'add': its command has" in problem
    assert "allowed are 131,071" in problem


def test_variable_of_a_step() -> None:
    bound = bind(airflow("linear"), IDENTITY)
    bound.dag["states"]["add"]["operator_args"]["env_vars"].append({"name": "BIG", "value": "é" * 65_534})
    [problem] = problems(bound=bound)
    assert "step 'add': its variable BIG has 131,072 bytes, allowed are 131,071" in problem
    bound.dag["states"]["add"]["operator_args"]["env_vars"][-1]["value"] = "x" * 131_067
    assert problems(bound=bound) == []


def test_defaults_of_parameters() -> None:
    """Airflow hands all of them over in one variable, as JSON without letters beyond ASCII."""
    compiled = airflow("airflow_parameters")
    bound = bind(compiled, IDENTITY, {"made-late": "é" * 21_900})
    [problem] = map(str, flow_problems(compiled, bound, S3))
    assert "step 'start': its variable METAFLOW_PARAMETERS has 13" in problem
    assert list(flow_problems(compiled, bind(compiled, IDENTITY, {"made-late": "é" * 20_000}), S3)) == []


def test_size_of_a_config_map() -> None:
    bound = replace(bind(airflow("linear"), IDENTITY), file="x" * 1_048_577)
    assert problems(bound=bound) == []
    [problem] = problems(replace(S3, dags=DagConfigMaps("airflow")), bound)
    assert "the DAG file has 1,048,577 bytes for 3 steps, a ConfigMap takes 1,048,576" in problem


@pytest.mark.parametrize("path", ["dags", "./dags", "~/dags"])
def test_folder_is_absolute(path: str) -> None:
    [problem] = problems(replace(S3, dags=DagFolder(path)))
    assert f"found the folder {path!r}, allowed: an absolute path" in problem


def test_plan_tells_what_does_not_fit() -> None:
    plan = AirflowPlan(airflow("linear"), Names("project", "stack", "LinearFlow"), file=FlowFile("flow.py"))
    assert check(plan, S3) == []
    [problem] = check(plan, replace(S3, prefix="with space"))
    assert "prefix is 'with space'" in str(problem)
    late = AirflowPlan(
        airflow("airflow_parameters"), plan.names, file=FlowFile("flow.py"), parameters={"made-late": None}
    )
    assert "evaluated to None" in str(check(late, S3)[0])


def test_two_flows_of_one_name() -> None:
    flows = {"a.py": "Flow", "b.py": "Flow", "c.py": "Other"}
    [problem] = same_name_problems({label: dag(name) for label, name in flows.items()})
    assert "a.py and b.py are both the DAG 'Flow'" in str(problem)


def test_what_a_stack_may_change_of_a_step_has_an_effect() -> None:
    assert TARGETS["airflow"].overrides <= GIVEN
