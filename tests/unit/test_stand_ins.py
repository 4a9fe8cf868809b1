"""What Metaflow imports and a compile does not use is not imported, and is there for whoever uses it."""

from __future__ import annotations

from pathlib import Path

from flowinfra.compiler import compile_flow
from tests.unit.sources import request, write_flow


def test_packages_that_only_a_run_uses_are_not_imported(tmp_path: Path) -> None:
    head = "import sys\nassert not {'boto3', 'botocore', 'requests', 'urllib3'} & sys.modules.keys()"
    compile_flow(request(write_flow(tmp_path, head=head)))


def test_metaflows_session_is_one_of_requests_when_it_is_used(tmp_path: Path) -> None:
    head = """
from metaflow.metadata_provider import heartbeat
from metaflow.plugins.metadata_providers.service import ServiceMetadataProvider
session = ServiceMetadataProvider._session
session.headers['x'] = 'kept'
import requests
assert type(session.get.__self__) is requests.Session
assert session.headers['x'] == 'kept'
assert heartbeat.requests.exceptions.Timeout is requests.exceptions.Timeout
"""
    compile_flow(request(write_flow(tmp_path, head=head)))
