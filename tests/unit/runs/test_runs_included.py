"""Files that a person gives a run are stored as Metaflow stores the value of an IncludeFile."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import boto3
import pytest
from botocore.stub import ANY, Stubber
from metaflow.includefile import UploaderV2

from flowinfra.errors import ToolError, TriggerError
from flowinfra.operate.runs.included import File, refuse_elsewhere, stored

ROOT = "s3://shop-flows/metaflow"
CONFIG = {"METAFLOW_DATASTORE_SYSROOT_S3": ROOT}
UPLOADER: Any = UploaderV2  # untyped
CONTENT = "größer\n".encode()


class Handler:
    """In place of Metaflow's client of S3: keeps what it is given to store."""

    put_in: ClassVar[dict[str, bytes]] = {}

    @staticmethod
    def get_root_from_config(_echo: Any, _create: bool) -> str:
        return f"{ROOT}/data"

    def __enter__(self) -> Handler:
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: object, _traceback: TracebackType | None) -> None:
        pass

    def put(self, path: str, content: bytes, overwrite: bool) -> str:
        assert not overwrite
        self.put_in[path] = content
        return path


def client() -> Any:
    return boto3.client("s3", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Metaflow leaves the file open
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "bytes"])
def test_a_file_is_stored_as_metaflow_stores_it(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(CONTENT)
    text = encoding != "bytes"
    theirs = UPLOADER.store("TrainFlow", str(path), text, encoding if text else "utf-8", Handler, lambda *_: None)
    url = theirs["url"]
    place = {"Bucket": "shop-flows", "Key": url.removeprefix("s3://shop-flows/")}
    s3, bodies = client(), []
    s3.meta.events.register("provide-client-params.s3.PutObject", lambda params, **_: bodies.append(params["Body"]))
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", "404", http_status_code=404, expected_params=place)
        stub.add_response("put_object", {}, {**place, "Body": ANY})
        values = {"alpha": 1.0, "data": File.of("data", str(path), encoding)}
        found = stored(values, "TrainFlow", CONFIG, lambda: s3)
        stub.assert_no_pending_responses()
    assert (found["alpha"], json.loads(found["data"])) == (1.0, theirs)
    assert gzip.decompress(bodies[0]) == gzip.decompress(Handler.put_in[url]) == CONTENT


def test_what_is_there_is_not_stored_again_and_the_stacks_settings_count(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(CONTENT)
    file, s3 = File.of("data", str(path), "utf-8"), client()
    with Stubber(s3) as stub:
        stub.add_response("head_object", {}, {"Bucket": "shop-flows", "Key": ANY})
        stored({"data": file}, "TrainFlow", CONFIG, lambda: s3)
        own = {**CONFIG, "METAFLOW_DATATOOLS_S3ROOT": "s3://other/x", "METAFLOW_S3_SERVER_SIDE_ENCRYPTION": "aws:kms"}
        # who may not list a bucket is told 403 of what is not there
        stub.add_client_error("head_object", "403", http_status_code=403)
        stub.add_response(
            "put_object", {}, {"Bucket": "other", "Key": ANY, "Body": ANY, "ServerSideEncryption": "aws:kms"}
        )
        said = json.loads(stored({"data": file}, "TrainFlow", own, lambda: s3)["data"])
        assert said["url"].startswith("s3://other/x/TrainFlow/")
        stub.add_client_error("head_object", "404", http_status_code=404)
        stub.add_client_error("put_object", "AccessDenied", "not authorized to perform: s3:PutObject")
        with pytest.raises(ToolError, match="not authorized to perform: s3:PutObject"):
            stored({"data": file}, "TrainFlow", CONFIG, lambda: s3)


def test_a_file_that_cannot_be_taken(tmp_path: Path) -> None:
    with pytest.raises(TriggerError, match=r"parameter --data is a file, and .*/none cannot be read: No such file"):
        File.of("data", str(tmp_path / "none"), "utf-8")
    path = tmp_path / "pixel.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TriggerError, match=r"parameter --data is a text file, and .* is not one: 'utf-8' codec"):
        File.of("data", str(path), "utf-8")
    file = File.of("data", str(path), "bytes")
    azure = {"METAFLOW_DATASTORE_SYSROOT_AZURE": "flows/metaflow"}
    refuse_elsewhere({"data": file}, CONFIG, "trigger")
    refuse_elsewhere({"alpha": 1}, azure, "trigger")
    with pytest.raises(TriggerError, match=r"is not in S3: .* python f\.py argo-workflows trigger --data PATH"):
        refuse_elsewhere({"data": file}, azure, "python f.py argo-workflows trigger")
