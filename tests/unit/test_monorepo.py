"""examples/monorepo: three teams' flows with a shared package, compiled for every target and by its CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from flowinfra.compiler import CompileRequest, compile_flow, read_bundle
from flowinfra.model.shape import Shape
from tests.unit.interpreters import ROOT

EXAMPLE = ROOT / "examples" / "monorepo"
SHARED = {"acme_common/__init__.py", "acme_common/currencies.yaml", "acme_common/money.py"}
OWN = {
    "FraudFlow": {"fraud_flow.py", "rules.py"},
    "GrowthFlow": {"growth_flow.py"},
    "ForecastFlow": {"forecast_flow.py", "history.sql"},
}


@pytest.mark.parametrize("target", ["step-functions", "argo", "airflow"])
@pytest.mark.parametrize("team", ["growth", "forecast"])
def test_compiles_for_every_target(team: str, target: str) -> None:
    shape = Shape(package_include=("acme_common",), image="registry.acme.example/flows:3.11")
    flow = EXAMPLE / "flows" / team / f"{team}_flow.py"
    request = CompileRequest(flow=flow, target=target, shape=shape, root=EXAMPLE, image_packages=("pyyaml",))
    assert {*compile_flow(request).package.files} == {flow.name, *SHARED}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The example as a repository of its own, with the CI of examples/ci, and with what lies about in one."""
    folder = tmp_path / "acme-ml"
    shutil.copytree(EXAMPLE, folder)
    shutil.copytree(ROOT / "examples" / "ci" / "commands", folder / "ci")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "all"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    for name in ("venv/lib/module.py", "acme_common/secrets_local.py", "flows/fraud/try_local.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


def test_its_ci_bundles_each_flow_with_what_it_shares(repository: Path) -> None:
    done = subprocess.run(
        ["ci/bundle", "staging", "prod"], cwd=repository, env={**os.environ}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("BUNDLES_DIGEST=")
    assert "not in git" not in done.stderr
    for stack, limit in (("staging", 500), ("prod", 900)):
        document = yaml.safe_load((repository / f"build/bundles/Pulumi.{stack}.yaml").read_text())
        flows = [read_bundle(repository / entry["flow"]) for entry in document["config"]["flowinfra:flows"]]
        assert {flow.flow.name: {*flow.package.files} for flow in flows} == {
            name: {*own, *SHARED} for name, own in OWN.items()
        }
        [fraud] = [flow for flow in flows if flow.flow.name == "FraudFlow"]
        assert fraud.flow.configs == {"config": {"limit": limit}}
