"""Preview and up of flows on Argo Workflows, in the tests' cluster: `deploying.py` says what is compared.

The cluster is a bare one: etcd, the apiserver and the full resource definitions, so that nothing acts on what is
deployed while it is measured. Both sides deploy to it, each to a namespace of its own, through Pulumi's own Kubernetes
provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import deploying
from bench.deploying import Say, Scene
from bench.figures import Report
from flowinfra.local import platform
from tests.cluster.rig.cluster import Cluster, provider_folder
from tools.bootstrap import cluster as tools


def measure(report: Report, sizes: Sequence[int], folder: Path, say: Say) -> None:
    """Add the tables and figures, or why there are none."""
    reason = tools.unavailable()
    if reason is not None:
        report.skipped.append(f"argo-deploy: {reason}")
        return
    with say("Argo: starting a cluster"):
        cluster = Cluster(folder / "cluster", bare=True)
    try:
        with cluster.inside():
            deploying.measure(report, {size: _scene(cluster) for size in sizes}, folder, say)
    finally:
        cluster.stop()


def _scene(cluster: Cluster) -> Scene:
    ours, floors = cluster.namespace("flowinfra"), cluster.namespace("floor")
    return Scene(
        target="argo",
        platform={"bucket": platform.NAME, "kubernetes": {"namespace": ours}},
        title="Argo",
        variables={"KUBECONFIG": str(cluster.kubeconfig)},
        path=[provider_folder()],
        apart={ours: floors},
    )
