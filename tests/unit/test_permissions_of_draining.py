"""`flowinfra permissions` of stacks whose executions are waited for before a flow is removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.operate.permissions import permissions
from tests.unit.sources import source, write_flow


@pytest.mark.parametrize(
    ("drain", "purpose", "lists"),
    [(600, "deploy", True), (600, "destroy", True), (600, "preview", False), (None, "deploy", False)],
)
def test_who_deletes_may_look_for_executions(drain: int | None, purpose: Any, lists: bool, tmp_path: Path) -> None:
    write_flow(tmp_path, source())
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
    config = {
        "aws:region": "us-east-1",
        "flowinfra:platform": {"bucket": "bkt", "queue": "jobs", "account": "123456789012"},
        "flowinfra:flows": [{"flow": "flow.py", **({"step_functions": {"drain": drain}} if drain else {})}],
    }
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    found = {statement["Sid"]: statement for statement in permissions("dev", purpose, tmp_path)["Statement"]}
    assert ("WaitForExecutions" in found) == lists
    if lists:
        assert found["WaitForExecutions"]["Action"] == ["states:ListExecutions"]
        assert found["WaitForExecutions"]["Resource"] == found["StateMachines"]["Resource"]
