"""Flows deployed by the real engine to an embedded AWS, one for each worker, and run there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowinfra.local import calls
from tests.e2e import rights
from tests.e2e.support import Cloud, Person, Project

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one module share a deployment, so they stay on one worker (with `--dist loadgroup`)."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """After a run of all of these tests: no statement of a flow's role that nothing needed."""
    if "PYTEST_XDIST_WORKER" in os.environ or session.exitstatus != pytest.ExitCode.OK:
        return
    factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    unneeded = rights.unneeded(factory.getbasetemp(), (path.stem for path in HERE.glob("test_*.py")))
    if unneeded:
        print(f"\nstatements of flows' roles that no end-to-end test needed: {', '.join(sorted(unneeded))}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One embedded AWS for all tests of a worker."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud") / "state")
    try:
        yield cloud
    finally:
        cloud.stop()
    found = rights.evaluate(calls.read(cloud.state.call_log))
    folder = tmp_path_factory.getbasetemp()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    modules = {item.path.stem for item in request.session.items if item.path.is_relative_to(HERE)}
    rights.keep(found, modules, folder.parent if worker else folder, worker or "only")
    assert found.denied == set(), "calls that the role's policy does not allow"


@pytest.fixture(scope="module")
def make_project(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Makes Pulumi projects."""
    return lambda: Project(cloud, tmp_path_factory.mktemp("project"))


@pytest.fixture
def colleague(tmp_path: Path) -> Person:
    """Somebody who has never worked with the stack."""
    return Person("colleague", tmp_path / "colleague")
