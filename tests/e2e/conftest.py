"""Flows deployed by the real engine to an embedded AWS, one for each worker, and run there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.support import Cloud, Person, Project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one module share a deployment, so they stay on one worker (with `--dist loadgroup`)."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One embedded AWS for all tests of a worker."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud") / "state")
    try:
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture(scope="module")
def make_project(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Makes Pulumi projects."""
    return lambda: Project(cloud, tmp_path_factory.mktemp("project"))


@pytest.fixture
def colleague(tmp_path: Path) -> Person:
    """Somebody who has never worked with the stack."""
    return Person("colleague", tmp_path / "colleague")
