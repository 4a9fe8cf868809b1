"""Files that a person gives a run: stored as Metaflow's `trigger` stores the value of an IncludeFile."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from flowinfra.errors import TriggerError
from flowinfra.operate.runs.account import asked

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_THERE = ("404", "NoSuchKey", "NotFound")


@dataclass(frozen=True)
class File:
    """A file that a person gives."""

    parameter: str
    content: bytes
    encoding: str
    """`bytes` for a file that the flow does not read as text."""

    @classmethod
    def of(cls, parameter: str, path: str, encoding: str) -> File:
        """Read a file.

        Raises:
            TriggerError: it cannot be read, or is not text of that encoding.
        """
        place = Path(path).expanduser()
        try:
            content = place.read_bytes()
            if encoding != "bytes":
                content.decode(encoding)
        except OSError as error:
            raise TriggerError(
                f"parameter --{parameter} is a file, and {path} cannot be read: {error.strerror}"
            ) from None
        except UnicodeError as error:
            raise TriggerError(f"parameter --{parameter} is a text file, and {path} is not one: {error}") from None
        return cls(parameter, content, encoding)


def stored(
    values: Mapping[str, Any], flow: str, config: Mapping[str, Any], s3: Callable[[], S3Client]
) -> dict[str, Any]:
    """Store the files among a run's values, and return these with what Metaflow reads in place of each file.

    Args:
        values: as `parameters.checked` gives them.
        flow: name of the flow.
        config: METAFLOW_* settings of a laptop, as the stack deployed the flow.
        s3: makes a client of the flow's account, where there is a file.

    Raises:
        ToolError: AWS refuses it.
    """
    return {
        name: _stored(value, flow, config, s3()) if isinstance(value, File) else value for name, value in values.items()
    }


def refuse_elsewhere(values: Mapping[str, Any], config: Mapping[str, Any], trigger: str) -> None:
    """Refuse files for a datastore that is not in S3; `trigger` starts a run by Metaflow's own means.

    Raises:
        TriggerError: there are some.
    """
    files = [name for name, value in values.items() if isinstance(value, File)]
    if files and _root(config) is None:
        raise TriggerError(
            f"parameter --{files[0]} is a file (IncludeFile), and the flow's datastore is not in S3: Metaflow's own "
            f"command uploads it: {trigger} --{files[0]} PATH"
        )


def _root(config: Mapping[str, Any]) -> str | None:
    """Where Metaflow keeps included files."""
    if own := config.get("METAFLOW_DATATOOLS_S3ROOT"):
        return str(own)
    root = config.get("METAFLOW_DATASTORE_SYSROOT_S3")
    return f"{root}/data" if root else None


def _stored(file: File, flow: str, config: Mapping[str, Any], s3: S3Client) -> str:
    """What Metaflow's uploader of version 2 (its `includefile.py`) says of a file that it has stored."""
    digest = hashlib.sha1(file.content, usedforsecurity=False).hexdigest()
    url = f"{_root(config)}/{flow}/{digest}"
    place = urlsplit(url)
    bucket, key = place.netloc, place.path.removeprefix("/")
    encryption: Any = config.get("METAFLOW_S3_SERVER_SIDE_ENCRYPTION")
    more: Any = {"ServerSideEncryption": encryption} if encryption else {}
    with asked():
        if not _is_there(s3, bucket, key):
            packed = gzip.compress(file.content, compresslevel=3, mtime=0)
            s3.put_object(Bucket=bucket, Key=key, Body=packed, **more)
    said = {
        "type": "uploader-v2",
        "url": url,
        "is_text": file.encoding != "bytes",
        "encoding": "utf-8" if file.encoding == "bytes" else file.encoding,
        "note": "Internal representation of IncludeFile",
        "sub-type": "uploaded",
        "size": len(file.content),
    }
    return json.dumps(said)


def _is_there(s3: S3Client, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # where one may not list, S3 answers 403 for what is not there
        if error.response["Error"]["Code"] in (*_NOT_THERE, "403"):
            return False
        raise
    return True
