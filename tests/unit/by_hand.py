"""A deployment by hand, as far as it is read back: tests/unit/test_by_hand.py reads real ones."""

from __future__ import annotations

import json
from typing import Any


def definition(flow: str, token: str, file: str, options: str = "", create: str = "", **more: Any) -> str:
    """A definition as Metaflow writes it, as far as it is read."""
    task = f"python {file} {options} --quiet --environment=local --with=step_functions_internal step start"
    command = f"true && (x && {task} --run-id sfn-$METAFLOW_RUN_ID --task-id 1 {create}) 1>> >(python -m tee)"
    names = {"flow_name": flow, "owner": "ann", "production_token": token, "step_name": "start", "version": "2.19.39"}
    parameters = {
        "JobQueue": "jobs",
        "JobDefinition": "job:1",
        "Parameters": {f"metaflow.{key}": value for key, value in names.items()},
        "ContainerOverrides": {
            "Command": ["bash", "-c", command],
            "Environment": [{"Name": "METAFLOW_DATASTORE_SYSROOT_S3", "Value": "s3://bkt/metaflow"}],
        },
    }
    start = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Parameters": parameters}
    return json.dumps({"StartAt": "start", "States": {"start": {**start, "End": True}}, **more})
