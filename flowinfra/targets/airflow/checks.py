"""What a flow says and Airflow does not do, or does otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from flowinfra.compiler.driver.protocol import Flow
from flowinfra.compiler.flow_checks import parts_of_minutes
from flowinfra.compiler.request import CompileRequest


def warnings(_request: CompileRequest, described: Flow) -> Iterator[str]:
    """Pauses between the attempts of a step."""
    return parts_of_minutes("Airflow", described)
