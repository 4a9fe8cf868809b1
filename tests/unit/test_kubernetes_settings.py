"""Metaflow's settings for the pods of all steps: said once, of the setting, whatever their form."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.model.shape import Shape
from tests.unit.sources import STEPS, write_flow


def told(folder: Path, target: str, settings: dict[str, str], body: str = STEPS) -> list[str]:
    flow = write_flow(folder, body=body)
    given = {f"METAFLOW_{name}": value for name, value in settings.items()}
    try:
        compile_flow(CompileRequest(flow, target, Shape(settings=given)))
    except FlowInfraError as error:
        return [str(each).removeprefix(f"{flow}: settings.METAFLOW_") for each in error.errors]
    return []


@pytest.mark.parametrize("target", ["argo", "airflow"])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KUBERNETES_SECRETS", "db, api", "[1]: found ' api', allowed: a Secret's name"),
        ("ARGO_WORKFLOWS_KUBERNETES_SECRETS", "Db", "[0]: found 'Db', allowed: a Secret's name"),
        ("KUBERNETES_NODE_SELECTOR", "kind=gpu, zone=a", "[' zone']: the key ' zone' is refused by Kubernetes"),
        ("KUBERNETES_NODE_SELECTOR", "kind", ": found 'kind', allowed: a mapping, or text such as 'disk=ssd,zone=a'"),
        ("KUBERNETES_NODE_SELECTOR", "kind=a,kind=b", ": found 'kind=a,kind=b', allowed: "),
        ("KUBERNETES_TOLERATIONS", '[{"key": "a", "effect": "NoExec"}]', "[0].effect: found 'NoExec', allowed: NoEx"),
        ("KUBERNETES_TOLERATIONS", '[{"operator": "Exists", "valu": "a"}]', "[0]: has the key 'valu' (did you mean "),
        ("KUBERNETES_TOLERATIONS", "spot", ": found 'spot', allowed: JSON (Expecting value: line 1 column 1"),
        ("KUBERNETES_TOLERATIONS", '{"key": "a"}', ": found {'key': 'a'}, allowed: a list of mappings"),
        ("KUBERNETES_ANNOTATIONS", "bad key!=a", "['bad key!']: the key 'bad key!' is refused by Kubernetes"),
        ("KUBERNETES_ANNOTATIONS", "a=b,a=c", ": found 'a=b,a=c', allowed: text such as 'team=ml,stage=prod'"),
        ("KUBERNETES_LABELS", "a=b c", ".a: found 'b c', allowed: at most 63 letters"),
        ("KUBERNETES_PERSISTENT_VOLUME_CLAIMS", '{"My": "/a"}', ".My: the key 'My' is refused by Kubernetes"),
        ("KUBERNETES_PERSISTENT_VOLUME_CLAIMS", "x", ": found 'x', allowed: JSON ("),
        ("KUBERNETES_IMAGE_PULL_SECRETS", "registry", ": found 'registry', allowed: JSON ("),
        ("KUBERNETES_IMAGE_PULL_SECRETS", '["Reg"]', "[0]: found 'Reg', allowed: a Secret's name"),
    ],
)
def test_a_setting_that_kubernetes_would_refuse(name: str, value: str, words: str, target: str, tmp_path: Path) -> None:
    [found] = told(tmp_path, target, {name: value})
    assert found.startswith(f"{name}{words}"), found


def test_all_are_said_at_once_with_what_the_steps_have(tmp_path: Path) -> None:
    settings = {"KUBERNETES_TOLERATIONS": "spot", "KUBERNETES_LABELS": "a=b,a=c", "KUBERNETES_NODE_SELECTOR": "x"}
    body = STEPS.replace("@step", "@kubernetes(cpu='2 cores')\n    @step", 1)
    found = told(tmp_path, "argo", settings, body)
    assert [words.partition(":")[0] for words in found[:3]] == [
        "KUBERNETES_NODE_SELECTOR",
        "KUBERNETES_LABELS",
        "KUBERNETES_TOLERATIONS",
    ]
    assert "step start: @kubernetes: cpu: found '2 cores'" in found[3]
    assert len(found) == 4


def test_an_empty_name_of_a_secret_is_left_out_by_metaflow_on_argo_alone(tmp_path: Path) -> None:
    settings = {"KUBERNETES_SECRETS": "db,,api"}
    assert told(tmp_path, "argo", settings) == []
    assert told(tmp_path, "airflow", settings) == [
        "KUBERNETES_SECRETS: found 'db,,api', allowed: names of Secrets, with one comma between two"
    ]


@pytest.mark.parametrize("target", ["argo", "airflow"])
def test_what_kubernetes_takes(target: str, tmp_path: Path) -> None:
    settings = {
        "KUBERNETES_SECRETS": "db,api",
        "KUBERNETES_NODE_SELECTOR": "kind=gpu,zone=a",
        "KUBERNETES_TOLERATIONS": '[{"key": "spot", "operator": "Exists"}]',
        "KUBERNETES_ANNOTATIONS": "team=ml,note",
        "KUBERNETES_LABELS": "team=ml,spot",
        "KUBERNETES_IMAGE_PULL_SECRETS": '["registry"]',
        **({"KUBERNETES_PERSISTENT_VOLUME_CLAIMS": '{"claim": "/mnt"}'} if target == "argo" else {}),
    }
    assert told(tmp_path, target, settings) == []
