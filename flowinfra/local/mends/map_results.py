"""A distributed map writes its results.

AWS: the ResultWriter exports `manifest.json` and, beside it, `SUCCEEDED_0.json` with the output of each
child execution (https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html).
Metaflow's foreach joins of a distributed map read both.

moto: writes a manifest that lists no result file.
"""

from __future__ import annotations

import json
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval.resource_eval_s3 import (
    ResourceEvalS3,
)

from flowinfra.local.mends.mend import Mend, patch


def put_object(env: Any, resource_runtime_part: Any, state_credentials: Any) -> None:
    """Write the results of the map that has just ended, and leave what AWS leaves in the state."""
    parameters = env.stack.pop()
    results = env.stack.pop()
    client = ResourceEvalS3._get_s3_client(
        resource_runtime_part=resource_runtime_part, state_credentials=state_credentials
    )
    run_arn = env.map_run_record_pool_manager.get_all().pop().map_run_arn
    bucket, prefix = parameters["Bucket"], parameters.get("Prefix", "").strip("/")
    folder = "/".join(part for part in (prefix, run_arn.split(":")[-1]) if part)
    children = [
        {"Name": str(index), "Status": "SUCCEEDED", "Output": json.dumps(result)}
        for index, result in enumerate(results)
    ]
    body = json.dumps(children).encode()
    succeeded = {"Key": f"{folder}/SUCCEEDED_0.json", "Size": len(body)}
    manifest = {
        "DestinationBucket": bucket,
        "MapRunArn": run_arn,
        "ResultFiles": {"FAILED": [], "PENDING": [], "SUCCEEDED": [succeeded]},
    }
    client.put_object(Bucket=bucket, Key=succeeded["Key"], Body=body)
    key = f"{folder}/manifest.json"
    client.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())
    env.stack.append({"MapRunArn": run_arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}})


MEND = Mend("map-results", (patch(ResourceEvalS3, "_handle_put_object", staticmethod(put_object)),))
