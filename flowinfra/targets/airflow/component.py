"""AirflowFlow: one Metaflow flow on Airflow."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar

import pulumi
import pulumi_aws as aws
from typing_extensions import Required

from flowinfra.components import datastore, outputs
from flowinfra.components.arguments import FlowArgs
from flowinfra.components.creation import FlowComponent, Making, after, begun
from flowinfra.components.deployed_parameters import deployed_parameters
from flowinfra.components.failed_updates import of_component
from flowinfra.components.inputs import describe_deployed
from flowinfra.components.kubernetes_object import kubernetes_object
from flowinfra.components.local_file import LocalFile, lacks_launcher
from flowinfra.components.names import DAG_FILE, OWNER_RECORD
from flowinfra.components.plan import same_name
from flowinfra.components.pod_identity import pod_role
from flowinfra.components.pod_roles import ROLE_ARN, role_warnings
from flowinfra.components.prepare import Prepared
from flowinfra.components.program import claim
from flowinfra.components.version import Version, deployed_version
from flowinfra.errors import Problems
from flowinfra.targets.airflow.bound import AirflowBound
from flowinfra.targets.airflow.outputs import metaflow_config, trigger_command
from flowinfra.targets.airflow.ownership import account_not_taken, dag_not_taken, record_not_taken
from flowinfra.targets.airflow.plan import AirflowPlan, check, dag
from flowinfra.targets.airflow.platform import AirflowPlatform, AirflowSite, DagBucket, DagConfigMaps
from flowinfra.targets.airflow.prepare import AIRFLOW
from flowinfra.targets.airflow.unused import unused

T = TypeVar("T")


class AirflowFlowArgs(FlowArgs, total=False):
    """Arguments of a flow on Airflow."""

    platform: Required[AirflowPlatform]
    """The platform that the flow runs on, which also says where Airflow takes its DAG files from."""
    worker_pool: str
    """Pool of Airflow for the flow's tasks, which has to exist. Default: Airflow's default pool."""
    paused: bool
    """Whether a new DAG waits until it is unpaused in Airflow. Default: False."""
    job_policies: Sequence[pulumi.Input[str]]
    """ARNs of managed policies for the flow's pods, where the platform has `pod_roles`."""
    reads: Sequence[str] | Literal["all"]
    """Other flows whose artifacts, cards and data the flow's pods may read, where the platform has `pod_roles`."""
    labels: Mapping[str, pulumi.Input[str]]
    """Labels of the tasks' pods and the flow's ConfigMap, and tags (`key:value`) of the DAG, beside the platform's."""
    annotations: Mapping[str, pulumi.Input[str]]
    """Annotations of the tasks' pods and the flow's ConfigMap, beside the platform's."""


class AirflowFlow(FlowComponent[AirflowPlan, AirflowPlatform]):
    """A DAG file where Airflow finds it, and what the tasks read from the datastore.

    Removing the flow removes the file. The datastore's objects stay, for the runs that still refer to them.
    """

    LOST_BY_RENAMES = (
        "that DAG leaves with its file. Its runs start no further tasks, and Airflow shows the earlier ones under the "
        "old name alone. The earlier `name` keeps it"
    )

    dag_id: pulumi.Output[str]
    """Id of the DAG."""
    file: pulumi.Output[str]
    """Where the DAG file is: `s3://…`, `configmap://namespace/name/key`, or a path."""
    namespace: pulumi.Output[str]
    """Metaflow namespace of the flow's runs."""
    authorize: pulumi.Output[str]
    """The command that lets a person write a DAG of the same production token by hand."""
    trigger: pulumi.Output[str]
    """The command of Airflow that starts a run."""
    metaflow_config: pulumi.Output[dict[str, str]]
    """METAFLOW_* settings with which a laptop reaches the flow; as JSON, a file that Metaflow takes."""
    version: pulumi.Output[Version]
    """What is deployed (`id`, `digest`, `package`, `metaflow`), and which commit and person brought it."""

    def __init__(self, name: str, args: AirflowFlowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Deploy a flow.

        Args:
            name: of the resource.
            args: the flow, its platform, and what differs here.
            opts: of the resource.

        Raises:
            pulumi.RunError: with every problem of the flow, its arguments and the limits, before anything is made.
        """
        self._make(name, *begun(name, args, AIRFLOW), opts)

    def _make(
        self,
        name: str,
        prepared: Prepared[AirflowPlan, AirflowPlatform],
        by: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        plan, platform = prepared.plan, prepared.platform
        claim(dag(plan.name), name, partial(same_name, dag(plan.name)))
        self._begin("flowinfra:airflow:AirflowFlow", name, plan, _shown(prepared), opts)
        for words in (*unused(plan.compiled), *role_warnings(plan, platform)):
            pulumi.log.warn(words, self)
        making = _Making(name, plan, platform, of_component(self, name))

        objects = datastore.files(name, plan.compiled, platform.store, plan.object_tags, making.child)
        bound = _bound(making)
        record = _record(making, bound.apply(lambda found: found.deployment))
        needs = [*objects, record, *_account(making)]
        deployed, file = _delivered(making, bound.apply(lambda found: found.file), needs)

        def there(make: Callable[[AirflowSite], T]) -> pulumi.Output[T]:
            return after(deployed, platform.on_site(make))

        self.dag_id = there(lambda _: plan.name)
        self.file = after(deployed, file)
        self.namespace = there(lambda _: outputs.namespace(plan.token))
        self.authorize = there(lambda _: outputs.authorize_command(plan.compiled, plan.file, plan.token))
        self.trigger = there(lambda _: trigger_command(plan.compiled))
        self.metaflow_config = there(
            lambda site: {
                **plan.compiled.shape.settings,
                **metaflow_config(replace(site, service_account=plan.account(site))),
            }
        )
        self.version = deployed_version(name, plan.compiled, by, [deployed, record], making.child)
        self.register_outputs(
            {
                "dag_id": self.dag_id,
                "file": self.file,
                "namespace": self.namespace,
                "authorize": self.authorize,
                "trigger": self.trigger,
                "metaflow_config": self.metaflow_config,
                "version": self.version,
            }
        )


_Making = Making[AirflowPlan, AirflowPlatform]


def _bound(making: _Making) -> pulumi.Output[AirflowBound]:
    """The flow with the stack's identity, checked once more with what was not known before."""
    plan, platform = making.plan, making.platform

    def bound(found: Mapping[str, Any]) -> AirflowBound:
        site: AirflowSite = found["site"]
        current = replace(plan, parameters=json.loads(found["parameters"]))
        known = replace(
            platform,
            bucket=site.bucket,
            namespace=site.namespace,
            service_account=site.service_account,
            service_url=site.service_url,
            labels=site.labels,
            annotations=site.annotations,
        )
        if problems := check(current, known):
            raise pulumi.RunError(str(Problems(problems)))
        return current.bound(site)

    parameters = deployed_parameters(making.name, plan.compiled, plan.parameters, making.child)
    return pulumi.Output.all(site=platform.on_site(lambda site: site), parameters=parameters).apply(bound)


def _account(making: _Making) -> list[pulumi.Resource]:
    """The service account of the flow's own, and its role, where the platform has such roles."""
    plan, platform = making.plan, making.platform
    if platform.pod_roles is None:
        return []
    arn, granted = pod_role(making, platform.pod_roles, plan.account(platform.site()))
    found: Any = pulumi.Output.from_input(platform.on_site(plan.account_object))
    metadata = found["metadata"]
    if platform.pod_roles.oidc_provider is not None:
        metadata = pulumi.Output.all(metadata, arn).apply(
            lambda both: {**both[0], "annotations": {**both[0]["annotations"], ROLE_ARN: both[1]}}
        )
    account = kubernetes_object(
        f"{making.name}-pods-account",
        "v1",
        "ServiceAccount",
        {"metadata": metadata},
        making.options(hooks=account_not_taken(making)),
    )
    return [*granted, account]


def _delivered(
    making: _Making, text: pulumi.Output[str], needs: Sequence[pulumi.Resource]
) -> tuple[pulumi.Resource, pulumi.Input[str]]:
    """Make the DAG file where Airflow takes it from; returns it and the words for that place.

    A preview shows the file's text as changed, without a diff.
    """
    name, plan, dags = f"{making.name}{DAG_FILE}", making.plan, making.platform.dags
    child = partial(making.options, depends_on=needs, hooks=dag_not_taken(making), **making.protection)
    if isinstance(dags, DagBucket):
        key = str(PurePosixPath(dags.prefix) / plan.file_name)
        made: pulumi.Resource = aws.s3.BucketObjectv2(
            name,
            bucket=dags.bucket,
            key=key,
            content=text,
            content_type="text/x-python",
            tags=plan.tags,
            opts=child(hide_diffs=["content"]),
        )
        return made, pulumi.Output.concat("s3://", dags.bucket, "/", key)
    if isinstance(dags, DagConfigMaps):
        platform = making.platform
        body = plan.config_map(dags.namespace, "", platform.labels, platform.annotations)
        data = text.apply(lambda file: plan.config_map(dags.namespace, file)["data"])
        made = kubernetes_object(
            name,
            body["apiVersion"],
            body["kind"],
            {"metadata": body["metadata"], "data": data},
            child(hide_diffs=["data"]),
        )
        return made, f"configmap://{dags.namespace}/{body['metadata']['name']}/{plan.file_name}"
    if words := lacks_launcher(os.environ.get("PATH", "")):
        pulumi.log.warn(words, making.child.parent)
    path = str(PurePosixPath(dags.path) / plan.file_name)
    return LocalFile(name, path, text, child(hide_diffs=["content"])), path


def _record(making: _Making, text: pulumi.Output[str]) -> pulumi.Resource:
    """The object by which Metaflow refuses a hand-made `create` of whoever does not have the token.

    The DAG comes after it, as with Metaflow: where somebody else's record is, no DAG is delivered.
    """
    plan, key, name = making.plan, making.plan.compiled.airflow.deployment_key, f"{making.name}{OWNER_RECORD}"
    child = making.options(hooks=record_not_taken(making))
    return datastore.text(name, key, text, making.platform.store, plan.tags, child)


def _shown(prepared: Prepared[AirflowPlan, AirflowPlatform]) -> dict[str, Any]:
    """The component's inputs: the flow in human terms."""
    plan, platform = prepared.plan, prepared.platform
    return describe_deployed(
        plan.compiled,
        plan.schedule_enabled,
        plan.triggers_enabled,
        {
            "production_token": plan.names.production_token,
            "protect": plan.protect,
            "kubernetes_namespace": platform.namespace,
            "service_account": None if platform.own_account else platform.service_account,
            "pod_roles": platform.pod_roles and platform.pod_roles.shown,
            "job_policies": list(platform.pod_roles.job_policies) if platform.pod_roles else [],
            "reads": list(plan.reads),
            "datastore": platform.on_site(lambda site: site.place.address),
            "dags": _place(platform),
            "service_url": platform.service_url,
            "labels": dict(platform.labels),
            "annotations": dict(platform.annotations),
            "aws_tags": dict(plan.aws_tags),
        },
    )


def _place(platform: AirflowPlatform) -> pulumi.Input[str]:
    """Where DAG files go, in words."""
    dags = platform.dags
    if isinstance(dags, DagBucket):
        if isinstance(dags.bucket, str):
            return f"s3://{dags.bucket}/{dags.prefix}"
        return pulumi.Output.concat("s3://", dags.bucket, "/", dags.prefix)
    if isinstance(dags, DagConfigMaps):
        return f"configmap://{dags.namespace}"
    return dags.path
