"""Who deploys and when is what CI declares, or the person and moment of the `up`."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flowinfra.components.deploy_time import Deployer
from flowinfra.errors import ConfigError


def test_what_ci_declares() -> None:
    deployer = Deployer.from_environment(
        {"FLOWINFRA_USER": "ci", "FLOWINFRA_BRANCH": "main", "FLOWINFRA_NOW": "2026-01-31T06:00:00Z"}
    )
    assert deployer == Deployer("ci", "main", datetime(2026, 1, 31, 6, tzinfo=timezone.utc))


def test_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    deployer = Deployer.from_environment({})
    assert (deployer.user, deployer.branch) == ("ann", None)
    assert deployer.now.tzinfo is not None


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31", "2026-01-31T06:00:00"])
def test_a_time_needs_a_zone(text: str) -> None:
    with pytest.raises(ConfigError, match="FLOWINFRA_NOW is"):
        Deployer.from_environment({"FLOWINFRA_NOW": text})


def test_a_commit_that_ci_declares() -> None:
    assert Deployer.from_environment({"FLOWINFRA_COMMIT": "v1.2/rc-1"}).commit == "v1.2/rc-1"
    assert Deployer.from_environment({"FLOWINFRA_COMMIT": ""}).commit is None


@pytest.mark.parametrize("text", ["a b", "-x", "a\n", "x" * 101, "$(id)"])
def test_what_is_no_commit(text: str) -> None:
    with pytest.raises(ConfigError, match="FLOWINFRA_COMMIT is"):
        Deployer.from_environment({"FLOWINFRA_COMMIT": text})


@pytest.mark.parametrize("variable", ["FLOWINFRA_USER", "LOGNAME"])
def test_root_is_nobody(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A container of CI: Metaflow refuses to evaluate a parameter for root."""
    monkeypatch.setenv("LOGNAME", "root")
    assert Deployer.from_environment({variable: "root"}).user == "unknown"


def test_a_container_without_users(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", missing)
    assert Deployer.from_environment({}).user == "unknown"
