"""`flowinfra permissions` of stacks whose flows wait for several events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.operate.permissions import permissions
from tests.unit.sources import source, write_flow

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine"


@pytest.mark.parametrize("purpose", ["preview", "deploy", "destroy", "laptop"])
def test_what_keeps_events_is_the_pipelines_alone(purpose: Any, tmp_path: Path) -> None:
    at = {"cron": "0 8 1 * mon"}
    write_flow(tmp_path, source(decorators=f'@trigger(events=["a", "b"], options={{"reset_at": {at}}})'))
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
    platform = {"bucket": "bkt", "queue": "jobs", "table": "foreach", "account": "123456789012"}
    config = {"aws:region": "us-east-1", "flowinfra:platform": platform, "flowinfra:flows": [{"flow": "flow.py"}]}
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    found = {statement["Sid"]: statement for statement in permissions("dev", purpose, tmp_path)["Statement"]}
    assert (f"{ARN}:SmallFlow-events" in found["StateMachines"]["Resource"]) == (purpose != "laptop")
    if purpose in ("deploy", "destroy"):
        kept = found["KeptEvents"]
        assert kept["Action"] == ["dynamodb:DeleteItem"]
        assert kept["Resource"] == ["arn:aws:dynamodb:us-east-1:123456789012:table/foreach"]
        keys = {"dynamodb:LeadingKeys": ["flowinfra/events/SmallFlow"]}
        assert kept["Condition"] == {"ForAllValues:StringEquals": keys}
    else:
        assert "KeptEvents" not in found
    if purpose != "laptop":
        names = [arn.rpartition("/")[2] for arn in found["Schedules"]["Resource"]]
        assert names == ["SmallFlow-events", "SmallFlow-events--2"]
