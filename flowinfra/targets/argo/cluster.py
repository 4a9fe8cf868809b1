"""What a cluster lacks for a flow, or has of somebody else's: reported at preview, before anything is made."""

from __future__ import annotations

from collections.abc import Iterator

import pulumi

from flowinfra.clouds.kubernetes import Cluster, Named
from flowinfra.components.names import PROJECT_LABEL, STACK_LABEL
from flowinfra.components.ownership import mocked
from flowinfra.components.preview_cluster import named_cluster, warn_once
from flowinfra.errors import ClusterError, FlowInfraError
from flowinfra.targets.argo.ownership import PRODUCTION
from flowinfra.targets.argo.plan import PODS, SENSOR, ArgoPlan
from flowinfra.targets.argo.platform import ArgoSite, KubernetesPlatform
from flowinfra.targets.argo.releases import version_problems, warning

_WORKFLOWS = "https://argo-workflows.readthedocs.io/en/latest/installation/"
_EVENTS = "https://argoproj.github.io/argo-events/installation/"
_JOB_SETS = "https://jobset.sigs.k8s.io/docs/installation/"
_KINDS = {"workflowtemplates": "a WorkflowTemplate", "cronworkflows": "a CronWorkflow", "sensors": "a Sensor"}
_OWNER = "metaflow/owner"


def asked(plan: ArgoPlan, platform: KubernetesPlatform) -> list[FlowInfraError]:
    """What the cluster that Pulumi's configuration names lacks; nothing where the platform says not to ask.

    A cluster that cannot be reached is an error of `up`. A preview warns: flows compile without a cluster.
    """
    if not platform.check_cluster or "namespace" in platform.pending or mocked():
        return []
    try:
        return list(cluster_problems(plan, platform.site(), named_cluster()))
    except ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        warn_once(f"{error}. What the cluster has is not checked by this preview")
        return []


def cluster_problems(plan: ArgoPlan, site: ArgoSite, cluster: Cluster) -> Iterator[FlowInfraError]:
    """What the cluster lacks for a flow, or has of somebody else's; the same text for each flow where it is general.

    Raises:
        ClusterError: the cluster cannot be asked.
    """
    resources = cluster.argo_resources()
    if "workflowtemplates" not in resources:
        yield ClusterError(
            f"the cluster does not know WorkflowTemplates (argoproj.io/v1alpha1): install Argo Workflows, {_WORKFLOWS}"
        )
        return
    # what has objects is there: that of a stack that is deployed need not be asked for
    if not cluster.named(site.namespace, "workflowtemplates") and not cluster.has_namespace(site.namespace):
        yield ClusterError(
            f"the cluster has no namespace {site.namespace!r}: make it (`kubectl create namespace {site.namespace}`), "
            "or give another one as the platform's kubernetes namespace"
        )
        return
    version = cluster.argo_version(site.namespace)
    if version is not None:
        yield from version_problems(plan, version)
        if words := warning(version):
            warn_once(words)
    if plan.makes_job_sets and not cluster.has_job_sets():
        yield ClusterError(
            "the cluster does not know JobSets (jobset.x-k8s.io/v1alpha2), by which steps with @parallel run: install "
            f"JobSet, {_JOB_SETS}"
        )
    if plan.has_sensor:
        yield from _event_problems(site, cluster, resources)
    own = plan.own_accounts(site)
    for who in (PODS, *([SENSOR] if plan.has_sensor else [])):
        account = plan.account(who, site)
        if who not in own and not cluster.has_service_account(site.namespace, account):
            yield ClusterError(
                f"namespace {site.namespace!r} has no service account {account!r}: make it, or leave it out of the "
                "platform for one per flow, with the permissions that the flow needs"
            )
    templates = _of_that_name(plan, site, cluster, "workflowtemplates")
    if templates:
        # somebody who may has deployed by hand: then the other objects have none of our marks, too
        others = [("workflowtemplates", found) for found in templates if not _is_ours(found, plan)]
    else:
        argo = plan.compiled.argo
        made = [plural for plural, one in (("cronworkflows", argo.cron_workflow), ("sensors", argo.sensor)) if one]
        found_of = {plural: _of_that_name(plan, site, cluster, plural) for plural in made}
        others = [(plural, one) for plural, found in found_of.items() for one in found if not _is_ours(one, plan)]
    for plural, found in others:
        yield _foreign(plural, found, plan, site)


def _of_that_name(plan: ArgoPlan, site: ArgoSite, cluster: Cluster, plural: str) -> list[Named]:
    return [found for found in cluster.named(site.namespace, plural) or () if found.name == plan.name]


def _event_problems(site: ArgoSite, cluster: Cluster, resources: frozenset[str]) -> Iterator[ClusterError]:
    if not {"sensors", "eventbus", "eventsources"} <= resources:
        yield ClusterError(f"the cluster does not know Sensors (argoproj.io/v1alpha1): install Argo Events, {_EVENTS}")
        return
    events = site.events
    assert events is not None
    for kind, plural, name in (("EventBus", "eventbus", events.bus), ("EventSource", "eventsources", events.source)):
        there = cluster.named(site.namespace, plural)
        if there is not None and name not in {found.name for found in there}:
            names = ", ".join(sorted(found.name for found in there)) or "none"
            yield ClusterError(
                f"namespace {site.namespace!r} has no {kind} {name!r}, without which Sensors hear nothing; there are: "
                f"{names}. Make it, or name another in the platform's events"
            )


def _is_ours(found: Named, plan: ArgoPlan) -> bool:
    """Whether an object carries this stack's labels, or its token: somebody who may has deployed over it by hand."""
    labels = plan.names.labels
    same = all(found.labels.get(label) == labels[label] for label in (PROJECT_LABEL, STACK_LABEL))
    return same or found.annotations.get(PRODUCTION) == plan.token


def _foreign(plural: str, found: Named, plan: ArgoPlan, site: ArgoSite) -> ClusterError:
    stack = "/".join(found.labels[label] for label in (PROJECT_LABEL, STACK_LABEL) if label in found.labels)
    who = f"the stack {stack}" if stack else found.annotations.get(_OWNER, "something other than Metaflow")
    token = None if stack else found.annotations.get(PRODUCTION)
    take = f"to take it over, with Metaflow's namespace of its runs, give the flow `production_token: {token}`. Else "
    return ClusterError(
        f"namespace {site.namespace!r} already has {_KINDS[plural]} {plan.name!r}, deployed by {who}: it is not "
        f"taken over; {take if token else ''}give this stack a namespace of its own, give the flow another `name`, or "
        "delete the other one (`argo-workflows delete`)"
    )
