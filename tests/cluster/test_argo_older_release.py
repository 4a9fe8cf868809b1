"""Each kind of flow on the older release of Argo Workflows that users are told of, in a cluster of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import kinds
from tests.cluster.rig.cluster import Cluster
from tests.cluster.support import ArgoStack
from tests.receiver import Receiver, receive


@pytest.fixture(scope="module")
def receiver(older_cluster: Cluster) -> Iterator[Receiver]:
    """Takes notifications, in the network that pods see."""
    with receive() as server:
        yield server


@pytest.fixture(scope="module")
def stack(older_cluster: Cluster, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoStack]:
    """A stack with each kind."""
    with kinds.deployed(older_cluster, receiver, tmp_path_factory.mktemp("older") / "project") as stack:
        yield stack


def test_the_clock_starts_a_flow(stack: ArgoStack) -> None:
    kinds.the_clock_starts_a_flow(stack)


def test_texts_arrive_as_they_are(stack: ArgoStack, tmp_path: Path) -> None:
    kinds.texts_arrive_as_they_are(stack, tmp_path)


def test_branches_of_a_switch_meet(stack: ArgoStack, tmp_path: Path) -> None:
    kinds.branches_of_a_switch_meet(stack, tmp_path)


def test_a_step_on_several_nodes_at_once(stack: ArgoStack, tmp_path: Path) -> None:
    kinds.a_step_on_several_nodes_at_once(stack, tmp_path)


def test_the_end_of_a_run_is_told(stack: ArgoStack, receiver: Receiver) -> None:
    kinds.the_end_of_a_run_is_told(stack, receiver)


def test_an_event_starts_a_flow_whose_end_starts_another(stack: ArgoStack, tmp_path: Path) -> None:
    kinds.an_event_starts_a_flow_whose_end_starts_another(stack, tmp_path)
