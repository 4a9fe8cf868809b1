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
    """A flow, whatever runs it."""

    flow: Required[str | CompiledFlow]
    """The flow's file or a bundle, from the project's folder; or a flow that is compiled already."""
    digest: str
    """That a bundle must have."""
    file: str
    """The flow's own file, from the project's folder, where `flow` is compiled already: for the commands it prints."""
    target: str
    """The component's own; a bundle of another one is refused."""
    name: str
    """In place of the flow's, where it is deployed: state machine, WorkflowTemplate, DAG."""
    tags: Sequence[str] | Mapping[str, str]
    """Metaflow tags of each run."""
    namespace: str
    """Metaflow namespace of each run; that of Kubernetes is the platform's."""
    branch: str
    production: bool
    configs: Mapping[str, Json]
    """Config name → file (text) or value (anything else)."""
    parameters: Mapping[str, Json]
    """Parameter → its default here."""
    schedule: Mapping[str, Json]
    """`enabled`, `cron`, on Argo `timezone`."""
    max_workers: int
    """Tasks of a foreach at a time."""
    workflow_timeout: int
    """Seconds for a whole run."""
    environment: str
    """Metaflow's `--environment`: `local`, `conda`, `pypi`."""
    package: Mapping[str, Json]
    """`root`, `include`, `exclude`, `suffixes`."""
    working_folder: str
    """Where the flow's module runs when it is compiled, from the project's folder."""
    python: str
    python_version: str
    """Of the tasks, such as `3.12`."""
    env: Mapping[str, str]
    settings: Mapping[str, str]
    image: str
    image_packages: Sequence[str]
    """What the image has: requirements, globs of names, paths of requirements files."""
    steps: Mapping[str, Mapping[str, Json]]
    """Step → what differs here: `cpu`, `memory`, `image`, `retries`, `timeout`, …"""
    aws_tags: Mapping[str, pulumi.Input[str]]
    """Tags of everything in AWS. A value may be an Output, and no secret: tags are shown to everybody."""
    deploy_time: Mapping[str, Json]
    """Values of deploy-time parameters, where `flow` is compiled already."""
