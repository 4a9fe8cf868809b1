"""One flow of a stack, and what a stack says for all its flows: keys of `defaults` and `flows`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model

from flowinfra.model.base import Json
from flowinfra.model.config import Config
from flowinfra.model.shape import CommonKeys
from flowinfra.targets import TARGETS


class ScheduleConfig(Config):
    """The flow's schedule in this environment."""

    enabled: bool = True
    """Whether the schedule is on. With False, it is kept and turned off, all entries of `schedules` too."""
    cron: str | None = Field(default=None, min_length=1)
    """Cron in place of the flow's own: six fields as AWS has them; five on Airflow, and also on Argo. What the
    target's own parser refuses is an error of the preview."""
    timezone: str | None = Field(default=None, min_length=1)
    """Timezone of the schedule, by its IANA name (`Europe/Berlin`), in place of the flow's own. Airflow has none."""


class TriggersConfig(Config):
    """What starts the flow in this environment: its @trigger and @trigger_on_finish."""

    enabled: bool = True
    """Whether events start the flow. With False, the rules of Step Functions are kept and turned off, and on Argo the
    flow has no Sensor."""


class PackageConfig(Config):
    """What goes into the code package beside the modules of the flow's folder. Paths are from the project's folder."""

    root: str | None = None
    """Folder from which tasks import what is added; without `include` all of its modules are packaged. Default: the
    project's folder."""
    include: list[str] = []
    """Files, folders with all that is in them, and globs of both that are packaged too."""
    exclude: list[str] = []
    """Files, folders and globs that stay out of the package."""
    suffixes: list[str] = []
    """Endings, such as `.sql`, of files that are packaged beside `.py`."""


class CommonStep(Config):
    """Changes of one step in this environment, whatever the target."""

    cpu: float | None = Field(default=None, gt=0)
    """vCPUs of the task."""
    memory: int | None = Field(default=None, gt=0)
    """MB of memory of the task."""
    gpu: int | None = Field(default=None, ge=0)
    """GPUs of the task."""
    image: str | None = None
    """Container image of the step."""
    retries: int | None = Field(default=None, ge=0)
    """How often a failed attempt is repeated."""
    timeout: int | None = Field(default=None, gt=0)
    """Seconds for each attempt."""
    environment: dict[str, str] | None = None
    """Environment variables of the task."""
    image_packages: list[str] | None = None
    """Packages that the step's image has, in place of the flow's `image_packages`."""


def _with_targets(base: type[Config], name: str, words: str, part: str) -> type[Config]:
    """A model with the keys of `base`, and for each target its own keys under its name."""
    fields: dict[str, Any] = {}
    for target in TARGETS.values():
        model = getattr(target, part)
        fields[target.key] = (model, Field(default_factory=model, description=f"Keys for {target.title} alone."))
    made: type[Config] = create_model(name, __base__=base, __module__=__name__, __doc__=words, **fields)
    return made


if TYPE_CHECKING:
    TargetName = str

    class StepConfig(CommonStep):
        """Changes of one step in this environment."""

else:
    TargetName = Literal[tuple(TARGETS)]
    StepConfig = _with_targets(CommonStep, "StepConfig", "Changes of one step in this environment.", "step")


class CommonDefaults(CommonKeys, Config):
    """What a stack may set for all its flows, whatever their target."""

    target: TargetName = "step-functions"
    """What runs the flow."""
    with_: list[str] = Field(default=[], alias="with")
    """Decorators for all steps, as Metaflow's `--with` takes them."""
    tags: list[str] | dict[str, str] = []
    """Metaflow tags of each run; a mapping gives `key:value`."""
    configs: dict[str, Json] = {}
    """Config name → a file (text: its path from the project's folder), or a value (anything else)."""
    schedule: ScheduleConfig = ScheduleConfig()
    """The flow's schedule in this environment."""
    triggers: TriggersConfig = TriggersConfig()
    """What starts the flow in this environment: its @trigger and @trigger_on_finish."""
    package: PackageConfig = PackageConfig()
    """What goes into the code package beside the modules of the flow's folder."""
    working_folder: str | None = Field(default=None, min_length=1)
    """Folder that the flow's module runs in when it is compiled: a path from the project's folder, or `flow` for
    the flow's own folder. Relative paths of the module count from it. Default: the project's folder."""
    python: str | None = None
    """Interpreter with the flow's dependencies: a path from the project's folder, or a command. Default: the
    interpreter that runs flowinfra."""
    python_version: str | None = Field(default=None, pattern=r"^3\.[0-9]{1,2}$")
    """Python of the tasks, such as `3.12`, and of their default image. Default: that of the compiling interpreter."""
    env: dict[str, str] = {}
    """Variables that the flow's module may read when it is compiled."""
    image_packages: list[str] = []
    """Packages that the image has: requirements (`pandas`), globs of names (`*`: all), paths of requirements files."""
    steps: dict[str, StepConfig] = {}
    """Step → its overrides in this environment."""
    aws_tags: dict[str, str] = {}
    """Tags of the flow's resources in AWS."""
    job_policies: list[str] = []
    """ARNs of managed policies for the flow's tasks, beside what flowinfra grants them: where the flow has a role of
    its own, on Step Functions or by `pod_roles`."""
    reads: list[str] | Literal["all"] = []
    """Other flows whose artifacts, cards and data the flow's tasks may read; `all` for those of every flow. It
    needs a role of the flow's own, as `job_policies` does."""
    protect: bool = False
    """Whether Pulumi refuses to delete or replace what the flow is deployed as: the state machine, WorkflowTemplate or
    DAG file. Updates are made. A mirror of the stack does not take it."""
    enabled: bool = True
    """Whether the flow is deployed. With False, it is removed where it was deployed."""

    @property
    def own(self) -> Any:
        """The keys that stand under the name of the flow's target."""
        return self.of(self.target)

    def of(self, target: str) -> Any:
        """The keys that stand under the name of a target."""
        return getattr(self, TARGETS[target].key)


_DEFAULTS = "What a stack may set for all its flows: every key of a flow but `flow` and `name`."


if TYPE_CHECKING:

    class FlowDefaults(CommonDefaults):
        """What a stack may set for all its flows: every key of a flow but `flow` and `name`."""

else:
    FlowDefaults = _with_targets(CommonDefaults, "FlowDefaults", _DEFAULTS, "section")


class FlowConfig(FlowDefaults):
    """One flow of a stack; the same names are the arguments of the component."""

    flow: str = Field(min_length=1)
    """The flow's file, a glob of such files, or a bundle (`.flow`) that `flowinfra compile -o` wrote.

    Paths are from the project's folder.
    """
    name: str | None = Field(default=None, min_length=1)
    """Name of what is deployed (state machine, WorkflowTemplate, DAG), in place of the flow's own."""
    renamed_from: str | None = Field(default=None, min_length=1)
    """What the flow was called before: its earlier class or `name`, or the whole name of what was deployed
    (`project.branch.Flow`). What the stack has of it is this flow's: with the earlier `name` it stays, else it is
    replaced, and the preview says what is lost."""
    production_token: str | None = Field(default=None, min_length=1)
    """Metaflow's production token of the flow, in place of one of the stack's own: runs stay in its namespace, and
    what somebody deployed by hand with this token is taken over (`flowinfra adopt` writes it). A mirror of the stack
    does not take it."""
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest of a bundle, as `flowinfra compile -o` printed it; a bundle with another one is refused."""
    file: str | None = Field(default=None, min_length=1)
    """The flow's own file, for a bundle: a path from the project's folder, which the commands of the outputs name."""
    deploy_time: dict[str, Json] = {}
    """Values of the parameters whose default is a function, for a bundle; a flow's file evaluates them itself."""
