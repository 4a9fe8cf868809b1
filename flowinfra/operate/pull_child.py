"""The child process of `flowinfra.operate.pull`: `python -m flowinfra.operate.pull_child FLOW [RUN]`.

Imports Metaflow, whose configuration is fixed at import, and prints one line of JSON at its end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_DEPLOYED = ("sfn-", "argo-", "airflow-")
"""What ids of runs begin with: those of Step Functions, Argo and Airflow."""
_NO_FLOWS = {"conda", "data", "distributed_map", "mf.airflow"}
"""Folders of a datastore that Metaflow puts beside those of flows."""


class NothingToPullError(Exception):
    """What was asked for is not in the datastore; the text is for the user."""


def main(flow: str, run_id: str | None) -> dict[str, Any]:
    """Pull and say what was done."""
    from metaflow.datastore.flow_datastore import FlowDataStore
    from metaflow.metaflow_config import DATASTORE_SYSROOT_S3, DEFAULT_DATASTORE
    from metaflow.plugins.datastores.local_storage import LocalStorage
    from metaflow.plugins.datastores.s3_storage import S3Storage

    if DEFAULT_DATASTORE in ("gs", "azure"):
        raise NothingToPullError(
            f"Metaflow's configuration has the datastore {DEFAULT_DATASTORE!r}, and `flowinfra pull` reads S3 alone: "
            "nothing was pulled. With a metadata service (the platform's service_url) runs are seen without a pull."
        )
    if not DATASTORE_SYSROOT_S3:
        raise NothingToPullError(
            "No S3 datastore is configured: METAFLOW_DATASTORE_SYSROOT_S3 is not set, neither in the "
            "environment nor in Metaflow's configuration. For the embedded AWS, run this under "
            "`flowinfra local exec --`."
        )
    # Metaflow is untyped
    local_storage: Any = LocalStorage
    make_store: Any = FlowDataStore
    root = Path(local_storage.get_datastore_root_from_config(lambda *_, **__: None))
    local_storage.datastore_root = str(root)
    S3Storage.datastore_root = DATASTORE_SYSROOT_S3
    store = make_store(flow, environment=_NoEnvironment(), storage_impl=S3Storage)
    known = _runs(S3Storage(DATASTORE_SYSROOT_S3), flow, DATASTORE_SYSROOT_S3)
    if run_id is not None and run_id not in known:
        raise NothingToPullError(
            f"Flow {flow} has no run {run_id} in {DATASTORE_SYSROOT_S3}. Its runs are: {', '.join(known)}."
        )
    runs = [_pull_run(store, root, flow, each) for each in ([run_id] if run_id else known)]
    return {"runs": runs, "metadata": str(root)}


class _NoEnvironment:
    """What FlowDataStore asks of an environment when it only reads."""

    TYPE = "local"


def _runs(storage: Any, flow: str, datastore: str) -> list[str]:
    """Runs in the datastore that a deployment made; the others have their metadata where they
    ran.
    """
    entries = storage.list_content([flow])
    names = sorted(entry.path.rstrip("/").rpartition("/")[2] for entry in entries if not entry.is_file)
    runs = [name for name in names if name.startswith(_DEPLOYED)]
    if not runs:
        flows = sorted({e.path.rstrip("/") for e in storage.list_content([""]) if not e.is_file} - _NO_FLOWS)
        raise NothingToPullError(
            f"{datastore} has no run of flow {flow} that a deployment made. "
            f"Flows in it: {', '.join(flows) or 'none'}. A run appears with its first task."
        )
    return runs


def _pull_run(store: Any, root: Path, flow: str, run_id: str) -> dict[str, Any]:
    """Pull what is new of a run."""
    from metaflow.metadata_provider.util import sync_local_metadata_from_datastore
    from metaflow.metaflow_config import DATASTORE_LOCAL_DIR

    sync: Any = sync_local_metadata_from_datastore
    # dot folders are out of the Client's sight
    record = root / ".flowinfra" / flow / f"{run_id}.json"
    seen: dict[str, int] = json.loads(record.read_text()) if record.exists() else {}
    new = 0
    if not _complete(seen):
        for task in store.get_task_datastores(run_id=run_id):
            pathspec = f"{task.step_name}/{task.task_id}"
            if task.step_name == "_parameters" or seen.get(pathspec) == task.attempt:
                continue
            if task.has_metadata("local_metadata"):
                sync(DATASTORE_LOCAL_DIR, task)
                seen[pathspec] = task.attempt
                new += 1
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(seen))
    return {"id": run_id, "new_tasks": new, "complete": _complete(seen)}


def _complete(seen: dict[str, int]) -> bool:
    return any(pathspec.startswith("end/") for pathspec in seen)


if __name__ == "__main__":
    try:
        result = main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    except NothingToPullError as nothing:
        result = {"error": str(nothing)}
    sys.stdout.write(json.dumps(result) + "\n")
