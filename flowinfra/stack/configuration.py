"""Stack configuration: `flowinfra:platform`, `defaults`, `flows`, what else is of all flows; `parsing` checks it."""

from __future__ import annotations

from pydantic import Field

from flowinfra.model.config import Config
from flowinfra.stack.flow import FlowConfig, FlowDefaults
from flowinfra.stack.platform import PlatformConfig


class PreviewConfig(Config):
    """What makes a stack a preview stack: written by `flowinfra preview-stack`, not by hand."""

    name: str
    """The preview's name, as a person asked for it: a git branch, for example."""
    of: str
    """The stack that it mirrors."""
    branch: str
    """Branch of the preview's @project flows."""
    datastore: str
    """`s3://bucket/prefix` of the preview's own datastore, which is removed with it."""


class StackConfig(Config):
    """A stack's whole configuration."""

    platform: PlatformConfig
    """The platform that the flows run on."""
    name_prefix: str | None = Field(default=None, min_length=1)
    """Begins the names of state machines and schedules: stacks that share an account need different ones."""
    defaults: FlowDefaults = FlowDefaults()
    """Keys for all flows of the stack; what a flow says itself wins, and mappings are merged."""
    flows: list[FlowConfig] = []
    """The stack's flows; with `mirrors`, what differs from the flows of that stack."""
    mirrors: str | None = Field(default=None, min_length=1)
    """Name of another stack, whose flows this stack has."""
    allow_older: bool = False
    """Whether flows may be deployed from a commit that is older than the deployed one: for stacks of development."""
    preview: PreviewConfig | None = None
    """The mark of a preview stack, which `flowinfra preview-stack` writes."""
