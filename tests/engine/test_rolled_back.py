"""A rollback by the real engine: what was deployed comes back from the datastore, over what is deployed now."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.project import Project, flow_source

pytestmark = pytest.mark.engine


def rollback(project: Project, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        ["flowinfra", "rollback", "test", *words],
        cwd=project.folder,
        env={**os.environ, **project.cloud.environment, **project.variables},
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def deployed(project: Project, name: str) -> Any:
    """What a rollback has to bring back: definition without revisions, and the parameters of its schedule."""
    machine = project.machines()[name]
    return machine["stateMachineArn"], json.loads(machine["definition"])


def kept(project: Project) -> list[str]:
    found = project.cloud.client("s3").list_objects_v2(
        Bucket="metaflow-local", Prefix=f"metaflow/.flowinfra/{project.name}/test/"
    )
    return [entry["Key"].rpartition("/")[2] for entry in found.get("Contents", [])]


def test_flows_come_back_without_their_sources(project: Project, tmp_path: Path) -> None:
    bad, other = f"Bad{project.name}", f"Other{project.name}"
    project.variables |= {"FLOWINFRA_COMMIT": "one", "FLOWINFRA_USER": "ann"}
    alpha = "alpha = Parameter('alpha', default={})"
    source = flow_source(bad, "train").replace("    @step", f"    {alpha.format(1)}\n    @step", 1)
    project.write("bad.py", source)
    project.write("other.py", flow_source(other))
    first = {"flow": "bad.py", "steps": {"train": {"memory": 8192}}}
    project.configure(first, {"flow": "other.py"})
    project.up()
    good = deployed(project, bad)
    project.up()
    assert len([name for name in kept(project) if name.endswith(".json")]) == 1, "an `up` that changes nothing"

    project.variables["FLOWINFRA_COMMIT"] = "two"
    project.write("bad.py", source.replace(alpha.format(1), alpha.format(2)).replace("pass", "raise SystemExit(1)"))
    project.write("new.py", flow_source(f"New{project.name}"))
    project.configure({"flow": "bad.py"}, {"flow": "other.py"}, {"flow": "new.py"})
    project.up()
    assert deployed(project, bad) != good
    untouched = deployed(project, other), deployed(project, f"New{project.name}")
    project.flowinfra("gc", "test", "--json", "--yes")

    # somebody else: the sources of today, and nothing in the cache
    there = project.clone(tmp_path / "elsewhere" / "project")
    there.variables |= {"FLOWINFRA_USER": "eve", "FLOWINFRA_COMMIT": "two"}
    listed = json.loads(rollback(there, "--list", "--json"))["deployments"]
    assert [(each["number"], each["commit"], each["deployed_by"]) for each in listed] == [
        (2, "two", "ann"),
        (1, "one", "ann"),
    ]
    shown = rollback(there, bad, code=3)
    assert "step train: memory 4096 → 8192 MB" in shown
    assert "parameter alpha: default 2 → 1" in shown
    assert deployed(project, bad) != good, "shown only"
    said = rollback(there, bad, "--yes")
    assert "The next `pulumi up` from the sources changes it again" in said
    assert deployed(project, bad) == good
    assert (deployed(project, other), deployed(project, f"New{project.name}")) == untouched
    assert "Nothing to change" in rollback(there, bad, "--to", "1")

    # from main, which has the commit that was taken back
    preview = project.pulumi("preview")
    assert "eve rolled it back to deployment 1" in preview
    version = json.loads(project.pulumi("stack", "output", f"version:{project.name}_{bad}", "--json"))
    assert (version["commit"], version["deployed_by"], version["rolled_back_to"]) == ("one", "eve", 1)
    shutil.rmtree(tmp_path / "elsewhere")
    project.pulumi("destroy", "--yes", "--skip-preview")
    project.flowinfra("gc", "test", "--json", "--yes")
    assert kept(project) == []
