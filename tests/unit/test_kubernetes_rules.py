"""What a pod may be given: each attribute of @kubernetes with values that Kubernetes takes, and that it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from metaflow.plugins.kubernetes.kubernetes_decorator import KubernetesDecorator

from flowinfra.compiler.driver.kubernetes_check import mounts, variables
from flowinfra.compiler.driver.kubernetes_rules import RULES, problems
from flowinfra.compiler.driver.kubernetes_security import normal

EXISTS = {"key": "spot", "operator": "Exists"}

TAKEN: dict[str, list[Any]] = {
    "cpu": [1, 0.5, "2", "2.5", "1e3", 0.00001],
    "memory": [4096, "4096", 512.5, "4096.0", 10**15],
    "disk": [10240, "10240"],
    "gpu": [0, 1, "2"],
    "gpu_vendor": ["nvidia", "amd"],
    "qos": ["Guaranteed", "Burstable", "burstable"],
    "shared_memory": [0, 64],
    "tmpfs_size": [64, "64"],
    "tmpfs_path": ["/metaflow_temp"],
    "tmpfs_tempdir": [True, False],
    "use_tmpfs": [True, False, "True"],
    "port": [8080, "8080", 1, 65535],
    "hostname_resolution_timeout": [600],
    "image": ["python:3.11", "registry.example.com:5000/team/image:1.2"],
    "image_pull_policy": ["Always", "IfNotPresent", "Never"],
    "image_pull_secrets": [[], ["registry"], ("registry", "a.b")],
    "secrets": ["database", ["database", "api.keys"]],
    "service_account": ["default", "team.trainer"],
    "namespace": ["jobs"],
    "compute_pool": ["big"],
    "labels": [{}, {"app": "a", "example.com/team": "A_b.c"}, {"spot": None, "empty": ""}],
    "annotations": [{"prometheus.io/port": "8080", "note": "any text: {}, 'ä'\n"}, {"note": None}],
    "node_selector": [{"disk": "ssd"}, "disk=ssd,zone=a", {"gpu": ""}],
    "tolerations": [
        [],
        [EXISTS, {"operator": "Exists"}, {"key": "spot", "value": "yes", "effect": "NoSchedule"}],
        [{"key": "spot", "operator": "Exists", "effect": "NoExecute", "toleration_seconds": 60}],
        [{"key": "spot", "operator": "Equal", "value": None, "effect": None, "toleration_seconds": None}],
    ],
    "extended_resources": [{}, {"example.com/dongle": 1, "hugepages-2Mi": "128Mi"}, {"example.com/dongle": "2k"}],
    "persistent_volume_claims": [
        {},
        {"data": "/mnt/data", "more.data": "relative", "out": "/b", "dhsm": "/c"},
        {"models.v2": "/models"},
    ],
    "security_context": [
        {},
        {"run_as_user": 1000, "run_as_group": 0, "run_as_non_root": True, "privileged": None},
        {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}, "allow_privilege_escalation": False},
        {"seccomp_profile": {"type": "Localhost", "localhostProfile": "profiles/a.json"}, "proc_mount": "Default"},
        {"app_armor_profile": {"type": "RuntimeDefault"}, "se_linux_options": {"level": "s0:c123,c456"}},
        {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        {"windows_options": {"runAsUserName": "user", "hostProcess": False}},
    ],
}

REFUSED: list[tuple[str, Any, str, str]] = [
    ("cpu", "500m", "", "found '500m', allowed: a number of vCPUs, greater than 0, without a unit. For 500m write 0.5"),
    ("cpu", "1500m", "", "For 1500m write 1.5"),
    *(("cpu", value, "", "without a unit") for value in (0, -1, True, "inf", "nan", "1_0", " 1", "lots", [1], "2 ")),
    ("memory", "4Gi", "", "a number of MB (1,000,000 bytes), greater than 0, without a unit. For 4Gi write 4295"),
    ("memory", "512M", "", "For 512M write 512"),
    *(("memory", value, "", "without a unit") for value in ("1e3", 1e-7, "", {}, float("inf"), 10**16, False)),  # type: ignore[var-annotated]
    ("disk", "10Gi", "", "For 10Gi write 10738"),
    ("shared_memory", "1Gi", "", "a whole number of MiB. For 1Gi write 1024"),
    *(("shared_memory", value, "", "a whole number of MiB") for value in (-1, 1.5, "64", True)),
    ("tmpfs_size", "1Gi", "", "For 1Gi write 1024"),
    *(("tmpfs_size", value, "", "found") for value in (-1, 1.5, "1.0", True)),
    *(("gpu", value, "", "a whole number of GPUs") for value in (-1, 0.5, 1.0, "half", True)),
    ("gpu_vendor", "NVIDIA", "", "allowed: amd, nvidia"),
    ("gpu_vendor", "nvida", "", "(did you mean 'nvidia'?)"),
    ("qos", "BestEffort", "", "allowed: Guaranteed, Burstable"),
    ("tmpfs_path", "", "", "a path in the container"),
    ("use_tmpfs", "False", "", "allowed: True, False"),
    ("tmpfs_tempdir", 1, "", "allowed: True, False"),
    *(("port", value, "", "from 1 to 65535") for value in (65536, -1, "http", 80.5, True)),
    ("image", "Python:3.11", "", "an image's name"),
    ("image", 3, "", "an image's name"),
    ("image_pull_policy", "always", "", "allowed: Always, IfNotPresent, Never (did you mean 'Always'?)"),
    ("image_pull_secrets", "registry", "", "a list of names"),
    ("image_pull_secrets", ["Registry"], "[0]", "a Secret's name"),
    ("secrets", "a,b", "", "several names are a list"),
    ("secrets", ["ok", "b_c", 5], "[1]", "a Secret's name"),
    ("secrets", {"a": 1}, "", "a list of names"),
    ("service_account", "My_Account", "", "a service account's name"),
    ("namespace", "a.b", "", "a namespace's name"),
    ("compute_pool", "a b", "", "at most 63 letters"),
    ("labels", {"team": 5}, ".team", "found 5, allowed: text: write '5'"),
    ("labels", {"on": True}, ".on", "write 'true'"),
    ("labels", {"app": "a b"}, ".app", "at most 63 letters, digits"),
    ("labels", {"a b": "x"}, "['a b']", "the key 'a b' is refused by Kubernetes"),
    ("labels", {5: "x"}, "[5]", "the key 5"),
    ("labels", ["app"], "", "a mapping"),
    ("annotations", {"prometheus.io/port": 8080}, "['prometheus.io/port']", "found 8080, allowed: text: write '8080'"),
    ("annotations", {"a b": "x"}, "['a b']", "the key 'a b'"),
    ("annotations", {"big": "a" * 262_144}, "", "has 262,147 bytes, allowed are 262,144 in all"),
    ("node_selector", {"gpu": True}, ".gpu", "write 'true'"),
    ("node_selector", {"gpu": None}, ".gpu", "found None, allowed: text"),
    ("node_selector", "disk", "", "names each key once"),
    ("node_selector", "a=b,a=c", "", "names each key once"),
    ("node_selector", "a b=c", "['a b']", "the key 'a b'"),
    ("tolerations", {"key": "spot"}, "", "a list of mappings"),
    ("tolerations", ["spot"], "[0]", "a mapping"),
    ("tolerations", [EXISTS, {"key": "a", "operator": "exists"}], "[1].operator", "(did you mean 'Exists'?)"),
    ("tolerations", [{**EXISTS, "value": "x"}], "[0].value", "the operator Exists takes no value"),
    ("tolerations", [{"value": "x"}], "[0]", "has no key"),
    ("tolerations", [{"key": "a", "value": True}], "[0].value", "found True, allowed: text"),
    ("tolerations", [{"key": "a", "value": "a b"}], "[0].value", "at most 63 letters"),
    ("tolerations", [{"key": "a b"}], "[0].key", "at most 63 letters"),
    ("tolerations", [{**EXISTS, "effect": "NoExecuted"}], "[0].effect", "(did you mean 'NoExecute'?)"),
    ("tolerations", [{**EXISTS, "toleration_seconds": 60}], "[0].toleration_seconds", "it needs effect NoExecute"),
    (
        "tolerations",
        [{**EXISTS, "effect": "NoExecute", "toleration_seconds": "60"}],
        "[0].toleration_seconds",
        "a whole number of seconds",
    ),
    ("tolerations", [{**EXISTS, "tolerationSeconds": 60}], "[0]", "did you mean 'toleration_seconds'?"),
    ("tolerations", [{**EXISTS, "toleration_secs": 60}], "[0]", "(did you mean 'toleration_seconds'?)"),
    ("extended_resources", {"dongle": 1}, ".dongle", "not a resource that a container can have"),
    ("extended_resources", {"example.com/dongle": 0.5}, "['example.com/dongle']", "a whole number"),
    ("extended_resources", {"example.com/dongle": -1}, "['example.com/dongle']", "a whole number"),
    (
        "extended_resources",
        {"hugepages-2Mi": "3Mi"},
        "['hugepages-2Mi']",
        "a multiple of the page's size, such as '2Mi'",
    ),
    ("extended_resources", {"hugepages-2Mi": "many"}, "['hugepages-2Mi']", "a quantity"),
    ("extended_resources", {"example.com/my_dongle": 1}, "['example.com/my_dongle']", "does not keep the '_'"),
    ("persistent_volume_claims", {"A_b": "/mnt"}, ".A_b", "a claim's name: at most 253 small letters"),
    ("persistent_volume_claims", {"a..b": "/mnt"}, "['a..b']", "at most 253 small letters"),
    ("persistent_volume_claims", {"data": ""}, ".data", "a path in the container"),
    ("persistent_volume_claims", {"data": "/a:/b"}, ".data", "without ':'"),
    ("persistent_volume_claims", ["data"], "", "a mapping"),
    ("security_context", {"run_as": 1}, "", "(did you mean 'run_as_user'?), allowed: allow_privilege_escalation, "),
    ("security_context", {"runAsUser": "1000"}, ".run_as_user", "a whole number from 0 to 2147483647"),
    ("security_context", {"run_as_user": -1}, ".run_as_user", "a whole number"),
    ("security_context", {"privileged": "yes"}, ".privileged", "True, False"),
    ("security_context", {"proc_mount": "Unmasked"}, ".proc_mount", "allowed: Default"),
    ("security_context", {"capabilities": {"add": "ALL"}}, ".capabilities.add", "a list of names"),
    ("security_context", {"capabilities": ["ALL"]}, ".capabilities", "a mapping of add, drop"),
    ("security_context", {"seccomp_profile": {"type": "localhost"}}, ".seccomp_profile.type", "(did you mean "),
    (
        "security_context",
        {"seccomp_profile": {"type": "Localhost"}},
        ".seccomp_profile",
        "goes with the type Localhost",
    ),
    (
        "security_context",
        {"seccomp_profile": {"type": "Localhost", "localhostProfile": "/etc/a"}},
        ".seccomp_profile.localhostProfile",
        "a path in the node's folder of profiles",
    ),
    ("security_context", {"windows_options": {"hostProcess": True}}, ".windows_options.hostProcess", "allowed: False"),
    ("security_context", {"windows_options": {"runAsUserName": ""}}, ".windows_options.runAsUserName", "not empty"),
    ("security_context", {"seccomp_profile": {}}, ".seccomp_profile", "has no type"),
    ("security_context", {"privileged": True, "allow_privilege_escalation": False}, "", "refuses both together"),
    (
        "security_context",
        {"allow_privilege_escalation": False, "capabilities": {"add": ["CAP_SYS_ADMIN"]}},
        "",
        "refuses both together",
    ),
    ("security_context", {"run_as_non_root": True, "run_as_user": 0}, "", "would never start"),
    ("security_context", "root", "", "a mapping"),
]


def test_each_attribute_of_metaflows_decorator_has_a_rule() -> None:
    assert set(KubernetesDecorator.defaults) - {"executable"} == set(RULES) == set(TAKEN)
    assert {attribute for attribute, _, _, _ in REFUSED} >= set(RULES) - {"hostname_resolution_timeout"}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [pytest.param(name, one, id=f"{name}-{one!r}"[:60]) for name in TAKEN for one in TAKEN[name]],
)
def test_what_kubernetes_takes(attribute: str, value: Any) -> None:
    assert list(problems(attribute, value)) == []


@pytest.mark.parametrize(
    ("attribute", "value", "where", "words"),
    [pytest.param(*case, id=f"{case[0]}-{case[1]!r}"[:60]) for case in REFUSED],
)
def test_what_is_refused(attribute: str, value: Any, where: str, words: str) -> None:
    found = dict(problems(attribute, value))
    assert where in found, found
    assert words in found[where]


@pytest.mark.parametrize("attribute", sorted(RULES))
def test_no_value_is_the_default(attribute: str) -> None:
    assert list(problems(attribute, None)) == []


@pytest.mark.parametrize("attribute", ["image", "image_pull_policy", "service_account", "secrets", "node_selector"])
def test_an_empty_text_is_the_default_too(attribute: str) -> None:
    assert list(problems(attribute, "")) == []


def test_a_security_context_has_metaflows_names() -> None:
    given = {"runAsUser": 1, "run_as_group": 2, "seccompProfile": {"type": "Localhost", "localhost_profile": "a"}}
    assert normal(given) == {
        "run_as_user": 1,
        "run_as_group": 2,
        "seccomp_profile": {"type": "Localhost", "localhostProfile": "a"},
    }


def test_variables() -> None:
    assert list(variables({"A": 1, "b.c": None, "_D": "x"})) == []
    assert [where for where, _ in variables({"A B": "x", "1": "x", 5: "x", "N": "a\0b", "": ""})] == [
        "['A B']",
        ".1",
        "[5]",
        ".N",
        "['']",
    ]
    assert [words for _, words in variables("A=B")] == ["found str, allowed: a mapping of names to texts"]


@pytest.mark.parametrize(
    ("attributes", "where"),
    [
        ({"persistent_volume_claims": {"a": "/mnt/out"}}, "persistent_volume_claims.a"),
        ({"persistent_volume_claims": {"a": "/x", "b": "/x"}}, "persistent_volume_claims.b"),
        ({"persistent_volume_claims": {"a": "/dev/shm"}, "shared_memory": 64}, "persistent_volume_claims.a"),
        ({"tmpfs_size": 64, "tmpfs_path": "/x", "persistent_volume_claims": {"a": "/x"}}, "persistent_volume_claims.a"),
        ({"use_tmpfs": True, "tmpfs_path": "/dev/shm", "shared_memory": 64}, "tmpfs_path"),
        ({"persistent_volume_claims": {"a": "/x", "b": "/x/"}}, "persistent_volume_claims.b"),
        ({"use_tmpfs": True, "tmpfs_path": "/mnt//out"}, "tmpfs_path"),
    ],
)
def test_two_volumes_at_one_path(attributes: dict[str, Any], where: str) -> None:
    assert [found for found, _ in mounts(attributes, "argo")] == [where]
