"""What provider plugins ask of Step Functions and S3 beside what Metaflow does.

AWS: Step Functions has ValidateStateMachineDefinition, which says what is wrong with a definition before anything
is made (https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html), and
ListStateMachineVersions, newest first. terraform-provider-aws asks the one for each definition that changes and the
other with each refresh (`internal/service/sfn/state_machine.go`); flowinfra-aws asks the first.
S3 has GetBucketRequestPayment, which each read of a bucket asks (`internal/service/s3/bucket.go`).

moto: has none of them; to the last it answers with the list of objects.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.s3.responses import S3Response
from moto.stepfunctions.responses import StepFunctionResponse

from flowinfra.local.mends.mend import Mend, addition, patch
from flowinfra.local.plugin.asl import diagnose

_bucket_get = S3Response._bucket_response_get
_PAYER = """<?xml version="1.0" encoding="UTF-8"?>
<RequestPaymentConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Payer>BucketOwner</Payer></RequestPaymentConfiguration>
"""
_MOST_DIAGNOSTICS = 100
"""Most diagnostics of one answer, by AWS's default."""


def validate(self: StepFunctionResponse) -> ActionResult:
    """Say what is surely wrong with a definition."""
    found = diagnose(self._get_param("definition"))
    most = self._get_param("maxResults") or _MOST_DIAGNOSTICS
    diagnostics = [
        {"severity": "ERROR", "code": each.code, "message": each.message, "location": each.location}
        for each in found[:most]
    ]
    return ActionResult(
        {"result": "FAIL" if found else "OK", "diagnostics": diagnostics, "truncated": len(found) > most}
    )


def list_versions(self: StepFunctionResponse) -> ActionResult:
    """List the published versions of a state machine, the newest first."""
    machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    versions = [
        {"stateMachineVersionArn": version.arn, "creationDate": version.creation_date}
        for _, version in sorted(machine.versions.items(), reverse=True)
    ]
    return ActionResult({"stateMachineVersions": versions})


def bucket_get(self: S3Response, bucket_name: str, querystring: dict[str, Any]) -> Any:
    """Say who pays, or answer as moto does."""
    return _PAYER if "requestPayment" in querystring else _bucket_get(self, bucket_name, querystring)


MEND = Mend(
    "asked-by-providers",
    (
        addition(StepFunctionResponse, "validate_state_machine_definition", validate),
        addition(StepFunctionResponse, "list_state_machine_versions", list_versions),
        patch(S3Response, "_bucket_response_get", bucket_get),
    ),
)
