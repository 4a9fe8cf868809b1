"""Datastores in Google Cloud Storage and Azure: compiled without their packages, and refused where they do not fit."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.compare.mirror_pair import mirrored
from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.components.location import AzureStorage, Place
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.model.compiled import MARK, CompiledFlow
from flowinfra.model.datastores import DATASTORES
from flowinfra.model.shape import Shape
from flowinfra.operate.gc import Scope, collect
from flowinfra.operate.preview_stacks.commands import up
from flowinfra.operate.preview_stacks.names import Preview
from flowinfra.operate.pull import pull
from flowinfra.report.words import plain
from flowinfra.stack.parsing import parse_stack
from flowinfra.targets import shape_of
from tests.unit.constructs import FLOWS
from tests.unit.interpreters import interpreter
from tests.unit.sources import STEPS, source, write_flow

FLOW = source(
    head="import os",
    decorators="@schedule(daily=True)",
    body=f"""
    words = IncludeFile("words", default="words.txt")
    late = Parameter("late", default=lambda context: context.user_name){STEPS}""",
)


def lay_out(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "words.txt").write_text("words")
    return write_flow(folder, FLOW)


def compiled(flow: Path, target: str, datastore: str, **more: Any) -> CompiledFlow:
    return compile_flow(CompileRequest(flow, target, Shape(datastore=datastore), folder="flow", **more))


@pytest.mark.parametrize("target", ["argo", "airflow"])
@pytest.mark.parametrize("datastore", ["gs", "azure"])
def test_same_bytes_elsewhere_and_without_the_packages(
    target: str, datastore: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another path and interpreter, credentials and settings of the shell, no cache; packages that would not load."""
    one = compiled(lay_out(tmp_path / "one"), target, datastore)
    assert {entry.key.split("/")[0] for entry in one.objects.values()} == {"SmallFlow", "data"}
    assert MARK not in json.dumps([entry.key for entry in one.objects.values()])
    for name, value in {
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json"),
        "STORAGE_EMULATOR_HOST": "http://203.0.113.1",
        "AZURE_STORAGE_CONNECTION_STRING": "x",
        "METAFLOW_DATASTORE_SYSROOT_GS": "gs://mine/root",
        "METAFLOW_DATASTORE_SYSROOT_AZURE": "mine/root",
        "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": "https://mine",
    }.items():
        monkeypatch.setenv(name, value)
    broken = "raise RuntimeError('not in a compile')"
    python = interpreter(
        tmp_path / "venv", {"azure/storage/blob.py": broken, "azure/identity.py": broken, "google/auth.py": broken}
    )
    again = compiled(lay_out(tmp_path / "grün and spaces"), target, datastore, python=python)
    assert again.to_json() == one.to_json()


def test_a_flow_gets_its_own_packages(tmp_path: Path) -> None:
    python = interpreter(tmp_path / "venv", {"azure/storage/blob.py": "VERSION = 'its own'\n"})
    flow = write_flow(
        tmp_path,
        source(
            head="import azure.storage.blob",
            body=f"    p = Parameter('p', default=azure.storage.blob.VERSION){STEPS}",
        ),
    )
    assert compiled(flow, "argo", "azure", python=python).flow.parameters["p"].default == "its own"


@pytest.mark.parametrize(
    ("datastore", "storage", "call"),
    [
        ("gs", "gs_storage import GSStorage as Storage", "google.cloud.storage.Client.list_blobs"),
        ("azure", "azure_storage import AzureStorage as Storage", "azure.storage.blob.ContainerClient.walk_blobs"),
    ],
)
def test_a_call_that_is_not_known_ends_the_compile(datastore: str, storage: str, call: str, tmp_path: Path) -> None:
    root = "gs://bucket" if datastore == "gs" else "container"
    head = f"from metaflow.plugins.datastores.{storage}\nStorage({root!r}).list_content(['x'])"
    flow = write_flow(tmp_path, source(head=head))
    with pytest.raises(FlowInfraError, match=re.escape(f"makes a call that flowinfra does not know: {call}")):
        compiled(flow, "argo", datastore)


def test_a_flow_on_s3_loads_nothing_of_other_datastores(tmp_path: Path) -> None:
    loaded = "[name for name in sys.modules if name.startswith('_flowinfra_driver.') and 'datastore' in name]"
    flow = write_flow(tmp_path, source(head=f"import sys\nassert not {loaded}"))
    compile_flow(CompileRequest(flow, "argo"))
    with pytest.raises(FlowInfraError, match="AssertionError"):
        compiled(flow, "argo", "gs")


@pytest.mark.parametrize(
    ("target", "shape", "message"),
    [
        (
            "step-functions",
            {"datastore": "gs"},
            r"datastore: found 'gs', allowed with target step-functions: s3, for its tasks reach no other; give the "
            r"platform one of these, or the flow another target \(argo, airflow\)",
        ),
        (
            "argo",
            {"datastore": "local"},
            r"datastore: found 'local', allowed with target argo: s3, gs, azure, .* give the platform one of these",
        ),
        (
            "airflow",
            {"datastore": "spin"},
            r"datastore: found 'spin', allowed with target airflow: s3, gs, azure, .* give the platform one of these",
        ),
        (
            "argo",
            {"datastore": "gs", "environment": "pypi"},
            r"environment: found 'pypi' with the datastore 'gs', allowed: local; .*",
        ),
        (
            "airflow",
            {"settings": {"METAFLOW_DEFAULT_DATASTORE": "local"}},
            r"settings: METAFLOW_DEFAULT_DATASTORE is given by the platform's datastore",
        ),
        (
            "argo",
            {"datastore": "gs", "settings": {"METAFLOW_DATASTORE_SYSROOT_GS": "gs://b/p"}},
            r"settings: METAFLOW_DATASTORE_SYSROOT_GS belongs to the stack's platform \(bucket and prefix\).*",
        ),
        (
            "argo",
            {"settings": {"METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": "https://x"}},
            r"settings: METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT belongs to the stack's platform \(azure\).*",
        ),
    ],
)
def test_refused_before_the_flow_runs(target: str, shape: dict[str, Any], message: str, tmp_path: Path) -> None:
    flow = write_flow(tmp_path, source(head="raise RuntimeError"))
    with pytest.raises(FlowInfraError) as caught:
        compile_flow(CompileRequest(flow, target, shape_of(target, shape)))
    assert re.fullmatch(f"{re.escape(str(flow))}: {message}", str(caught.value)), caught.value


def test_command_line(tmp_path: Path) -> None:
    flow = str(FLOWS / "linear" / "flow.py")
    one, two = tmp_path / "one.flow", tmp_path / "two.flow"
    compile_ = ["compile", flow, "-t", "airflow"]
    assert CliRunner().invoke(main, [*compile_, "-o", str(one)]).exit_code == 0
    assert CliRunner().invoke(main, [*compile_, "--datastore", "azure", "-o", str(two)]).exit_code == 0
    why = CliRunner().invoke(main, ["why", str(one), str(two)])
    assert why.stdout.strip() == "option datastore_type: added (azure)"
    refused = CliRunner().invoke(main, [*compile_, "--datastore", "local"])
    assert refused.exit_code == 1
    assert "datastore: found 'local', allowed with target airflow: s3, gs, azure" in refused.output


def test_places_in_words() -> None:
    assert Place("b", "p", "gs").address == "gs://b/p"
    azure = Place("c", "p", "azure", AzureStorage("acme", "ml"))
    assert azure.address == "https://acme.blob.core.windows.net/c/p"
    assert DATASTORES["azure"].root("c", "p") == "c/p"


PLATFORM = {"bucket": "acme", "kubernetes": {"namespace": "flows"}}
ACCOUNT = {"storage_account": "acmeml", "resource_group": "ml"}


def stack(platform: dict[str, Any], **flow: Any) -> Any:
    flows = [{"flow": "flows/a.py", "target": "argo", **flow}]
    return parse_stack({"platform": {**PLATFORM, **platform}, "flows": flows}, "stacks/Pulumi.dev.yaml")


@pytest.mark.parametrize("platform", [{"datastore": "gs"}, {"datastore": "azure", "azure": ACCOUNT}, {}])
def test_a_stack_that_fits(platform: dict[str, Any]) -> None:
    assert stack(platform).platform.datastore == platform.get("datastore", "s3")


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        ({"datastore": "local"}, "platform.datastore: found 'local', allowed: 's3', 'gs' or 'azure'"),
        ({"datastore": "azure"}, "platform.azure: is missing; the datastore 'azure' needs storage_account and"),
        ({"azure": ACCOUNT}, "platform.azure: is given, but the datastore is 's3'; leave it out, or say"),
        ({"datastore": "gs", "bucket": None}, "platform.bucket: is missing; give the bucket that is there already"),
        (
            {"datastore": "gs", "bucket": None, "create": {}},
            "platform.datastore: found 'gs', but `create` makes a bucket of S3",
        ),
        (
            {"datastore": "azure", "azure": {**ACCOUNT, "storage_account": "Acme-ML"}},
            "platform.azure.storage_account: found 'Acme-ML', allowed: text that matches",
        ),
        (
            {"datastore": "azure", "azure": {"storage_acount": "acme", "resource_group": "ml"}},
            "unknown key 'storage_acount' (did you mean 'storage_account'?)",
        ),
    ],
)
def test_a_stack_that_does_not_fit(platform: dict[str, Any], message: str) -> None:
    with pytest.raises(Problems) as caught:
        stack(platform)
    assert "stacks/Pulumi.dev.yaml: flowinfra:platform" in str(caught.value)
    assert message in str(caught.value)


def project(folder: Path, datastore: str) -> None:
    (folder / "Pulumi.yaml").write_text("name: app\nruntime: python\nstackConfigDir: stacks\n")
    (folder / "stacks").mkdir()
    platform: dict[str, Any] = {**PLATFORM, "datastore": datastore}
    if datastore == "azure":
        platform["azure"] = ACCOUNT
    (folder / "stacks" / "Pulumi.dev.yaml").write_text(
        json.dumps({"config": {"flowinfra:platform": platform, "flowinfra:flows": []}})
    )


def test_another_datastore_is_where_a_mirror_lives_and_what_its_file_says(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    flows = [{"flow": str(FLOWS / "linear" / "flow.py"), "target": "argo"}]
    own: dict[str, dict[str, Any]] = {
        "prod": {"platform": PLATFORM, "flows": flows},
        "staging": {
            "platform": {**PLATFORM, "bucket": "flows", "datastore": "azure", "azure": ACCOUNT},
            "mirrors": "prod",
        },
    }
    for name, values in own.items():
        config = {f"flowinfra:{key}": value for key, value in values.items()}
        (tmp_path / "stacks" / f"Pulumi.{name}.yaml").write_text(json.dumps({"config": config}))
    found = mirrored(tmp_path, "staging", "prod")
    assert found.drift == ()
    assert [plain(each.line) for each in found.declared] == ["datastore type: s3 → azure"]
    assert [plain(each.line) for each in found.environment] == [
        "datastore: s3://acme/metaflow → https://acmeml.blob.core.windows.net/flows/metaflow"
    ]


@pytest.mark.parametrize("datastore", ["gs", "azure"])
def test_gc_says_that_it_knows_s3_alone(datastore: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, datastore)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flowinfra.cli.gc.collect", lambda *_: pytest.fail("it looked"))
    done = CliRunner().invoke(main, ["gc", "dev", "--yes"])
    assert done.exit_code == 1
    assert f"the datastore of stack 'dev' is in {DATASTORES[datastore].words}, and gc knows S3 alone" in done.output


def test_gc_takes_datastores_in_s3_only() -> None:
    with pytest.raises(ConfigError, match=r"'gs://b/p' is not a datastore in S3, which is all that gc knows"):
        collect(Scope("app", "dev", ("gs://b/p",)))


@pytest.mark.parametrize("datastore", ["gs", "azure"])
def test_pull_says_that_it_reads_s3_alone(datastore: str, tmp_path: Path) -> None:
    environment = {
        "PATH": str(Path(sys.executable).parent),
        "HOME": str(tmp_path),
        "METAFLOW_HOME": str(tmp_path),
        "METAFLOW_DEFAULT_DATASTORE": datastore,
    }
    with pytest.raises(ConfigError, match=f"has the datastore '{datastore}', and `flowinfra pull` reads S3 alone"):
        pull("Flow", destination=tmp_path, environment=environment)


def test_a_preview_stack_would_leave_its_objects_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, "gs")
    monkeypatch.setattr("flowinfra.operate.preview_stacks.commands.pulumi", lambda *_, **__: "[]")
    with pytest.raises(
        ConfigError, match=r"'dev' is in Google Cloud Storage, and `preview-stack down` removes objects"
    ):
        up(Preview("fix-1"), "dev", tmp_path, print)
    assert [path.name for path in (tmp_path / "stacks").iterdir()] == ["Pulumi.dev.yaml"]
