"""Limits of Airflow, Linux and Kubernetes, checked on the bound DAG before anything is sent: pure functions.

Sources: Airflow keeps ids in columns of 250 characters and tags in 100; Linux takes no argument of a program over
128 KiB (MAX_ARG_STRLEN); Kubernetes refuses a ConfigMap over 1 MiB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from flowinfra.compiler.request_airflow import ID_CHARACTERS
from flowinfra.components.airflow.bound import AirflowBound
from flowinfra.components.airflow.platform import AirflowPlatform, DagConfigMaps, DagFolder
from flowinfra.errors import BindError, ConfigError, FlowInfraError
from flowinfra.model.compiled import AirflowCompiled

TAG_CHARACTERS = 100
ARGUMENT_BYTES = 131_071
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
                f"{who}: {task!r} is no id of a task in Airflow; allowed are {ID_CHARACTERS} letters, digits, "
                "`_`, `-` and `.`"
            )
    for tag in bound.dag["dag_instantiation_params"]["tags"]:
        if len(tag) > TAG_CHARACTERS:
            yield BindError(f"{who}: tag {tag!r} has {len(tag)} characters, Airflow takes {TAG_CHARACTERS}")
    for step in compiled.flow.steps:
        for word in bound.dag["states"][step]["operator_args"]["cmds"]:
            if (size := len(word.encode())) > ARGUMENT_BYTES:
                yield BindError(
                    f"{who}: step {step!r}: its command has {size:,} bytes, allowed are {ARGUMENT_BYTES:,}; give the "
                    "step fewer decorators"
                )
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
