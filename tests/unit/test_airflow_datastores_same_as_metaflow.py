"""With a datastore in another cloud, the DAG is what Metaflow's own `airflow create` writes, up to the mends.

The judge is Metaflow, with packages of ours in place of Google's and Azure's.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import compile_flow
from flowinfra.components.binding import filled
from flowinfra.model.compiled import rename_digests
from flowinfra.targets.airflow.mends import mend_dag
from tests.unit import cloud_sdks
from tests.unit.constructs import Construct
from tests.unit.metaflow_create_argo import DATASTORES, IDENTITY, SETTINGS
from tests.unit.test_same_as_metaflow import differences, plain

PYTHON = ".".join(platform.python_version_tuple()[:2])


def create(flow: Path, home: Path, datastore: str) -> dict[str, Any]:
    """The DAG's description in the file that the flow's own command line writes, from a copy outside of git."""
    folder = shutil.copytree(flow.parent, home / "flow")
    options = ("--no-pylint", f"--datastore={datastore}", "--metadata=local")
    settings = {**SETTINGS, **DATASTORES[datastore]}
    done = subprocess.run(
        [sys.executable, flow.name, *options, "airflow", "create", "dag.py"],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(cloud_sdks.write(home / "sdks")),
            "METAFLOW_HOME": str(home / "metaflow"),
            **{f"METAFLOW_{name}": value for name, value in settings.items()},
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [config] = [
        node.value
        for node in ast.parse((folder / "dag.py").read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "CONFIG"
    ]
    dag: dict[str, Any] = ast.literal_eval(config)
    return dag


@pytest.mark.parametrize("datastore", ["gs", "azure"])
def test_same_as_metaflow(datastore: str, tmp_path: Path) -> None:
    request = Construct("linear", shape={"datastore": datastore}).request("airflow")
    compiled = compile_flow(request)
    theirs = mend_dag(create(request.flow, tmp_path, datastore), {}, {}, "local", PYTHON)
    variables = {entry["name"]: entry["value"] for entry in theirs["states"]["start"]["operator_args"]["env_vars"]}
    renamed = rename_digests(json.dumps(theirs), {variables["METAFLOW_CODE_SHA"]: compiled.package.object})
    ours = filled(compiled, {**IDENTITY, "token": variables["METAFLOW_PRODUCTION_TOKEN"]})["airflow"]["dag"]
    assert differences(plain(ours), plain(json.loads(renamed))) == []
