"""What Airflow does not take of a flow's sensors, which become tasks of the DAG beside the steps.

The rules are those of Airflow's own classes, of 2.10, 2.11 and 3: BaseSensorOperator, S3KeySensor of the Amazon
provider with its S3Hook, ExternalTaskSensor, and `validate_key` for the id of a task. A DAG that breaks one is not
imported, or its sensor fails when it runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from . import places
from .internals import internals
from .kubernetes_words import found, meant, shown
from .protocol import Part

BASE = ("metaflow.plugins.airflow.sensors.base_sensor", "AirflowSensorDecorator")
"""Module and class of Metaflow's sensors."""

SEAMS = ((BASE[0], f"{BASE[1]}.flow_init"),)

ID_CHARACTERS = 250
_ID = re.compile(r"[\w.-]+")
_ID_WORDS = f"at most {ID_CHARACTERS} letters, digits, '_', '-' and '.', without '..'"

MODES = ("poke", "reschedule")
DAG_STATES = ("failed", "queued", "running", "success")
TASK_STATES = (
    *DAG_STATES,
    "deferred",
    "removed",
    "restarting",
    "scheduled",
    "skipped",
    "up_for_reschedule",
    "up_for_retry",
    "upstream_failed",
)
"""States of airflow/utils/state.py that each of the supported versions has."""

Rule = Callable[[Any], Iterator[str]]


def install() -> None:
    """Let Metaflow go on after a sensor that it refuses, so that everything is said at once."""
    exception = internals("metaflow.exception").MetaflowException
    made = getattr(internals(BASE[0]), BASE[1])
    original = made.flow_init

    def flow_init(decorator: Any, *args: Any, **kwargs: Any) -> None:
        try:
            original(decorator, *args, **kwargs)
        except exception as refused:
            decorator.flowinfra_refused = [str(refused.message)]

    made.flow_init = flow_init


def refusals(flow: Any, steps: list[str]) -> Iterator[Part]:
    """What must change of the flow's sensors; `steps`: names of the flow's steps, which are tasks too."""
    taken = dict.fromkeys(steps, "a step of the flow")
    for name, decorators in flow._flow_decorators.items():
        sensors = [decorator for decorator in decorators if is_sensor(decorator)]
        where = places.of_flow_decorators(type(flow), name)
        # the last one above a class is the first that Python calls
        lines = where[::-1] if len(where) == len(sensors) else where[:1] * len(sensors)
        for decorator, line in zip(sensors, lines or [places.NOWHERE] * len(sensors)):  # noqa: B905  (Python 3.9)
            said: list[str] = list(_sensor(decorator, taken)) or getattr(decorator, "flowinfra_refused", [])
            for words in said:
                yield {"subject": f"@{name} of {flow.name}", "words": words, **line}


def is_sensor(decorator: Any) -> bool:
    return isinstance(decorator, getattr(internals(BASE[0]), BASE[1]))


def _sensor(decorator: Any, taken: dict[str, str]) -> Iterator[str]:
    attributes = decorator.attributes
    name = attributes["name"]
    if name is not None:
        if not isinstance(name, str) or not _is_id(name):
            yield f"name: {found(name, _ID_WORDS)}"
        elif name in taken:
            yield f"name: found {name!r}, which {taken[name]} has too; each task of a DAG needs a name of its own"
        else:
            taken[name] = "another sensor"
    for attribute, rule in RULES.items():
        value = attributes.get(attribute)
        if value is not None:
            yield from (f"{attribute}: {words}" for words in rule(value))
    if decorator.name == "airflow_s3_key_sensor":
        yield from _s3(attributes)
    elif decorator.name == "airflow_external_task_sensor":
        yield from _external(attributes)


def _s3(attributes: dict[str, Any]) -> Iterator[str]:
    """`S3Hook.get_s3_bucket_key`."""
    keys, bucket = attributes["bucket_key"], attributes["bucket_name"]
    if not keys:
        yield "bucket_key: is missing; give the key that is waited for, such as s3://bucket/key"
    for key in [keys] if isinstance(keys, str) else keys if isinstance(keys, list) else ():
        if not isinstance(key, str) or "{{" in key:
            continue  # Airflow fills in a template when the sensor runs
        url = urlsplit(key, allow_fragments=False)
        if bucket is not None and (url.scheme or url.netloc):
            yield f"bucket_key: found {shown(key)} beside bucket_name={bucket!r}; leave one out, or give the key alone"
        elif bucket is None and not (re.fullmatch(r"s3[na]?", url.scheme) and url.netloc) and not _hosted(url):
            yield f"bucket_key: {found(key, 's3://bucket/key, or a key beside bucket_name')}"


def _hosted(url: Any) -> bool:
    """A key by S3's own address: https://bucket.s3.region.amazonaws.com/key."""
    return url.scheme == "https" and "s3" in url.netloc.split(".")[:2] and bool(url.path.strip("/"))


def _external(attributes: dict[str, Any]) -> Iterator[str]:
    """`ExternalTaskSensor.__init__`."""
    dag, tasks = attributes["external_dag_id"], attributes["external_task_ids"]
    if not dag:
        yield "external_dag_id: is missing; give the id of the DAG that is waited for"
    elif isinstance(dag, str) and "{{" not in dag and not _is_id(dag):
        yield f"external_dag_id: {found(dag, _ID_WORDS)}"
    if isinstance(tasks, list) and len(set(map(str, tasks))) < len(tasks):
        yield f"external_task_ids: found {shown(tasks)}; name each task once"
    allowed = TASK_STATES if tasks else DAG_STATES
    said: list[str] = []
    for name in ("allowed_states", "failed_states"):
        states = attributes[name] or []
        if not isinstance(states, list):
            continue
        for state in states:
            if state not in allowed:
                of = "of tasks" if tasks else "of a DAG (of tasks, where external_task_ids names some)"
                yield f"{name}: {found(state, ', '.join(allowed))}{meant(state, allowed)}: these are the states {of}"
            elif state in said:
                yield f"{name}: names {state!r} again; each state is named once, in allowed_states or in failed_states"
            said.append(state)


def _is_id(value: str) -> bool:
    return len(value) <= ID_CHARACTERS and _ID.fullmatch(value) is not None and ".." not in value


def _text(value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not value:
        yield found(value, "text")


def _flag(value: Any) -> Iterator[str]:
    if not isinstance(value, bool):
        yield found(value, "True, False")


def _seconds(value: Any) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        yield found(value, "a number of seconds, 0 or more")


def _mode(value: Any) -> Iterator[str]:
    if value not in MODES:
        yield found(value, ", ".join(MODES)) + meant(value, MODES)


def _pool(value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        yield found(value, "the name of a pool: text of at most 256 characters")


def _texts(value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        yield found(value, "a list of texts")


def _text_or_texts(value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield from _texts(value)


def _text_or_flag(value: Any) -> Iterator[str]:
    if not isinstance(value, (str, bool)):
        yield found(value, "True, False, or the path of a file of certificates")


def _delta(value: Any) -> Iterator[str]:
    if not isinstance(value, timedelta):
        yield found(value, "a datetime.timedelta")


RULES: dict[str, Rule] = {
    "timeout": _seconds,
    "poke_interval": _seconds,
    "mode": _mode,
    "exponential_backoff": _flag,
    "pool": _pool,
    "soft_fail": _flag,
    "description": _text,
    "bucket_key": _text_or_texts,
    "bucket_name": _text,
    "wildcard_match": _flag,
    "aws_conn_id": _text,
    "verify": _text_or_flag,
    "external_dag_id": _text,
    "external_task_ids": _texts,
    "allowed_states": _texts,
    "failed_states": _texts,
    "execution_delta": _delta,
    "check_existence": _flag,
}
"""Attribute of a sensor → its rule; None is the default of each."""
