"""The version of a flow that is deployed, and who brought it from which commit."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pulumi
import pytest

from flowinfra import Platform, StepFunctionsFlow
from flowinfra.components.version import origin
from tests.components.mocked import ACCOUNT, outputs, run
from tests.unit.components.compiled import compiled

COMMIT = "8f14e45fceea167a5a36dedd4bea2543"


@pytest.fixture(autouse=True)
def _ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWINFRA_USER", "ann")
    monkeypatch.setenv("FLOWINFRA_COMMIT", COMMIT)


def flow() -> StepFunctionsFlow:
    platform = Platform.existing(bucket="bkt", queue="jobs", region="us-east-1", account=ACCOUNT)
    return StepFunctionsFlow("flow", {"flow": compiled("linear"), "platform": platform})


def test_what_is_told() -> None:
    linear = compiled("linear")
    assert outputs(lambda: flow().version) == {
        "id": linear.digest[:12],
        "digest": linear.digest,
        "package": linear.package.object,
        "metaflow": linear.metaflow,
        "commit": COMMIT,
        "deployed_by": "ann",
    }


def test_a_commit_that_is_none_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWINFRA_COMMIT", "main; rm -rf /\n")
    with pytest.raises(pulumi.RunError, match="FLOWINFRA_COMMIT is 'main; rm"):
        run(flow)


def test_without_ci_the_commit_is_that_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWINFRA_COMMIT")
    (tmp_path / "bare").mkdir()
    assert origin(tmp_path / "bare") == {"deployed_by": "ann"}
    repository = tmp_path / "repository"
    for name, change in (("clean", False), ("changed", True)):
        folder = repository / name
        folder.mkdir(parents=True)
        (folder / "flow.py").write_text("pass\n")
        git(folder, "init", "-q")
        git(folder, "add", "flow.py")
        git(folder, "commit", "-q", "-m", "one")
        if change:
            (folder / "flow.py").write_text("raise\n")
        head = git(folder, "rev-parse", "HEAD").strip()
        uncommitted: dict[str, Any] = {"uncommitted_changes": True} if change else {}
        assert origin(folder) == {"deployed_by": "ann", "commit": head, **uncommitted}


def git(folder: Path, *words: str) -> str:
    settings = ("-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", "-C", str(folder), *settings, *words], check=True, capture_output=True, text=True
    ).stdout
