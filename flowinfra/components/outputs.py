"""What a deployed flow tells its users: links, commands and the configuration of a laptop. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from flowinfra.components.airflow.platform import AirflowSite
from flowinfra.components.argo.platform import ArgoSite
from flowinfra.model.compiled import CompiledFlow

_CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://{region}.console.amazonaws.cn",
    "aws-us-gov": "https://console.amazonaws-us-gov.com",
}


def console_url(partition: str, region: str, state_machine_arn: str) -> str:
    """The state machine's page in the AWS console."""
    host = _CONSOLES[partition].format(region=region)
    return f"{host}/states/home?region={region}#/statemachines/view/{state_machine_arn}"


def namespace(token: str) -> str:
    """Metaflow's namespace of the runs of this deployment."""
    return f"production:{token}"


def authorize_command(compiled: CompiledFlow, token: str) -> str:
    """What lets a person deploy over this by hand, once."""
    file = [f"{compiled.name}.py"] if compiled.target == "airflow" else []
    return _command(compiled, "create", "--authorize", token, *file)


def trigger_command(compiled: CompiledFlow) -> str:
    """What starts a run by Metaflow's own means."""
    return _command(compiled, "trigger")


def metaflow_config(identity: Mapping[str, str | None]) -> dict[str, str]:
    """The METAFLOW_* settings with which a laptop reaches the stack; written as JSON it is a file Metaflow takes.

    `identity` has bucket, prefix and queue, and where there are any: table, job_role, states_role, events_role,
    execution_role, service_url, name_prefix. Anything None is left out.
    """
    root = f"s3://{identity['bucket']}/{identity['prefix']}"
    settings = {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": root,
        "METAFLOW_DATATOOLS_S3ROOT": f"{root}/data",
        "METAFLOW_BATCH_JOB_QUEUE": identity["queue"],
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": identity.get("job_role"),
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": identity.get("execution_role"),
        "METAFLOW_SFN_IAM_ROLE": identity.get("states_role"),
        "METAFLOW_SFN_DYNAMO_DB_TABLE": identity.get("table"),
        "METAFLOW_SFN_STATE_MACHINE_PREFIX": identity.get("name_prefix"),
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": identity.get("events_role"),
        "METAFLOW_DEFAULT_METADATA": "service" if identity.get("service_url") else "local",
        "METAFLOW_SERVICE_URL": identity.get("service_url"),
    }
    return {name: value for name, value in settings.items() if value is not None}


def argo_config(site: ArgoSite) -> dict[str, str]:
    """The METAFLOW_* settings with which a laptop reaches a stack on Kubernetes; `site` with the service account."""
    events = site.events
    settings: dict[str, str | None] = {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": site.datastore,
        "METAFLOW_DATATOOLS_S3ROOT": f"{site.datastore}/data",
        "METAFLOW_KUBERNETES_NAMESPACE": site.namespace,
        "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": site.service_account,
        "METAFLOW_ARGO_EVENTS_EVENT": events.event if events else None,
        "METAFLOW_ARGO_EVENTS_EVENT_BUS": events.bus if events else None,
        "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": events.source if events else None,
        "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT": events.service_account if events else None,
        "METAFLOW_ARGO_EVENTS_WEBHOOK_URL": events.webhook(site.namespace) if events else None,
        "METAFLOW_DEFAULT_METADATA": "service" if site.service_url else "local",
        "METAFLOW_SERVICE_URL": site.service_url,
    }
    return {name: value for name, value in settings.items() if value is not None}


def argo_url(ui_url: str | None, namespace: str, name: str) -> str | None:
    """The WorkflowTemplate's page in Argo's user interface."""
    return None if ui_url is None else f"{ui_url.rstrip('/')}/workflow-templates/{namespace}/{name}"


def airflow_trigger(compiled: CompiledFlow) -> str:
    """What starts a run on Airflow, for which Metaflow has no command."""
    return shlex.join(["airflow", "dags", "trigger", compiled.name])


def airflow_config(site: AirflowSite) -> dict[str, str]:
    """The METAFLOW_* settings with which a laptop reaches a stack on Airflow."""
    settings: dict[str, str | None] = {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": site.datastore,
        "METAFLOW_DATATOOLS_S3ROOT": f"{site.datastore}/data",
        "METAFLOW_KUBERNETES_NAMESPACE": site.namespace,
        "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": site.service_account,
        "METAFLOW_DEFAULT_METADATA": "service" if site.service_url else "local",
        "METAFLOW_SERVICE_URL": site.service_url,
    }
    return {name: value for name, value in settings.items() if value is not None}


_COMMANDS = {"step-functions": "step-functions", "argo": "argo-workflows", "airflow": "airflow"}
"""Target → Metaflow's command."""


def _command(compiled: CompiledFlow, *words: str) -> str:
    """`python FILE [--branch …] COMMAND [--name …] WORDS`: it must name the same deployment."""
    shape = compiled.shape
    options = []
    if compiled.flow.project is not None:
        if shape.branch:
            options += ["--branch", shape.branch]
        if shape.production:
            options += ["--production"]
    name = ["--name", shape.name] if shape.name else []
    return shlex.join(["python", compiled.flow.file, *options, _COMMANDS[compiled.target], *name, *words])
