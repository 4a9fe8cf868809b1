"""What is changed in the DAGs that Metaflow would have written; test_airflow_dags.py shows that Airflow takes them."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from metaflow.plugins.airflow import airflow_utils

from flowinfra.compiler import compile_flow
from flowinfra.targets.airflow.mends import CODE_MENDS, START_DATE, mend_code, mend_dag
from flowinfra.targets.mends import QUOTED_EXPORT
from tests.unit.constructs import CONSTRUCTS

TYPES = {"alpha": "float"}
RETRIES = {"start": 0}
CODE = Path(airflow_utils.__file__).read_text(encoding="utf-8")
EXPORT = "python -m metaflow.plugins.airflow.plumbing.set_parameters abcdefghij && . `pwd`/abcdefghij"


def recorded() -> dict[str, Any]:
    """A DAG as Metaflow describes it, cut down to what is mended."""
    return {
        "dag_instantiation_params": {
            "dag_id": "Flow",
            "schedule_interval": "@daily",
            "start_date": "2026-01-02T03:04:05.6",
        },
        "file_path": "/dev/null",
        "metaflow_params": [{"name": "alpha", "default": 1, "type": "integer"}],
        "states": {
            "wait": {"operator_type": "S3KeySensor", "operator_args": {"timeout": 1}},
            "start": {
                "operator_type": "kubernetes",
                "operator_args": {
                    "cmds": ["bash", "-c", f"if true; then {EXPORT} && true; fi"],
                    "env_vars": [
                        {"name": "METAFLOW_DEFAULT_METADATA", "value": "service"},
                        {"name": "METAFLOW_AIRFLOW_JOB_ID", "value": "{{ ti.job_id }}"},
                        {
                            "name": "METAFLOW_VERSION",
                            "value": '{"platform": "Linux", "python_version": "3.11.7 (main)"}',
                        },
                    ],
                    "retries": 0,
                    "execution_timeout": {"seconds": 300},
                    "startup_timeout_seconds": 3600,
                },
            },
        },
    }


def test_dag_is_the_same_at_any_time_and_anywhere() -> None:
    mended = mend_dag(recorded(), TYPES, RETRIES, "local", "3.11")
    assert mended["file_path"] is None
    assert mended["metaflow_params"] == [{"name": "alpha", "default": 1, "type": "number"}]
    assert mended["dag_instantiation_params"] == {
        "dag_id": "Flow",
        "schedule": "@daily",
        "start_date": START_DATE,
        "catchup": False,
    }
    assert mended["states"]["wait"] == recorded()["states"]["wait"]
    start = mended["states"]["start"]["operator_args"]
    assert start["cmds"][-1] == f"if true; then {QUOTED_EXPORT} && true; fi"
    assert {entry["name"]: entry["value"] for entry in start["env_vars"]} == {
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_AIRFLOW_JOB_ID": "{{ ti.job_id | default('') }}",
        "METAFLOW_VERSION": '{"python_version":"3.11"}',
    }


@pytest.mark.parametrize(
    ("arguments", "delay"),
    [
        ({"retries": 0}, None),
        ({"retries": 1}, {"seconds": 0.0}),
        ({"retries": 1, "retry_delay": {"seconds": 120.0}}, {"seconds": 120.0}),
    ],
)
def test_retries_without_a_pause_are_not_given_the_default_pause(
    arguments: dict[str, Any], delay: dict[str, float] | None
) -> None:
    dag = recorded()
    dag["states"]["start"]["operator_args"].update(arguments)
    mended = mend_dag(dag, TYPES, {"start": arguments["retries"]}, "local", "3.11")
    assert mended["states"]["start"]["operator_args"].get("retry_delay") == delay


def test_a_step_has_its_time_from_when_its_pod_has_a_node() -> None:
    start = mend_dag(recorded(), TYPES, RETRIES, "local", "3.11")["states"]["start"]["operator_args"]
    assert start["active_deadline_seconds"] == 300
    assert start["execution_timeout"] == {"seconds": 3900}
    assert start["startup_timeout_seconds"] == 3600


def test_a_caught_step_has_the_attempts_in_which_catch_goes_on() -> None:
    """An attempt that is killed catches nothing; the one after the step's own does nothing but go on."""
    [catch] = [one for one in CONSTRUCTS if one.name == "catch"]
    flow = compile_flow(catch.request("airflow"))
    argo = compile_flow(catch.request("argo"))
    states = flow.model_dump(mode="json")["airflow"]["dag"]["states"]
    found = {
        name: (state["operator_args"]["retries"], flow.flow.steps[name].attempts) for name, state in states.items()
    }
    assert found == {"start": (3, 4), "work": (5, 6), "end": (0, 1)}
    assert {name: step.attempts for name, step in flow.flow.steps.items()} == {
        name: step.attempts for name, step in argo.flow.steps.items()
    }
    commands = {name: state["operator_args"]["cmds"][-1] for name, state in states.items()}
    assert "--max-user-code-retries 0 " in commands["start"]
    assert "--max-user-code-retries 2 " in commands["work"]
    # without @retry, as long as Airflow waits where nothing is said
    assert "retry_delay" not in states["start"]["operator_args"]


def test_what_is_recorded_is_left_as_it_was() -> None:
    dag = recorded()
    before = copy.deepcopy(dag)
    mend_dag(dag, TYPES, RETRIES, "local", "3.11")
    assert dag == before


def test_parameters_that_arrive_in_another_way_are_refused() -> None:
    dag = json.loads(json.dumps(recorded()).replace("set_parameters", "export_parameters"))
    with pytest.raises(ValueError, match="takes parameters in another way"):
        mend_dag(dag, TYPES, RETRIES, "local", "3.11")


def test_quoted_parameters_are_nothing_to_airflows_templates() -> None:
    assert not any(mark in QUOTED_EXPORT for mark in ("{{", "{%", "{#"))


def test_every_mend_of_the_code_is_needed() -> None:
    mended = mend_code(CODE)
    for found, instead in CODE_MENDS:
        assert found not in mended
        assert mended.count(instead) == 1
    compile(mended, "dag.py", "exec")


@pytest.mark.parametrize("place", range(len(CODE_MENDS)))
def test_code_of_another_metaflow_is_refused(place: int) -> None:
    with pytest.raises(ValueError, match="DAG files do not say"):
        mend_code(CODE.replace(CODE_MENDS[place][0], ""))


def test_a_list_of_one_task_is_joined_as_airflow_3_gives_it() -> None:
    space: dict[str, Any] = {}
    exec(mend_code(CODE), space)
    join = space["AirflowDAGArgs"].filters["join_list"]
    assert join("airflow-abc") == "airflow-abc"
    assert join(["airflow-abc", "airflow-def"]) == "airflow-abc,airflow-def"


def test_record_of_the_owner_is_no_object_of_the_tasks() -> None:
    [linear] = [one for one in CONSTRUCTS if one.name == "linear"]
    compiled = compile_flow(linear.request("airflow"))
    assert [entry.kind for entry in compiled.objects.values()] == ["package"]
    section = compiled.model_dump(mode="json")["airflow"]
    assert section["deployment_key"] == "mf.airflow/LinearFlow"
    assert json.loads(section["deployment"]) == {"owner": "flowinfra--owner", "production_token": "flowinfra--token"}


def test_variables_of_a_pod_share_one_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    class Configuration:
        made = 0

        def __init__(self) -> None:
            Configuration.made += 1

    class Part:
        def __init__(self, local_vars_configuration: Configuration | None = None, **fields: Any) -> None:
            self.configuration = local_vars_configuration or Configuration()
            self.fields = fields

    names = ("V1EnvVar", "V1EnvVarSource", "V1ObjectFieldSelector")
    client = SimpleNamespace(Configuration=Configuration, V1ResourceRequirements=dict, **dict.fromkeys(names, Part))
    monkeypatch.setitem(sys.modules, "kubernetes", SimpleNamespace(client=client))
    monkeypatch.setitem(sys.modules, "airflow.providers.cncf.kubernetes.secret", SimpleNamespace(Secret=None))
    space: dict[str, Any] = {}
    exec(mend_code(CODE), space)
    space["get_kubernetes_provider_version"] = lambda: "10.10.0"
    args = space["_kubernetes_pod_operator_args"]({"resources": {"requests": {"cpu": "1"}}})
    variables = {part.fields["name"]: part.fields["value_from"] for part in args["pod_runtime_info_envs"]}
    field = variables["METAFLOW_KUBERNETES_POD_NAME"].fields["field_ref"]
    assert field.fields == {"field_path": "metadata.name"}
    assert Configuration.made == 1
