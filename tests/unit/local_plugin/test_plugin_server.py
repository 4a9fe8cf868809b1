"""The plugin as the engine meets it: gRPC, and the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from flowinfra.local.plugin import bin_directory, provider
from flowinfra.local.plugin import server as server_module
from flowinfra.local.plugin.cloud import PartialError
from flowinfra.local.plugin.resource import Created, Resource
from flowinfra.local.plugin.server import Servicer
from flowinfra.plugin.schema import Schema, text
from flowinfra.plugin.wire import decode_struct, encode

URN = "urn:pulumi:dev::project::parent:module:Type$aws:test/thing:Thing::name"


class Thing(Resource):
    """Fails as its name says."""

    token = "aws:test/thing:Thing"
    schema = Schema("Thing", {"name": text(required=True)}, ("arn",), tagged=False, regional=False)

    def create(self, aws: Any, new: Any) -> Created:
        if new["name"] == "bug":
            raise ZeroDivisionError("of all things")
        raise PartialError("setting the second half: Throttled: too fast", "half", {"arn": "arn:half"})

    def read(self, aws: Any, identifier: str, old: Any) -> dict[str, Any] | None:
        return {"name": identifier, "arn": "arn:read"} if identifier == "there" else None


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(provider, "resource", lambda token: Thing())
    for module in (provider, server_module):
        monkeypatch.setattr(module, "is_known", lambda token: True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = grpc.server(ThreadPoolExecutor(2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(""), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None).wait()


def configured(stub: Any) -> Any:
    answer = stub.Configure(provider_pb2.ConfigureRequest())
    assert answer.acceptSecrets
    assert answer.supportsPreview
    return stub


def create(stub: Any, name: str) -> Any:
    return stub.Create(provider_pb2.CreateRequest(urn=URN, properties=Struct(fields={"name": encode(name)})))


def test_a_bug_is_one_sentence_and_its_traceback_is_in_a_file(stub: Any, tmp_path: Path) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        create(configured(stub), "bug")
    message = failure.value.details()
    assert message.startswith(f"the local aws plugin failed in Create of {URN}: ZeroDivisionError: of all things")
    assert "Traceback" not in message
    [log] = tmp_path.glob("flowinfra-local-aws-plugin-*.log")
    assert str(log) in message
    assert "Traceback" in log.read_text()


def test_a_resource_that_is_partly_made_is_handed_over(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        create(configured(stub), "half")
    assert failure.value.details() == "setting the second half: Throttled: too fast"
    metadata = {item.key: item.value for item in failure.value.trailing_metadata()}
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert detail.id == "half"
    assert decode_struct(detail.properties) == {"name": "half", "arn": "arn:half"}


def test_what_is_gone_has_neither_id_nor_properties(stub: Any) -> None:
    answer = configured(stub).Read(provider_pb2.ReadRequest(urn=URN, id="gone"))
    # An empty map of properties would let the engine import what is not there.
    assert (answer.id, answer.HasField("properties")) == ("", False)


def test_what_is_there_can_be_imported(stub: Any) -> None:
    answer = configured(stub).Read(provider_pb2.ReadRequest(urn=URN, id="there"))
    assert answer.id == "there"
    assert decode_struct(answer.properties) == {"name": "there", "arn": "arn:read"}
    assert decode_struct(answer.inputs) == {"name": "there", "__defaults": []}


def test_configure_refuses_what_is_not_loopback(stub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.example.com")
    with pytest.raises(grpc.RpcError, match="speaks only to the embedded AWS"):
        stub.Configure(provider_pb2.ConfigureRequest())
    [failure] = stub.CheckConfig(provider_pb2.CheckRequest(news=Struct())).failures
    assert "speaks only to the embedded AWS" in failure.reason


def test_check_and_diff(stub: Any) -> None:
    configured(stub)
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=Struct(fields={"nam": encode("x")})))
    assert {failure.property for failure in answer.failures} == {"nam"}
    old, new = (Struct(fields={"name": encode(name)}) for name in ("a", "b"))
    answer = stub.Diff(provider_pb2.DiffRequest(urn=URN, olds=old, news=new))
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert answer.detailedDiff["name"].kind == provider_pb2.PropertyDiff.UPDATE
    answer = stub.Diff(provider_pb2.DiffRequest(urn=URN, olds=old, news=old))
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_the_launcher(tmp_path: Path) -> None:
    environment = {**os.environ, "FLOWINFRA_LOCAL_PYTHON": sys.executable}
    # A program's own module of a name that the plugin imports is no business of the plugin.
    (tmp_path / "grpc.py").write_text("raise SystemExit('wrong module')")
    launcher = bin_directory() / "pulumi-resource-aws"
    # As in the background of a shell, which ignores SIGINT there.
    command = ["sh", "-c", 'trap "" INT; exec "$0" "$@"', str(launcher), "127.0.0.1:1"]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                info = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(Empty())
            assert info.version == version("pulumi-aws")
            # How the engine ends a plugin; it waits for the end.
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_the_launcher_is_made_executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    launcher = folder / "pulumi-resource-aws"
    launcher.write_text("#!/bin/sh\n")
    launcher.chmod(0o644)
    monkeypatch.setattr("flowinfra.local.plugin.__file__", str(tmp_path / "__init__.py"))
    assert bin_directory() == folder
    assert os.access(launcher, os.X_OK)
