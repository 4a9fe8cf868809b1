from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.errors import StateError, TriggerError
from flowinfra.operate.runs.stack import DeployedFlow, chosen, flows_of


def component(label: str, kind: str = "flowinfra:aws:StepFunctionsFlow", **more: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:prod::shop::{kind}::{label}", "type": kind, **more}


def state(*resources: dict[str, Any]) -> bytes:
    return json.dumps({"version": 3, "deployment": {"resources": list(resources)}}).encode()


TRAIN = component(
    "train",
    inputs={"flow": "TrainFlow", "name": "a.prod.TrainFlow", "target": "step-functions", "file": "train.py"},
    outputs={"arn": "arn:aws:states:x", "trigger": "python flows/train.py step-functions trigger"},
)
ON_ARGO = component(
    "other", "flowinfra:argo:ArgoFlow", inputs={"flow": "TrainFlow", "name": "a-prod-trainflow", "target": "argo"}
)


def test_flows_of_a_state() -> None:
    gone = {**TRAIN, "delete": True}
    train, other = flows_of(state(TRAIN, gone, ON_ARGO, component("r", "aws:iam/role:Role")), "prod")
    assert (train.label, train.flow, train.name, train.arn) == (
        "train",
        "TrainFlow",
        "a.prod.TrainFlow",
        "arn:aws:states:x",
    )
    assert (other.target, other.arn) == ("argo", None)
    assert train.trigger == "python flows/train.py step-functions trigger"
    assert other.trigger == "python FLOW.py argo trigger"
    with pytest.raises(StateError, match="has no resources"):
        flows_of(state(), "prod")


@pytest.mark.parametrize("wanted", ["train", "TrainFlow", "a.prod.TrainFlow"])
def test_a_flow_has_three_names(wanted: str) -> None:
    flows = flows_of(state(TRAIN), "prod")
    assert chosen(flows, wanted, "prod").label == "train"


def test_a_flow_that_cannot_be_told_or_is_not_there() -> None:
    flows = flows_of(state(TRAIN, ON_ARGO), "prod")
    with pytest.raises(TriggerError, match=r"say which one: other \(argo\), train \(step-functions\)"):
        chosen(flows, "TrainFlow", "prod")
    with pytest.raises(TriggerError, match=r"did you mean 'TrainFlow'\?\); deployed are: a-prod-trainflow, a\.prod"):
        chosen(flows, "TranFlow", "prod")
    none: list[DeployedFlow] = []
    with pytest.raises(TriggerError, match="has no flow deployed: `pulumi up -s prod`"):
        chosen(none, "X", "prod")
