"""What is said of a datastore in which there is nothing to pull."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowinfra.operate import pull_child


class Storage:
    """Of Metaflow's S3Storage what lists a folder."""

    def __init__(self, *paths: str) -> None:
        self.paths = paths

    def list_content(self, folders: list[str]) -> list[Any]:
        (folder,) = folders
        below = {path.removeprefix(f"{folder}/" if folder else "").split("/")[0] for path in self.paths}
        found = [path for path in self.paths if path.startswith(folder)]
        return [SimpleNamespace(path=f"{folder}/{name}".strip("/"), is_file=False) for name in below if found]


def test_folders_of_metaflow_are_no_flows() -> None:
    storage = Storage(
        "BFlow/argo-b/start", "AFlow/1700000000000000/start", "data/BFlow/x", "mf.airflow/BFlow", "conda/x"
    )
    assert pull_child._runs(storage, "BFlow", "s3://b/m") == ["argo-b"]
    with pytest.raises(pull_child.NothingToPullError, match=r"Flows in it: AFlow, BFlow\. A run appears"):
        pull_child._runs(storage, "AFlow", "s3://b/m")
