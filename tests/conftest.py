"""What tests of all kinds share: the option that renews golden files, caches, and who begins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

STAND_INS = Path(__file__).resolve().parent / "stand_ins"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")
    parser.addoption("--update-pictures", action="store_true", help="write the pictures of the documentation")


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One compile cache for the whole run, all workers included: a flow is compiled once.

    Nor does each of the processes that the tests start read again what the first one has read: packages are listed
    for Pulumi once, and the bytecode of our modules is kept, whatever the shell says. Programs in Go, such as Pulumi's,
    look for garbage less often: it is a fifth of what a short command costs.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    (base / "packages").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWINFRA_CACHE", str(base / "compile-cache"))
        patch.setenv("PULUMI_PYTHON_CMD", str(STAND_INS / "pulumi-python"))
        patch.setenv("FLOWINFRA_TEST_PACKAGES", str(base / "packages"))
        patch.setenv("GOGC", "400")
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield base / "compile-cache"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compile cache of the test's own, empty."""
    path = tmp_path / "own-compile-cache"
    monkeypatch.setenv("FLOWINFRA_CACHE", str(path))
    return path
