"""A task finds the environment that was locked: Metaflow's own bootstrap, on the objects of a deployment."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flowinfra.compiler import blob_path, compile_flow
from flowinfra.model.compiled import CompiledFlow
from tests.locked_flow import STAND_INS, Locked, locked_flow

pytestmark = [
    pytest.mark.e2e,
    # the flow makes sure that the solver's variable does not reach it
    pytest.mark.filterwarnings("ignore:.*reads the variable PIP_INDEX_URL:flowinfra.compiler.compile.CompileWarning"),
]

ROOT = "metaflow"
"""Key prefix of the datastore."""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with locked_flow(tmp_path_factory.mktemp("lock")) as found:
        yield found


@pytest.fixture(scope="module")
def datastore() -> Iterator[str]:
    """Address of an S3 on loopback with an empty bucket `flows`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


def deploy(compiled: CompiledFlow, endpoint: str) -> None:
    """Put the objects where the component puts them."""
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    s3.create_bucket(Bucket="flows")
    for entry in compiled.objects.values():
        s3.put_object(Bucket="flows", Key=f"{ROOT}/{entry.key}", Body=blob_path(entry.sha256).read_bytes())


def test_bootstrap_installs_the_locked_packages(locked: Locked, datastore: str, tmp_path: Path) -> None:
    compiled = compile_flow(locked.request)
    deploy(compiled, datastore)
    task = tmp_path / "metaflow"
    task.mkdir()
    package = compiled.objects[compiled.package.object]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob_path(package.sha256).read_bytes()))) as packed:
        if hasattr(tarfile, "data_filter"):
            packed.extractall(task, filter="data")
        else:  # Python 3.10 and 3.11 before their fourth patch
            packed.extractall(task)
    (task / ".metaflow").mkdir()
    start = locked.lock.steps["start"].environment
    done = subprocess.run(
        [sys.executable, "-m", "metaflow.plugins.pypi.bootstrap", "EnvFlow", start, "s3"],
        cwd=task,
        env={
            **CREDENTIALS,
            "PATH": os.pathsep.join([str(STAND_INS), str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
            "HOME": str(tmp_path),
            "PYTHONPATH": str(task / ".mf_code"),
            "METAFLOW_EXTRACTED_ROOT": str(task),
            "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://flows/{ROOT}",
            "METAFLOW_S3_ENDPOINT_URL": datastore,
            "METAFLOW_S3_WORKER_COUNT": "2",
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    python = task / "linux-64" / start / "bin" / "python"
    code = "import boto3, requests, six; print(boto3.version, requests.version, six.version)"
    installed = subprocess.run([python, "-s", "-c", code], capture_output=True, text=True, check=True)
    assert installed.stdout.split() == ["1.40.0", "2.32.0", "1.16.0"]
