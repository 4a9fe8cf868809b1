"""Every change that is made to the DAG that `airflow create` would have written. Closed list; see docs/mends.md.

Two kinds: of the description of the DAG (data), and of Metaflow's code that makes a DAG of it (text). A text that is
not found exactly as it stands here is an error: that Metaflow is not supported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowinfra.model.base import Json
from flowinfra.targets.airflow.jinja import literal, literal_options
from flowinfra.targets.airflow.params import param
from flowinfra.targets.mends import QUOTED_EXPORT, kept_from_kubernetes, plain_version, quotes_parameters

START_DATE = "2020-01-01T00:00:00"
"""From when a schedule counts. Any fixed day in the past does: nothing is caught up with."""

_EXPORT = re.compile(
    r"python -m metaflow\.plugins\.airflow\.plumbing\.set_parameters (?P<file>[a-z]{10}) && \. `pwd`/(?P=file)"
)

_PARAMETERS = "{{ params | json_dump }}"
KEPT_PARAMETERS = "{{ params | json_dump | replace('$', '$$') }}"
_TEMPLATES = (
    "METAFLOW_AIRFLOW_DAG_RUN_ID",
    "METAFLOW_AIRFLOW_JOB_ID",
    "METAFLOW_AIRFLOW_TASK_ID",
    "METAFLOW_ATTEMPT_NUMBER",
    "METAFLOW_RUN_ID",
)
"""Variables that Airflow fills in. Metaflow sets them in each step, whatever the flow says."""

_PROVIDER_VERSION = (
    '    return get_provider_info()["versions"][0]\n',
    "    from airflow.providers.cncf.kubernetes import __version__\n\n    return __version__\n",
)
_SECRET = (
    "    from airflow.kubernetes.secret import Secret\n",
    "    from airflow.providers.cncf.kubernetes.secret import Secret\n",
)
_SECRETS = (
    'Secret("env", secret, secret) for secret in',
    'Secret("env", None, secret) for secret in',
)
_POD_OPERATOR = (
    "from airflow.providers.cncf.kubernetes.operators.kubernetes_pod import (",
    "from airflow.providers.cncf.kubernetes.operators.pod import (",
)
_TASK_SENSOR = (
    "        from airflow.sensors.external_task_sensor import ExternalTaskSensor\n",
    "        try:\n"
    "            from airflow.providers.standard.sensors.external_task import (\n"
    "                ExternalTaskSensor,\n"
    "            )\n"
    "        except ImportError:\n"
    "            from airflow.sensors.external_task import ExternalTaskSensor\n",
)
_JOIN_LIST = (
    'join_list=lambda x: ",".join(list(x)),',
    'join_list=lambda x: x if isinstance(x, str) else ",".join(x),',
)
_POD_VARIABLES = (
    """\
    additional_env_vars = [
        client.V1EnvVar(
            name=k,
            value_from=client.V1EnvVarSource(
                field_ref=client.V1ObjectFieldSelector(field_path=str(v))
            ),
        )
""",
    """\
    # A part of a pod that is given no configuration makes one, which takes longer than all else of it.
    shared = {"local_vars_configuration": client.Configuration()}
    additional_env_vars = [
        client.V1EnvVar(
            name=k,
            value_from=client.V1EnvVarSource(
                field_ref=client.V1ObjectFieldSelector(field_path=str(v), **shared),
                **shared,
            ),
            **shared,
        )
""",
)
CODE_MENDS = (_PROVIDER_VERSION, _SECRET, _SECRETS, _POD_OPERATOR, _TASK_SENSOR, _JOIN_LIST, _POD_VARIABLES)
"""Text of Metaflow's code → text that replaces it."""


def mend_code(code: str) -> str:
    """Metaflow's code as today's Airflow can run it.

    Raises:
        ValueError: some place that needs mending is not there, or more than once.
    """
    for found, mended in CODE_MENDS:
        if code.count(found) != 1:
            raise ValueError(f"its DAG files do not say {found.strip()!r} once")
        code = code.replace(found, mended)
    return code


def mend_dag(
    dag: Mapping[str, Json], types: Mapping[str, str], retries: Mapping[str, int], metadata: str, python: str
) -> dict[str, Json]:
    """The description of the DAG, the same for everyone and at any time, for today's Airflow.

    Args:
        dag: as Metaflow makes it.
        types: parameter → the type that the flow declares for it.
        retries: step → all attempts after the first, those of @catch included.
        metadata: the flow's metadata provider.
        python: minor of the interpreter that compiled.

    Raises:
        ValueError: the start step takes its parameters in another way than is known.
    """
    arguments = {name: value for name, value in dag["dag_instantiation_params"].items() if name != "schedule_interval"}
    states = {name: _mend_state(state, retries.get(name, 0), metadata, python) for name, state in dag["states"].items()}
    commands = [word for state in states.values() for word in state["operator_args"].get("cmds", ())]
    if not any(map(quotes_parameters, commands)):
        raise ValueError("its start step takes parameters in another way")
    return {
        **dag,
        "dag_instantiation_params": {
            **arguments,
            "schedule": dag["dag_instantiation_params"]["schedule_interval"],
            "start_date": START_DATE,
            "catchup": False,
        },
        # the path that Metaflow was told to write to; Airflow knows where it found the file
        "file_path": None,
        "metaflow_params": [_mend_parameter(entry, types) for entry in dag["metaflow_params"]],
        "states": states,
    }


def _mend_state(state: Mapping[str, Any], retries: int, metadata: str, python: str) -> dict[str, Any]:
    if state["operator_type"] != "kubernetes":
        return dict(state)
    arguments = state["operator_args"]
    limit, startup = int(arguments["execution_timeout"]["seconds"]), int(arguments["startup_timeout_seconds"])
    mended = {
        **arguments,
        # Airflow counts from when it asks for the pod, Kubernetes from when the pod has a node
        "execution_timeout": {"seconds": limit + startup},
        "startup_timeout_seconds": startup,
        "active_deadline_seconds": limit,
        "cmds": [literal_options(_EXPORT.sub(lambda _: QUOTED_EXPORT, word)) for word in arguments["cmds"]],
        "env_vars": [_mend_variable(entry, metadata, python) for entry in arguments["env_vars"]],
        # the step's command says from which attempt on @catch goes on in the step's place
        "retries": retries,
    }
    if arguments["retries"]:
        # Metaflow leaves out a pause of no minutes, and the DAG's default would count
        mended.setdefault("retry_delay", {"seconds": 0.0})
    return {**state, "operator_args": mended}


def _mend_variable(entry: Mapping[str, str], metadata: str, python: str) -> dict[str, str]:
    name, value = entry["name"], entry["value"]
    if name == "METAFLOW_VERSION":
        value = plain_version(value, python)
    elif name == "METAFLOW_DEFAULT_METADATA":
        value = metadata
    elif value == "{{ ti.job_id }}" and name in _TEMPLATES:
        value = "{{ ti.job_id | default('') }}"
    if name not in _TEMPLATES:
        value = KEPT_PARAMETERS if value == _PARAMETERS else literal(kept_from_kubernetes(value))
    return {"name": name, "value": value}


def _mend_parameter(entry: Mapping[str, Json], types: Mapping[str, str]) -> dict[str, Json]:
    """A parameter by the type that it is declared with, where Metaflow goes by that of its default."""
    kept = {name: value for name, value in entry.items() if name != "type"}
    return {**kept, **param(types[entry["name"]], entry["default"])}
