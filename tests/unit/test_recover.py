"""The state of a stack after a deploy that was killed."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from flowinfra.clouds.aws import Access
from flowinfra.operate import recover
from flowinfra.operate.recover import adopt, creations

PREFIX = "urn:pulumi:prod::shop::"
PROVIDER = f"{PREFIX}pulumi:providers:aws::default"
TAGS = {"flowinfra:project": "shop", "flowinfra:stack": "prod", "flowinfra:flow": "Flow"}
ROLE = "arn:aws-cn:iam::123456789012:role/states"


def operation(kind: str, name: str, inputs: dict[str, Any], what: str = "creating") -> dict[str, Any]:
    resource = {"urn": f"{PREFIX}{kind}::{name}", "type": kind, "provider": f"{PROVIDER}::1", "inputs": inputs}
    return {"type": what, "resource": resource}


ARN = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:"
MACHINE = operation("aws:sfn/stateMachine:StateMachine", "machine", {"name": "Flow", "roleArn": ROLE, "tags": TAGS})
OBJECT_CREATION = operation("aws:s3/bucketObjectv2:BucketObjectv2", "package", {"bucket": "b", "key": "k"})
UPDATE = operation("aws:iam/role:Role", "other", {"name": "other"}, "updating")


def state(*pending: dict[str, Any]) -> dict[str, Any]:
    provider = {"urn": PROVIDER, "id": "1", "type": "pulumi:providers:aws", "inputs": {"region": "cn-north-1"}}
    return {"resources": [provider], "pending_operations": list(pending), "metadata": {}}


def test_a_state_machines_arn_follows_from_its_inputs() -> None:
    inputs = {"name": "fraud.prod.Flow", "roleArn": ROLE, "tags": TAGS, "region": "cn-north-1"}
    dotted = operation("flowinfra-aws:sfn:StateMachine", "dotted", inputs)
    found = {each.name: each for each in creations(state(OBJECT_CREATION, UPDATE, MACHINE, dotted))}
    assert {name: each.arn for name, each in found.items()} == {
        "machine": f"{ARN}Flow",
        "dotted": f"{ARN}fraud.prod.Flow",
    }
    assert all(each.tags == TAGS and each.region == "cn-north-1" for each in found.values())


def test_a_pod_identity_is_found_by_its_service_account() -> None:
    inputs = {"clusterName": "prod", "namespace": "flows", "serviceAccount": "a", "roleArn": ROLE, "tags": TAGS}
    pods = operation("aws:eks/podIdentityAssociation:PodIdentityAssociation", "pods", inputs)
    [found] = creations(state(OBJECT_CREATION, pods))
    assert (found.arn, found.tags) == ("arn:aws-cn:eks:cn-north-1:123456789012:cluster/prod", TAGS)
    mended = adopt(state(pods), {found.urn: "a-1"})["resources"][-1]
    # the provider reads it by this output
    assert (mended["id"], mended["outputs"]) == ("a-1", {**inputs, "associationId": "a-1"})

    made = [{"associationId": "a-1"}]
    tags = [TAGS]

    class Client:
        def list_pod_identity_associations(self, **asked: str) -> dict[str, Any]:
            assert asked == {"clusterName": "prod", "namespace": "flows", "serviceAccount": "a"}
            return {"associations": made}

        def describe_pod_identity_association(self, **asked: str) -> dict[str, Any]:
            assert asked == {"clusterName": "prod", "associationId": "a-1"}
            return {"association": {"tags": tags[0]}}

    class Session:
        def client(self, service: str) -> Client:
            assert service == "eks"
            return Client()

    class Opened(Access):
        def session(self, region: str | None = None) -> Any:
            assert region == "cn-north-1"
            return Session()

    assert recover._identifier(found, Opened()) == "a-1"
    tags[0] = {**TAGS, "flowinfra:stack": "dev"}
    assert recover._identifier(found, Opened()) is None
    made.clear()
    assert recover._identifier(found, Opened()) is None


def test_a_schedule_is_its_stacks_where_it_starts_the_same_by_the_same_role() -> None:
    target = {"arn": "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:a", "roleArn": ROLE}
    inputs = {"name": "a", "groupName": "default", "target": target}
    [found] = creations(state(operation("aws:scheduler/schedule:Schedule", "schedule", inputs)))
    assert found.arn == "arn:aws-cn:scheduler:cn-north-1:123456789012:schedule/default/a"
    there = {"Arn": target["arn"], "RoleArn": ROLE}

    class Client:
        def get_schedule(self, **asked: str) -> dict[str, Any]:
            assert asked == {"GroupName": "default", "Name": "a"}
            if not there:
                raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSchedule")
            return {"Target": there}

    class Session:
        def client(self, service: str) -> Client:
            assert service == "scheduler"
            return Client()

    class Opened(Access):
        def session(self, region: str | None = None) -> Any:
            return Session()

    assert recover._identifier(found, Opened()) == "default/a"
    there["RoleArn"] = f"{ROLE}-of-another-stack"
    assert recover._identifier(found, Opened()) is None
    there.clear()
    assert recover._identifier(found, Opened()) is None


def test_what_is_there_enters_the_state_and_the_rest_is_made_again() -> None:
    before = state(MACHINE, OBJECT_CREATION, UPDATE)
    after = adopt(before, {MACHINE["resource"]["urn"]: f"{ARN}Flow"})
    assert after["resources"][:-1] == before["resources"]
    assert after["resources"][-1]["id"] == f"{ARN}Flow"
    assert after["resources"][-1]["inputs"] == after["resources"][-1]["outputs"]
    assert after["pending_operations"] == [UPDATE]
    assert after["metadata"] == {}


def test_a_state_without_pending_creations_stays_as_it_is() -> None:
    before: dict[str, Any] = {"resources": [], "manifest": {}}
    assert adopt(before, {}) == before


def test_a_creation_that_the_state_has_is_not_under_way() -> None:
    known = state(MACHINE)
    known["resources"].append({**MACHINE["resource"], "id": f"{ARN}Flow"})
    assert list(creations(known)) == []
