"""The text of a DAG file."""

from __future__ import annotations

from collections.abc import Mapping

from flowinfra.components.inputs import SHORT
from flowinfra.model.base import Json
from flowinfra.targets.airflow.compiled import AirflowCompiled

_INDENT = "    "
_NAMES: Mapping[Json, str] = {None: "None", True: "True", False: "False"}


def dag_file(compiled: AirflowCompiled, dag: Json) -> str:
    """The file that Airflow imports: where it comes from, the description `dag`, and Metaflow's code.

    Equal flows in equal stacks give equal text: no time, user or path is in it.
    """
    flow = compiled.flow
    return (
        f"# {compiled.name}: the Metaflow flow {flow.name} of {flow.file}, version {compiled.digest[:SHORT]}.\n"
        f"# Made by flowinfra with Metaflow {compiled.metaflow}. Change the flow, not this file: it is replaced.\n"
        f"\nCONFIG = {literal(dag)}\n\n{compiled.airflow.code}"
    )


def literal(value: Json, indent: str = "") -> str:
    """JSON data as a Python literal: an entry a line, keys sorted, strings in double quotes."""
    if isinstance(value, dict):
        inner = [f"{literal(key)}: {literal(value[key], indent + _INDENT)}" for key in sorted(value)]
        return _lines("{", inner, "}", indent)
    if isinstance(value, list):
        return _lines("[", [literal(item, indent + _INDENT) for item in value], "]", indent)
    if isinstance(value, str):
        return _text(value)
    return _NAMES[value] if value is None or isinstance(value, bool) else repr(value)


def _lines(begin: str, entries: list[str], end: str, indent: str) -> str:
    if not entries:
        return begin + end
    body = "".join(f"{indent}{_INDENT}{entry},\n" for entry in entries)
    return f"{begin}\n{body}{indent}{end}"


def _text(value: str) -> str:
    """A string's literal on one line; what cannot stand in a line or in UTF-8 is escaped."""
    plain = repr(value)
    quote = plain[0]
    if quote == '"' or '"' in value:
        return plain
    return f'"{plain[1:-1]}"'
