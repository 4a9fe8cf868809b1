"""Limits of Airflow, Linux and Kubernetes, checked on the bound DAG before anything is sent: pure functions.

Sources: Airflow keeps ids in columns of 250 characters and tags in 100; Kubernetes refuses a ConfigMap over 1 MiB;
those of Linux are cited in `linux_limits`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from flowinfra.components.linux_limits import start_problems
from flowinfra.errors import BindError, ConfigError, FlowInfraError
from flowinfra.targets.airflow.bound import AirflowBound
from flowinfra.targets.airflow.compiled import AirflowCompiled
from flowinfra.targets.airflow.mends import KEPT_PARAMETERS
from flowinfra.targets.airflow.platform import AirflowPlatform, DagConfigMaps, DagFolder
from flowinfra.targets.airflow.request import ID_CHARACTERS

TAG_CHARACTERS = 100
CONFIG_MAP_BYTES = 1_048_576

_ID = re.compile(r"[\w.-]+")


def flow_problems(
    compiled: AirflowCompiled, bound: AirflowBound, platform: AirflowPlatform
) -> Iterator[FlowInfraError]:
    """What Airflow or Kubernetes would refuse of a flow, or of where it is delivered."""
    who = compiled.name
    if len(who) > ID_CHARACTERS:
        yield BindError(f"{who}: the DAG's id has {len(who)} characters, allowed are {ID_CHARACTERS}")
    for task in bound.dag["states"]:
        if len(task) > ID_CHARACTERS or not _ID.fullmatch(task):
            yield BindError(
                f"{who}: {task!r} is not the id of a task in Airflow; allowed are {ID_CHARACTERS} letters, digits, "
                "`_`, `-` and `.`"
            )
    for tag in bound.dag["dag_instantiation_params"]["tags"]:
        if len(tag) > TAG_CHARACTERS:
            yield BindError(f"{who}: tag {tag!r} has {len(tag)} characters, Airflow takes {TAG_CHARACTERS}")
    for step in compiled.flow.steps:
        given = bound.dag["states"][step]["operator_args"]
        variables = [(entry["name"], _value(bound, entry.get("value", ""))) for entry in given["env_vars"]]
        for words in start_problems(given["cmds"], variables):
            yield BindError(f"{who}: step {step!r}: {words}")
    size = len(bound.file.encode())
    if isinstance(platform.dags, DagConfigMaps) and size > CONFIG_MAP_BYTES:
        yield BindError(
            f"{who}: the DAG file has {size:,} bytes for {len(compiled.flow.steps)} steps, a ConfigMap takes "
            f"{CONFIG_MAP_BYTES:,}; deliver the DAGs by S3, or split the flow"
        )
    if isinstance(platform.dags, DagFolder) and not PurePosixPath(platform.dags.path).is_absolute():
        yield ConfigError(
            f"platform.dags: found the folder {platform.dags.path!r}, allowed: an absolute path, the same wherever "
            "the stack is deployed from"
        )


def _value(bound: AirflowBound, value: str) -> str:
    """A variable's value in a run with all defaults; Airflow makes JSON of the parameters (`json_dump` of Metaflow)."""
    if value != KEPT_PARAMETERS:
        return value
    return json.dumps({entry["name"]: entry["default"] for entry in bound.dag["metaflow_params"]})
