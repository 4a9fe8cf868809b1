"""Options that change what Metaflow produces, whatever the target."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from flowinfra.model.base import Json, Model
from flowinfra.model.options import Option, default

Metadata = Literal["local", "service"]
"""Metaflow's metadata providers that a deployed flow can have."""


def metadata_of(service_url: object) -> Metadata:
    """The metadata provider of a platform, by its service's address, which may not be known yet."""
    return "local" if service_url is None or service_url == "" else "service"


class CommonKeys(Model):
    """Options of every target whose key in a stack's file is the one here."""

    namespace: Annotated[str | None, Option("namespace", absent="the production token's")] = None
    """Metaflow namespace in which tasks look for runs of flows. Default: that of the production token, in which the
    runs themselves always are."""
    branch: str | None = None
    """Branch of a @project flow, which needs `branch` or `production`."""
    production: bool = False
    """A @project flow's production deployment; with `branch`, one of its branches."""
    parameters: dict[str, Json] = Field(default_factory=dict)
    """Parameter → its default in this environment."""
    max_workers: Annotated[int, Option("max workers"), Field(gt=0)] = 100
    """Most tasks of a foreach that run at a time."""
    workflow_timeout: Annotated[int | None, Option("run timeout", "s"), Field(gt=0)] = None
    """Seconds for a whole run. Default: no limit."""
    environment: Annotated[Literal["local", "conda", "pypi"], Option("Metaflow environment", absent="local")] = "local"
    """Metaflow's `--environment`: with `conda` and `pypi`, steps get the packages that `flowinfra lock` locked; with
    `local`, what their image has."""
    settings: dict[str, str] = Field(default_factory=dict)
    """METAFLOW_* settings of the compile."""
    image: Annotated[str | None, Option("default image", absent="that of Python")] = None
    """Container image of all steps that name none. Default: `python` in the minor version of the tasks."""


class Shape(CommonKeys):
    """The options that change what Metaflow produces: input of the compile and of its cache key.

    Each target adds its own in a class derived from this. Identity (bucket, queue, roles, …) is not here: stacks of
    one shape share one CompiledFlow, byte for byte.
    """

    metadata: Annotated[Metadata, Option("metadata", absent="local")] = "local"
    """Metaflow's metadata provider: `service`, whose address the stack's platform gives, or `local`, where only the
    datastore knows of runs."""
    datastore: str = "s3"
    """Metaflow's datastore for the deployed flow: one of `DATASTORES`."""
    python: str = ""
    """Python of the tasks, such as `3.11`. Empty: the compiler fills in the minor version of its interpreter."""
    name: str | None = None
    """Name of the deployed flow in place of its own (`step-functions --name`)."""
    decospecs: tuple[str, ...] = ()
    """Decorators for all steps, as Metaflow's `--with` takes them."""
    tags: tuple[str, ...] = ()
    """Metaflow tags of each run."""
    configs: dict[str, Json] = Field(default_factory=dict)
    """Config name → value (JSON, or the text of a file) given in place of the Config's own default."""
    steps: dict[str, dict[str, Json]] = Field(default_factory=dict)
    """Step → overrides: cpu, memory, gpu, image, retries, timeout, environment, and those of the target."""
    schedule: str | None = None
    """Cron in place of the flow's; `off` for none."""
    schedule_timezone: str | None = None
    """Timezone in place of that of the flow's schedule."""
    package_root: str | None = None
    """Folder from which tasks import the files that are packaged beside the flow's folder."""
    package_include: tuple[str, ...] = ()
    """Files, folders and globs of both that are packaged beside the flow's folder."""
    package_exclude: tuple[str, ...] = ()
    """Files, folders and globs that stay out of the package."""
    package_suffixes: tuple[str, ...] = ()
    """Endings, such as `.sql`, of files that are packaged beside `.py`."""
    env: dict[str, str] = Field(default_factory=dict)
    """Variables that the flow's module may read at compile → sha256 of the value (never the value)."""
    extra: tuple[str, ...] = ()
    """Other options of Metaflow's own command."""

    @property
    def default_image(self) -> str | None:
        """Image of steps that name none; None for Metaflow's own choice: that of the compiling interpreter."""
        return self.image or (f"python:{self.python}" if self.python else None)

    @model_serializer(mode="wrap")
    def _chosen(self, dump: SerializerFunctionWrapHandler) -> dict[str, Json]:
        """What is not at its default: an option that other targets or later versions have changes no flow's digest."""
        fields = type(self).model_fields
        return {name: value for name, value in dump(self).items() if getattr(self, name) != default(fields[name])}
