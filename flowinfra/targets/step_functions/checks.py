"""What a flow says and Step Functions does not do, or does otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from flowinfra.compiler.driver.protocol import Flow
from flowinfra.compiler.flow_checks import retry_minutes
from flowinfra.compiler.request import CompileRequest


def warnings(_request: CompileRequest, described: Flow) -> Iterator[str]:
    """Pauses between the attempts of a step."""
    for step, minutes in retry_minutes(described):
        if minutes > 0:
            yield (
                f"step {step}: @retry(minutes_between_retries={minutes:g}) has no effect on Step Functions: "
                "AWS Batch starts the next attempt at once (Netflix/metaflow#678). Write 0 if no pause is needed; "
                "Argo and Airflow wait"
            )
