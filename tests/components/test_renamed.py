"""A flow that was renamed is, for Pulumi, the component that the stack has, whatever runs it."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from flowinfra import StepFunctionsFlow
from tests.components import test_airflow_flow, test_argo_flow
from tests.components.mocked import outputs
from tests.components.test_step_functions_flow import platform
from tests.unit.components.compiled import compiled


def on_step_functions(**args: Any) -> Any:
    given: Any = {"flow": compiled("linear"), "platform": platform(), **args}
    return StepFunctionsFlow("flow", given)


def on_argo(**args: Any) -> Any:
    return test_argo_flow.flow("linear", None, **args)


def on_airflow(**args: Any) -> Any:
    return test_airflow_flow.flow("linear", None, **args)


@pytest.mark.parametrize("made", [on_step_functions, on_argo, on_airflow])
def test_its_earlier_name_is_an_alias(made: Any) -> None:
    def aliases(**args: Any) -> list[str]:
        urns = outputs(lambda: pulumi.Output.all(*made(**args)._aliases))
        return [urn.rsplit("::", 1)[-1] for urn in urns]

    assert aliases() == []
    assert aliases(renamed_from="OldFlow") == ["OldFlow", "oldflow"]
