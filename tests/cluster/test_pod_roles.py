"""A role for the pods of a flow, in the cluster and in the embedded AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flowinfra.components.pod_roles import ROLE_ARN
from flowinfra.local.identity import ACCOUNT
from tests.cluster.rig.cluster import Cluster
from tests.cluster.support import ArgoStack
from tests.engine.project import flow_source

PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABCDEF"


def service_account(stack: ArgoStack) -> dict[str, Any]:
    """The flow's own, as the apiserver has it."""
    path = f"/api/v1/namespaces/{stack.namespace}/serviceaccounts"
    (found,) = stack.cluster.api.items(path, labelSelector=f"flowinfra/project={stack.project.name}")
    metadata: dict[str, Any] = found["metadata"]
    return metadata


def roles(cluster: Cluster, stack: ArgoStack) -> list[dict[str, Any]]:
    """Roles of IAM that the stack made."""
    found = cluster.client("iam").list_roles()["Roles"]
    return [role for role in found if role["RoleName"].startswith(stack.project.name)]


def test_a_flow_has_a_role_by_pod_identity_and_then_by_irsa(cluster: Cluster, tmp_path: Path) -> None:
    eks = cluster.client("eks")
    eks.create_cluster(name="prod", roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks", resourcesVpcConfig={"subnetIds": []})
    stack = ArgoStack(cluster, tmp_path / "project", cluster.namespace("roles"))
    stack.project.write("flows/a_flow.py", flow_source("AFlow"))
    stack.configure({"flow": "flows/a_flow.py", "reads": ["Train"]}, pod_roles={"cluster": "prod"})
    stack.project.up()
    (role,) = roles(cluster, stack)
    (association,) = eks.list_pod_identity_associations(clusterName="prod", namespace=stack.namespace)["associations"]
    account = service_account(stack)
    assert association["serviceAccount"] == account["name"]
    assert ROLE_ARN not in account["annotations"]
    spec = stack.live("workflowtemplates")["aflow"]["spec"]
    assert {each["serviceAccountName"] for each in spec["templates"] if "container" in each} == {account["name"]}
    assert stack.project.preview() == {}
    stack.project.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.project.preview() == {}

    stack.configure({"flow": "flows/a_flow.py", "reads": ["Train"]}, pod_roles={"oidc_provider": PROVIDER})
    changed = {name: step["op"] for name, step in stack.project.preview().items()}
    assert changed.pop("aflow-pods-role") == "update"
    assert changed.pop("aflow-pod-identity") == "delete"
    assert changed == {"aflow": "update", "aflow-pods-account": "update"}
    stack.project.up()
    assert service_account(stack)["annotations"][ROLE_ARN] == role["Arn"]
    trust = json.dumps(roles(cluster, stack)[0]["AssumeRolePolicyDocument"])
    assert f"system:serviceaccount:{stack.namespace}:{account['name']}" in trust
    assert eks.list_pod_identity_associations(clusterName="prod")["associations"] == []
    assert stack.project.preview() == {}

    stack.project.pulumi("destroy", "--yes", "--skip-preview")
    assert roles(cluster, stack) == []
    assert stack.live("workflowtemplates") == {}
