"""`flowinfra permissions` of stacks whose flows have a role for their pods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.errors import Problems
from flowinfra.operate.permissions import permissions
from flowinfra.stack.parsing import check_stack
from tests.unit.sources import source, write_flow

PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABCDEF"


def statements(folder: Path, purpose: Any, target: str, roles: dict[str, str]) -> dict[str, dict[str, Any]]:
    places = {
        "argo": {"kubernetes": {"namespace": "flows", "pod_roles": roles}},
        "airflow": {"airflow": {"namespace": "jobs", "pod_roles": roles, "dags": {"config_maps": "airflow"}}},
    }
    write_flow(folder, source())
    (folder / "stacks").mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text("name: app\nruntime: python\nstackConfigDir: stacks\n")
    config = {
        "aws:region": "us-east-1",
        "flowinfra:platform": {"bucket": "bkt", "account": "123456789012", **places[target]},
        "flowinfra:flows": [{"flow": "flow.py", "target": target}],
    }
    (folder / "stacks/Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    found = permissions("dev", purpose, folder)["Statement"]
    return {statement["Sid"]: statement for statement in found}


@pytest.mark.parametrize("target", ["argo", "airflow"])
def test_deploying_roles_of_pods(target: str, tmp_path: Path) -> None:
    found = statements(tmp_path, "deploy", target, {"cluster": "prod"})
    assert "arn:aws:iam::123456789012:role/app-dev-*" in found["Roles"]["Resource"]
    assert found["PodIdentities"]["Resource"] == [
        "arn:aws:eks:us-east-1:123456789012:cluster/prod",
        "arn:aws:eks:us-east-1:123456789012:podidentityassociation/prod/*",
    ]
    assert {"eks:CreatePodIdentityAssociation", "eks:DeletePodIdentityAssociation"} < {
        *found["PodIdentities"]["Action"]
    }
    condition = found["PassPodRoles"]["Condition"]
    assert condition == {"StringEquals": {"iam:PassedToService": ["pods.eks.amazonaws.com"]}}
    assert found["PassPodRoles"]["Resource"] == found["Roles"]["Resource"]
    seen = statements(tmp_path, "preview", target, {"cluster": "prod"})
    assert seen["PodIdentities"]["Action"] == ["eks:DescribePodIdentityAssociation"]
    assert "PassPodRoles" not in seen


def test_a_role_by_an_oidc_provider_is_passed_to_nobody(tmp_path: Path) -> None:
    found = statements(tmp_path, "deploy", "argo", {"oidc_provider": PROVIDER})
    assert "iam:CreateRole" in found["Roles"]["Action"]
    assert not {"PodIdentities", "PassPodRoles", "PassRoles"} & found.keys()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"pod_roles": {}}, "pod_roles: found nothing, allowed: one of cluster, oidc_provider"),
        (
            {"pod_roles": {"cluster": "a", "oidc_provider": PROVIDER}},
            "pod_roles: found cluster, oidc_provider, allowed",
        ),
        ({"pod_roles": {"cluster": "a b"}}, "pod_roles.cluster: found 'a b', allowed: text that matches"),
        ({"pod_roles": {"oidc_provider": "arn:x"}}, "pod_roles.oidc_provider: found 'arn:x'"),
        (
            {"pod_roles": {"cluster": "a"}, "service_account": "x"},
            "service_account: is one for all flows, and pod_roles",
        ),
    ],
)
@pytest.mark.parametrize("target", ["kubernetes", "airflow"])
def test_what_a_stacks_file_may_not_say(place: dict[str, Any], words: str, target: str) -> None:
    more = {} if target == "kubernetes" else {"dags": {"config_maps": "a"}}
    values = {"platform": {"bucket": "b", target: {"namespace": "x", **place, **more}}}
    with pytest.raises(Problems) as caught:
        check_stack(values, "stacks/Pulumi.x.yaml")
    assert f"stacks/Pulumi.x.yaml: flowinfra:platform.{target}.{words}" in str(caught.value)


def test_one_role_for_all_and_one_for_each_are_refused_together() -> None:
    place = {"namespace": "x", "pod_roles": {"cluster": "a"}, "pod_role": "arn:aws:iam::123456789012:role/x"}
    with pytest.raises(Problems, match="pod_role: is one for all flows, and pod_roles are one for each"):
        check_stack({"platform": {"bucket": "b", "kubernetes": place}}, "x.yaml")
    place = {"namespace": "x", "pod_roles": {"cluster": "a"}}
    with pytest.raises(Problems, match="pod_roles: are roles of AWS, and the datastore is 'gs'"):
        check_stack({"platform": {"bucket": "b", "datastore": "gs", "kubernetes": place}}, "x.yaml")
