"""Flows whose datastore is in Google Cloud Storage or Azure: which resources their objects are, and what is refused."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pulumi
import pytest

from flowinfra import AirflowFlow, AirflowPlatform, ArgoFlow, AzureStorage, DagConfigMaps, KubernetesPlatform
from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.components.store import Store
from flowinfra.model.compiled import MARK, CompiledFlow
from flowinfra.model.shape import Shape
from flowinfra.stack.compiling import platform_shape
from flowinfra.stack.parsing import parse_stack
from flowinfra.targets import TARGETS
from flowinfra.targets.airflow.stack import airflow_platform
from flowinfra.targets.argo.stack import kubernetes_platform
from tests.components.clouds import stand_in
from tests.components.mocked import Program, outputs, run
from tests.unit.constructs import FLOWS

AZURE = AzureStorage("acmeml", "ml-flows")
WHERE: dict[str, dict[str, Any]] = {
    "gs": {"datastore": "gs", "bucket": "acme_flows"},
    "azure": {"datastore": "azure", "bucket": "acme-flows", "azure": AZURE},
}
ROOTS = {"gs": "gs://acme_flows/metaflow", "azure": "acme-flows/metaflow"}
KINDS = {"gs": "BucketObject", "azure": "azure-native:storage:Blob"}
NAMES = {"gs": "name", "azure": "blobName"}


@pytest.fixture(autouse=True)
def _packages(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)


@cache
def made(folder: str, target: str, datastore: str) -> CompiledFlow:
    file = FLOWS / folder / "flow.py"
    return compile_flow(CompileRequest(file, target, Shape(datastore=datastore), folder="flow"))


def argo(folder: str, cloud: str, **changes: Any) -> ArgoFlow:
    given = {"namespace": "flows", "check_cluster": False, **WHERE[cloud], **changes}
    flow = made(folder, "argo", cloud)
    return ArgoFlow("flow", {"flow": flow, "platform": KubernetesPlatform(**given), "aws_tags": {"team": "ml"}})


def airflow(folder: str, cloud: str, **changes: Any) -> AirflowFlow:
    given = {"namespace": "jobs", "dags": DagConfigMaps("airflow"), **WHERE[cloud], **changes}
    flow = made(folder, "airflow", cloud)
    return AirflowFlow("flow", {"flow": flow, "platform": AirflowPlatform(**given), "aws_tags": {"team": "ml"}})


def objects(program: Program, datastore: str) -> dict[str, dict[str, Any]]:
    assert not [item for item in program.resources if item.type.startswith("aws:")]
    assert program.calls == []
    return program.of(KINDS[datastore])


@pytest.mark.parametrize("datastore", WHERE)
def test_objects_of_a_flow_on_argo(datastore: str) -> None:
    program = run(lambda: argo("include_file", datastore) and None)
    template = json.dumps(program.one("WorkflowTemplate"))
    assert MARK not in template
    assert f"{ROOTS[datastore]}/IncludeFileFlow/data/" in template
    found = objects(program, datastore)
    package = found["flow-package"]
    named = {name.removeprefix("flow-include-file-"): inputs for name, inputs in found.items() if inputs is not package}
    assert len(named) == 2
    for digest, inputs in named.items():
        assert f"/{digest}" in inputs[NAMES[datastore]]
    for inputs in found.values():
        assert inputs["contentType"] == "application/octet-stream"
        assert isinstance(inputs["source"], pulumi.FileAsset)


def test_where_objects_are_in_google_cloud_storage() -> None:
    found = objects(run(lambda: argo("include_file", "gs") and None), "gs")
    assert {inputs["bucket"] for inputs in found.values()} == {"acme_flows"}
    folders = sorted(inputs["name"].rsplit("/", 1)[0] for inputs in found.values())
    assert folders[1:] == ["metaflow/data/IncludeFileFlow"] * 2
    assert folders[0].startswith("metaflow/IncludeFileFlow/data/")
    [package] = [inputs for name, inputs in found.items() if name.endswith("-package")]
    assert package["metadata"] == {
        "flowinfra-project": "app",
        "flowinfra-stack": "dev",
        "flowinfra-flow": "includefileflow",
        "flowinfra-kind": "package",
        "flowinfra-target": "argo",
        "metaflow-user-attributes": '{"cas_raw": true, "cas_version": 1}',
    }


def test_where_objects_are_in_azure() -> None:
    """Metaflow reads an included file by container and path, inside of the container."""
    found = objects(run(lambda: argo("include_file", "azure") and None), "azure")
    for inputs in found.values():
        assert (inputs["accountName"], inputs["resourceGroupName"]) == ("acmeml", "ml-flows")
        assert (inputs["containerName"], inputs["type"]) == ("acme-flows", "Block")
    folders = sorted(inputs["blobName"].rsplit("/", 1)[0] for inputs in found.values())
    assert folders[:2] == ["acme-flows/metaflow/data/IncludeFileFlow"] * 2
    assert folders[2].startswith("metaflow/IncludeFileFlow/data/")
    [package] = [inputs for name, inputs in found.items() if name.endswith("-package")]
    assert package["metadata"]["metaflow_user_attributes"] == '{"cas_raw": true, "cas_version": 1}'
    assert package["metadata"]["flowinfra_stack"] == "dev"
    assert "team" not in package["metadata"]


@pytest.mark.parametrize("datastore", WHERE)
def test_objects_of_a_flow_on_airflow(datastore: str) -> None:
    program = run(lambda: airflow("linear", datastore) and None)
    dag = program.one("ConfigMap")["data"]["LinearFlow.py"]
    assert MARK not in dag
    assert f"{ROOTS[datastore]}/LinearFlow/data/" in dag
    found = objects(program, datastore)
    assert sorted(name.partition("-")[2].partition("-")[0] for name in found) == ["owner", "package"]
    owner = found["flow-owner"]
    assert owner[NAMES[datastore]] == "metaflow/mf.airflow/LinearFlow"
    assert json.loads(owner["source"].text)["owner"] == "flowinfra"


@pytest.mark.parametrize("datastore", WHERE)
def test_a_bucket_that_is_being_created(datastore: str) -> None:
    later = pulumi.Output.from_input("made-later")
    program = run(lambda: argo("include_file", datastore, bucket=later) and None)
    assert ROOTS[datastore].replace("acme_flows", "made-later").replace("acme-flows", "made-later") in json.dumps(
        program.one("WorkflowTemplate")
    )
    included = [inputs for name, inputs in objects(program, datastore).items() if "-include-file-" in name]
    start = "made-later/metaflow/data/" if datastore == "azure" else "metaflow/data/"
    assert all(inputs[NAMES[datastore]].startswith(start) for inputs in included)


def test_what_the_tasks_and_a_laptop_are_told() -> None:
    config = outputs(lambda: argo("linear", "gs").metaflow_config)
    assert {name: value for name, value in config.items() if "KUBERNETES" not in name} == {
        "METAFLOW_DEFAULT_DATASTORE": "gs",
        "METAFLOW_DATASTORE_SYSROOT_GS": "gs://acme_flows/metaflow",
        "METAFLOW_DATATOOLS_GSROOT": "gs://acme_flows/metaflow/data",
        "METAFLOW_DEFAULT_METADATA": "local",
    }
    config = outputs(lambda: airflow("linear", "azure").metaflow_config)
    assert {name: value for name, value in config.items() if "KUBERNETES" not in name} == {
        "METAFLOW_DEFAULT_DATASTORE": "azure",
        "METAFLOW_DATASTORE_SYSROOT_AZURE": "acme-flows/metaflow",
        "METAFLOW_DATATOOLS_AZUREROOT": "acme-flows/metaflow/data",
        "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": "https://acmeml.blob.core.windows.net",
        "METAFLOW_DEFAULT_METADATA": "local",
    }


def test_the_storage_account_of_another_cloud() -> None:
    azure = AzureStorage("acmeml", "ml-flows", "https://acmeml.blob.core.chinacloudapi.cn")
    program = run(lambda: argo("linear", "azure", azure=azure) and None)
    assert program.one("ArgoFlow")["datastore"] == f"{azure.blob_endpoint}/acme-flows/metaflow"
    assert azure.endpoint in json.dumps(program.one("WorkflowTemplate"))


def test_the_inputs_tell_the_datastore() -> None:
    shown = run(lambda: airflow("linear", "gs") and None).one("AirflowFlow")
    assert (shown["datastore"], shown["datastore_type"]) == ("gs://acme_flows/metaflow", "gs")


def test_the_platform_of_a_stack() -> None:
    platform = {
        "datastore": "azure",
        "bucket": "acme-flows",
        "azure": {"storage_account": "acmeml", "resource_group": "ml-flows"},
        "kubernetes": {"namespace": "flows"},
        "airflow": {"namespace": "jobs", "dags": {"folder": "/dags"}},
    }
    stack = parse_stack({"platform": platform}, "stacks/Pulumi.dev.yaml")
    for made_of_it in (kubernetes_platform(stack, None), airflow_platform(stack, None)):
        assert made_of_it.store == Store("acme-flows", "metaflow", "azure", AZURE)
        assert made_of_it.shape.datastore == "azure"
    assert {platform_shape(stack, target).datastore for target in TARGETS} == {"azure"}


def refused(make: Any) -> str:
    with pytest.raises(pulumi.RunError) as raised:
        run(make)
    return str(raised.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bucket": "Acme"}, "gs_bucket is 'Acme', allowed: 3 to 222 lower-case letters"),
        ({"azure": AZURE}, "linearflow: platform.azure: is given, but the datastore is 'gs'; leave it out, or say"),
        ({"datastore": "s3"}, "made with datastore = 'gs', this stack asks for datastore = 's3'; compile it again"),
    ],
)
def test_a_platform_that_does_not_fit(changes: dict[str, Any], words: str) -> None:
    assert words in refused(lambda: argo("linear", "gs", **changes) and None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"bucket": "acme--flows"},
            "container is 'acme--flows', allowed: 3 to 63 lower-case letters, digits and single",
        ),
        ({"azure": None}, "platform.azure: is missing; the datastore 'azure' needs storage_account and resource_group"),
        (
            {"azure": AzureStorage("a", "b", "http://x y")},
            "blob_endpoint is 'http://x y', allowed: http:// or https://",
        ),
    ],
)
def test_a_platform_in_azure_that_does_not_fit(changes: dict[str, Any], words: str) -> None:
    assert words in refused(lambda: airflow("linear", "azure", **changes) and None)


@pytest.mark.parametrize(("datastore", "package", "extra"), [("gs", "gcp", "gcp"), ("azure", "azure-native", "azure")])
def test_a_provider_that_is_not_installed(
    datastore: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowinfra.engine.extras.find_spec", lambda _name: None)
    message = refused(lambda: argo("linear", datastore) and None)
    assert f"linearflow: the datastore {datastore!r} needs the package pulumi-{package}" in message
    assert f"pip install 'flowinfra[{extra}]'" in message


@pytest.mark.parametrize(("target", "component"), [("argo", "ArgoFlow"), ("airflow", "AirflowFlow")])
def test_a_datastore_that_tasks_do_not_reach(target: str, component: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowinfra.components.creation.project_root", lambda: FLOWS.parents[1])

    def program() -> None:
        file = "tests/flows/linear/flow.py"
        if target == "argo":
            argo_platform = KubernetesPlatform(bucket="bkt", namespace="flows", datastore="local", check_cluster=False)
            ArgoFlow("flow", {"flow": file, "platform": argo_platform})
        else:
            dags = DagConfigMaps("airflow")
            AirflowFlow(
                "flow",
                {"flow": file, "platform": AirflowPlatform("bkt", "jobs", dags, datastore="local")},
            )

    message = refused(program)
    assert "tests/flows/linear/flow.py: datastore: found 'local', allowed with target" in message
    assert f"{target}: s3, gs, azure, for its tasks reach no other; give the platform one of these" in message
