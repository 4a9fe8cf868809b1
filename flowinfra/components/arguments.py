"""Arguments that the components of all targets have; those that a stack's configuration has too mean the same there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi
from typing_extensions import Required

from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow

_With = TypedDict("_With", {"with": Sequence[str]}, total=False)


class FlowArgs(_With, total=False):
    """A flow, whatever runs it.

    The key `with`, which is a keyword of Python, has decorators for all steps, as Metaflow's `--with` takes them.
    """

    flow: Required[str | CompiledFlow]
    """The flow's file or a bundle, as a path from the project's folder; or a flow that is compiled already."""
    digest: str
    """Digest that a bundle must have, as `flowinfra compile -o` printed it; a bundle with another one is refused."""
    file: str
    """The flow's own file, from the project's folder, where `flow` is compiled already: for the commands it prints."""
    target: str
    """Target of the component itself, such as `argo`; a bundle of another target is refused."""
    name: str
    """Name of what is deployed (state machine, WorkflowTemplate, DAG), in place of the flow's own."""
    production_token: str
    """Metaflow's production token of the flow, in place of one of the stack's own: runs stay in its namespace, and
    what somebody deployed by hand with this token is taken over."""
    renamed_from: str
    """What the flow was called before: its earlier class or `name`, or the whole name of what was deployed. What Pulumi
    has of the flow under that name is this flow's. A component that got another name of its own takes Pulumi's option
    `aliases` too."""
    protect: bool
    """Whether Pulumi refuses to delete or replace what the flow is deployed as: the state machine, WorkflowTemplate or
    DAG file. Updates are made. Default: False."""
    tags: Sequence[str] | Mapping[str, str]
    """Metaflow tags of each run."""
    namespace: str
    """Metaflow namespace in which tasks look for runs of flows; that of the runs themselves follows from the
    production token, and that of Kubernetes is the platform's."""
    branch: str
    """Branch of a @project flow, which needs `branch` or `production`."""
    production: bool
    """Whether a @project flow is deployed to production; with `branch`, to one of its branches. Default: False."""
    configs: Mapping[str, Json]
    """Config name → file (text) or value (anything else)."""
    parameters: Mapping[str, Json]
    """Parameter → its default in this deployment, in place of the flow's own."""
    schedule: Mapping[str, Json]
    """The flow's schedule in this deployment, with the keys `enabled`, `cron`, and but for Airflow `timezone`."""
    triggers: Mapping[str, Json]
    """What starts the flow on events in this deployment, with the key `enabled`. Default: on."""
    max_workers: int
    """Most tasks of a foreach that run at a time. Default: 100."""
    workflow_timeout: int
    """Seconds for a whole run. Default: no limit."""
    environment: str
    """Metaflow's `--environment`: `local` (default), `conda` or `pypi`."""
    package: Mapping[str, Json]
    """Files that are packaged beside the flow's folder, with the keys `root`, `include`, `exclude`, `suffixes`."""
    working_folder: str
    """Folder that the flow's module runs in when it is compiled: a path from the project's folder, or `flow`.
    Default: the project's folder."""
    python: str
    """Interpreter with the flow's dependencies: a path from the project's folder, or a command. Default: the
    interpreter that runs flowinfra."""
    python_version: str
    """Python of the tasks, such as `3.12`. Default: that of the compiling interpreter."""
    env: Mapping[str, str]
    """Variables that the flow's module may read when it is compiled."""
    settings: Mapping[str, str]
    """METAFLOW_* settings of the compile."""
    image: str
    """Container image of all steps that name none. Default: `python` in the minor version of the tasks."""
    image_packages: Sequence[str]
    """Packages that the image has: requirements, globs of names, paths of requirements files."""
    steps: Mapping[str, Mapping[str, Json]]
    """Step → its overrides: `cpu`, `memory`, `image`, `retries`, `timeout`, …"""
    aws_tags: Mapping[str, pulumi.Input[str]]
    """Tags of everything in AWS. A value may be an Output, but not a secret, because everybody sees tags."""
    deploy_time: Mapping[str, Json]
    """Values of deploy-time parameters, where `flow` is compiled already."""
