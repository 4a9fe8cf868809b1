"""One cluster for all tests of this folder, in a network of its own, which they are inside of.

    cluster     a running `Cluster` (rig/cluster.py): api, environment, run, namespace, event_bus, ended, …
    older_cluster  the same with the older release of Argo Workflows
    namespace   the name of a namespace of the test's own

Both Kubernetes and the embedded AWS are reached as from any machine: `cluster.environment` has KUBECONFIG and the
AWS endpoint, the `kubernetes` package works with `cluster.kubeconfig`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.cluster.kinds")

from tests.cluster.rig.cluster import Cluster  # noqa: E402
from tools.bootstrap import cluster as tools  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark below also where xdist is switched off."""
    config.addinivalue_line("markers", "xdist_group(name): tests that stay on one worker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a cluster stay on one worker: two clusters at once would cost more than they give."""
    here, clusters = Path(__file__).parent, {"cluster", "older_cluster"}
    for item in items:
        if item.path.is_relative_to(here) and isinstance(item, pytest.Function) and clusters & {*item.fixturenames}:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster; this thread is inside of its network as long as it lives."""
    with _running(tmp_path_factory, older=False) as running:
        yield running


@pytest.fixture(scope="module")
def older_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One with the older release of Argo Workflows; likewise."""
    with _running(tmp_path_factory, older=True) as running:
        yield running


@contextlib.contextmanager
def _running(tmp_path_factory: pytest.TempPathFactory, older: bool) -> Iterator[Cluster]:
    reason = tools.unavailable()
    if reason is not None:
        if os.environ.get(tools.REQUIRED_VARIABLE) == "1":
            pytest.fail(f"The cluster is required ({tools.REQUIRED_VARIABLE}=1), but cannot run: {reason}")
        pytest.skip(f"no cluster: {reason}")
    running = Cluster(tmp_path_factory.mktemp("cluster") / "rig", older=older)
    try:
        with running.inside():
            yield running
    finally:
        running.stop()


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace of the test's own."""
    return cluster.namespace()
