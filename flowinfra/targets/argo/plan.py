"""What a flow's deployment to Argo consists of, decided before any resource exists: pure, and checked as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from flowinfra.components.confidential import secret_problems
from flowinfra.components.kubernetes_object import OWNED, extra_problems
from flowinfra.components.labels import metadata_problems, with_metadata
from flowinfra.components.names import OWNER
from flowinfra.components.plan import Plan
from flowinfra.errors import BindError, FlowInfraError, Problems
from flowinfra.targets.argo import limits
from flowinfra.targets.argo.bound import ArgoBound, bind
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.labels import Object, labelled, taken
from flowinfra.targets.argo.platform import ArgoSite
from flowinfra.targets.argo.roles import Rule, pod_rules, sensor_rules

PODS, SENSOR = "pods", "sensor"
"""Whose service account."""

WORKFLOW_TEMPLATE, CRON_WORKFLOW, EVENT_SENSOR = "workflow-template", "cron-workflow", "sensor"


@dataclass(frozen=True)
class ArgoPlan(Plan[ArgoCompiled]):
    """One flow in one stack."""

    @property
    def has_sensor(self) -> bool:
        """Whether events start the flow."""
        return self.compiled.argo.sensor is not None and self.triggers_enabled

    @property
    def sensor_name(self) -> str | None:
        """Name of the Sensor, in which Metaflow writes - for a dot of the flow's; None where events start no run."""
        sensor = self.compiled.argo.sensor
        return str(sensor["metadata"]["name"]) if sensor is not None and self.triggers_enabled else None

    @property
    def idle_timezone(self) -> str | None:
        """A message about a timezone for a flow without a schedule; None where the stack sets no such timezone."""
        shape = self.compiled.shape
        if shape.schedule_timezone is None or shape.schedule == "off" or self.compiled.flow.schedule is not None:
            return None
        return (
            f"{self.name}: schedule.timezone ({shape.schedule_timezone}) has no effect, for the flow has no schedule: "
            "give `cron` too, or leave it out"
        )

    @property
    def makes_job_sets(self) -> bool:
        """Whether a step has @parallel."""
        return any("resource" in template for template in self.compiled.argo.workflow_template["spec"]["templates"])

    @property
    def leaves_steps_out(self) -> bool:
        """Whether a switch decides which steps of a run there are."""
        templates = self.compiled.argo.workflow_template["spec"]["templates"]
        return any("when" in task for template in templates for task in template.get("dag", {}).get("tasks", ()))

    @property
    def recorded(self) -> dict[str, Object]:
        """Kind → object without the stack's identity, in the order in which they are made."""
        argo = self.compiled.argo
        found = {
            WORKFLOW_TEMPLATE: argo.workflow_template,
            CRON_WORKFLOW: argo.cron_workflow,
            EVENT_SENSOR: argo.sensor if self.triggers_enabled else None,
        }
        return {kind: recorded for kind, recorded in found.items() if recorded is not None}

    def own_accounts(self, site: ArgoSite) -> tuple[str, ...]:
        """Whose service accounts are the flow's own: those that the platform does not bring."""
        needed = {
            PODS: site.service_account is None,
            SENSOR: self.has_sensor and site.events is not None and site.events.service_account is None,
        }
        return tuple(who for who, own in needed.items() if own)

    def account(self, who: str, site: ArgoSite) -> str:
        """Name of a service account."""
        given = site.service_account if who == PODS else site.events and site.events.service_account
        return given or self.names.kubernetes("" if who == PODS else who)

    def bound(self, site: ArgoSite) -> ArgoBound:
        """The flow with the stack's identity, labels and namespace.

        Raises `Problems` with every value that does not fit.
        """
        bound = bind(self.compiled, self._identity(site), self.parameters)
        cron = bound.cron_workflow
        if cron is not None and not self.schedule_enabled:
            cron = {**cron, "spec": {**cron["spec"], "suspend": True}}
        return ArgoBound(
            self._owned(bound.workflow_template, site),
            cron and self._owned(cron, site),
            bound.sensor and self._owned(bound.sensor, site),
        )

    def workflow_objects(self, site: ArgoSite) -> dict[str, Object]:
        """Kind → object with the stack's identity, for each of `recorded`."""
        bound = self.bound(site)
        found = {
            WORKFLOW_TEMPLATE: bound.workflow_template,
            CRON_WORKFLOW: bound.cron_workflow,
            EVENT_SENSOR: bound.sensor,
        }
        return {kind: found[kind] or {} for kind in self.recorded}

    def account_objects(self, who: str, site: ArgoSite) -> dict[str, Object]:
        """Service account, role and role binding of the flow's own, by kind."""
        metadata = {
            "name": self.account(who, site),
            "namespace": site.namespace,
            "labels": self._labels(site),
            "annotations": {**site.annotations, **OWNED},
        }
        return {
            "account": {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            "role": {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": metadata,
                "rules": self.rules(who),
            },
            "role-binding": {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": metadata["name"]},
                "subjects": [{"kind": "ServiceAccount", "name": metadata["name"], "namespace": site.namespace}],
            },
        }

    def rules(self, who: str) -> list[Rule]:
        """What a service account of the flow's own may do in the namespace."""
        return pod_rules(self.compiled.argo.workflow_template) if who == PODS else sensor_rules()

    def _identity(self, site: ArgoSite) -> dict[str, str]:
        """Placeholder name → value."""
        values = {
            **site.place.identity,
            "kubernetes-namespace": site.namespace,
            "service-account": self.account(PODS, site),
            "owner": OWNER,
            "token": self.token,
            "service-url": site.service_url,
        }
        if events := site.events:
            values |= {
                "event-name": events.event,
                "event-bus": events.bus,
                "event-source": events.source,
                "events-service-account": self.account(SENSOR, site),
                "events-namespace": site.namespace,
                "events-webhook": events.webhook(site.namespace),
                "events-webhook-auth": events.webhook_auth,
            }
        return {name: value for name, value in values.items() if value is not None}

    def _owned(self, value: Object, site: ArgoSite) -> Object:
        labels = self._labels(site)
        owned = with_metadata(value["metadata"], labels, {**site.annotations, **OWNED})
        return {**labelled(value, labels, site.annotations), "metadata": {**owned, "namespace": site.namespace}}

    def _labels(self, site: ArgoSite) -> dict[str, str]:
        """Labels of all that the flow is in the cluster."""
        return {**site.labels, **self.names.labels}


def check(plan: ArgoPlan, site: ArgoSite) -> list[FlowInfraError]:
    """Everything that Kubernetes, Argo or binding would refuse of this plan."""
    if refused := list(metadata_problems(plan.name, site.labels, site.annotations, taken(plan.compiled))):
        return [*refused]
    try:
        bound = plan.bound(site)
        for who in plan.own_accounts(site):
            plan.rules(who)
    except Problems as problems:
        return list(problems.errors)
    except BindError as error:
        return [BindError(f"{plan.name}: {error}")]
    return [
        *extra_problems("Argo Workflows"),
        *limits.flow_problems(plan.compiled, bound),
        *secret_problems(plan.name, plan.parameters, None),
    ]


def workflow_template(namespace: str, name: str) -> str:
    """What a flow is in the cluster, in words."""
    return f"WorkflowTemplate {name!r} in namespace {namespace!r}"


def sensor(namespace: str, name: str) -> str:
    """What starts a flow on events in the cluster, in words."""
    return f"Sensor {name!r} in namespace {namespace!r}"
