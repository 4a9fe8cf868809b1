"""Stack configuration: `flowinfra:platform`, `name_prefix`, `defaults`, `flows`, `mirrors`, checked all at once.

An error names the file, the key's path, what was found, what is allowed, and for a misspelt key the one meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from flowinfra.errors import ConfigError, Problems
from flowinfra.model.base import Json
from flowinfra.model.config import Annotations, Config, Labels, RetentionDays
from flowinfra.model.datastores import datastore_problems
from flowinfra.model.secrets import HIDDEN, REFERENCE, REFERENCE_WORDS, REFUSED, looks_secret, secrets_in, shown
from flowinfra.model.shape import CommonKeys
from flowinfra.stack.places import KeyPath, Places, key_path
from flowinfra.targets import TARGETS
from flowinfra.targets.target import Target

_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""Names of Secrets and service accounts: Kubernetes' IsDNS1123Subdomain."""

CLUSTER_NAME = r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$"
"""Name of a cluster of EKS (https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html)."""
OIDC_PROVIDER = r"^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/[^/]+(/.+)?$"
_KMS_KEY = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
"""IAM knows keys by this ARN alone, not by an alias."""


class ScheduleConfig(Config):
    """The flow's schedule in this environment."""

    enabled: bool = True
    """Whether the schedule is on. With False, the rule is kept and turned off."""
    cron: str | None = Field(default=None, min_length=1)
    """Cron in place of the flow's own: six fields as AWS has them; five on Airflow, and also on Argo. What the
    target's own parser refuses is an error of the preview."""
    timezone: str | None = Field(default=None, min_length=1)
    """Timezone of the schedule, by its IANA name (`Europe/Berlin`), in place of the flow's own. Argo only."""


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
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest of a bundle, as `flowinfra compile -o` printed it; a bundle with another one is refused."""
    file: str | None = Field(default=None, min_length=1)
    """The flow's own file, for a bundle: a path from the project's folder, which the commands of the outputs name."""
    deploy_time: dict[str, Json] = {}
    """Values of the parameters whose default is a function, for a bundle; a flow's file evaluates them itself."""


class CreatePlatform(Config):
    """A minimal platform that the stack makes for itself, by default in the account's default VPC."""

    compute: Literal["EC2", "FARGATE"] = "FARGATE"
    """What the compute environment is made of."""
    max_vcpus: int = Field(default=16, gt=0)
    """Most vCPUs that run at once."""
    instance_types: list[str] = ["optimal"]
    """Instance types of the compute environment, for EC2 only."""
    instance_profile: str | None = None
    """ARN of the instances' profile, which EC2 needs and Fargate does not have."""
    subnets: list[str] = []
    """Ids of the subnets that jobs run in. Default: all subnets of the default VPC."""
    security_groups: list[str] = []
    """Ids of the jobs' security groups. Default: a new one that lets everything out and nothing in."""


class EventsConfig(Config):
    """Argo Events in the namespace, for flows with @trigger and @trigger_on_finish."""

    source: str = Field(default="argo-events-webhook", min_length=1)
    """Name of the EventSource that takes Metaflow's events."""
    event: str = Field(default="metaflow-event", min_length=1)
    """Name of the event in that EventSource."""
    bus: str = Field(default="default", min_length=1)
    """Name of the EventBus."""
    service_account: str | None = Field(default=None, min_length=1)
    """Service account of the Sensors' pods, in place of one per flow."""
    webhook_url: str | None = Field(default=None, pattern=r"^https?://")
    """URL to which tasks publish events. Default: the service of that EventSource, port 12000, path of the event's
    name."""
    webhook_auth: Literal["none", "service"] = "none"
    """With `service`, events are sent with the headers of the metadata service."""


class PodRolesConfig(Config):
    """An IAM role for the pods of each flow in an EKS cluster, with only what the flow needs: give one key."""

    cluster: str | None = Field(default=None, pattern=CLUSTER_NAME)
    """Name of the EKS cluster, which has the add-on EKS Pod Identity Agent."""
    oidc_provider: str | None = Field(default=None, pattern=OIDC_PROVIDER)
    """ARN of IAM's OIDC provider of the EKS cluster (IRSA)."""


class KubernetesConfig(Config):
    """Where flows run on Kubernetes, in the cluster of `kubernetes:context`; flowinfra creates nothing of it."""

    namespace: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    """Namespace of Kubernetes that the flows run in. Each stack needs one of its own."""
    service_account: str | None = Field(default=None, min_length=1)
    """Service account of all pods, in place of one per flow."""
    pod_role: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")
    """ARN of the IAM role of the flows' own service accounts (EKS)."""
    pod_roles: PodRolesConfig | None = None
    """EKS: an IAM role for the pods of each flow, in place of `pod_role`."""
    image_pull_secrets: list[Annotated[str, Field(pattern=_SUBDOMAIN, max_length=253)]] = []
    """Names of Secrets with which the flows' own service accounts pull images."""
    events: EventsConfig | None = None
    """Argo Events. Without it, flows with @trigger are refused."""
    ui_url: str | None = Field(default=None, pattern=r"^https?://")
    """Address of Argo's user interface, for links in the outputs."""
    labels: Labels = {}
    """Labels of the Kubernetes objects, workflows and pods of all flows; a flow's own `labels` win."""
    annotations: Annotations = {}
    """Annotations of the Kubernetes objects, workflows and pods of all flows; a flow's own `annotations` win."""


class DagsConfig(Config):
    """Where Airflow takes its DAG files from: give one of `s3`, `config_maps` and `folder`."""

    s3: str | None = Field(default=None, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^/].*$")
    """`s3://bucket/folder`: the DAG folder of MWAA, or what an Airflow copies from S3."""
    config_maps: str | None = Field(default=None, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    """Airflow's namespace in Kubernetes, in the cluster of `kubernetes:context`: a ConfigMap per flow."""
    folder: str | None = Field(default=None, pattern=r"^/")
    """Absolute path of a folder of the machine that deploys, which Airflow reads too."""


class AirflowConfig(Config):
    """An Airflow that exists already, and where its tasks' pods run; flowinfra creates nothing of it."""

    namespace: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    """Namespace of Kubernetes that the tasks' pods run in."""
    service_account: str = Field(default="default", min_length=1)
    """Service account of the tasks' pods."""
    pod_roles: PodRolesConfig | None = None
    """EKS: a service account and an IAM role for the pods of each flow, in place of `service_account`."""
    dags: DagsConfig
    """Where Airflow takes its DAG files from."""
    labels: Labels = {}
    """Labels of the pods and ConfigMaps of all flows, and tags (`key:value`) of their DAGs; a flow's own `labels`
    win."""
    annotations: Annotations = {}
    """Annotations of the pods and ConfigMaps of all flows; a flow's own `annotations` win."""


class AzureConfig(Config):
    """The storage account of a datastore in Azure."""

    storage_account: str = Field(pattern=r"^[a-z0-9]{3,24}$")
    """Name of the storage account."""
    resource_group: str = Field(pattern=r"^[\w.()-]{1,90}$")
    """Resource group of the account: the provider reads the account's key there, to make blobs."""
    blob_endpoint: str | None = Field(default=None, pattern=r"^https?://")
    """URL at which tasks reach the account. Default: `https://<storage_account>.blob.core.windows.net`."""


class PlatformConfig(Config):
    """Where the flows of a stack run: infrastructure that exists already, or `create`."""

    create: CreatePlatform | None = None
    """A small platform that the stack makes for itself, in place of bucket, queue and table."""
    datastore: Literal["s3", "gs", "azure"] = "s3"
    """Metaflow's datastore: S3, or for flows on Argo and Airflow Google Cloud Storage or Azure Blob Storage."""
    bucket: str | None = None
    """Name of the datastore's bucket; in Azure of its container."""
    prefix: str = "metaflow"
    """Prefix of the datastore in the bucket."""
    azure: AzureConfig | None = None
    """The storage account, where the datastore is `azure`."""
    queue: str | None = None
    """Batch job queue, by name or ARN."""
    table: str | None = None
    """Name of the DynamoDB table, which flows with a foreach need."""
    compute: Literal["EC2", "FARGATE"] = "EC2"
    """What the queue's compute environment is made of."""
    region: str | None = None
    """Region of AWS. Default: that of `aws:region`."""
    account: str | None = Field(default=None, pattern=r"^[0-9]{12}$")
    """Id of the AWS account. Default: the account that deploys."""
    partition: Literal["aws", "aws-cn", "aws-us-gov"] = "aws"
    """Partition of AWS."""
    job_role: str | None = None
    """ARN of an existing role for the jobs of all flows. Default: flowinfra makes one per flow."""
    states_role: str | None = None
    """ARN of an existing role for the state machines of all flows. Default: flowinfra makes one per flow."""
    events_role: str | None = None
    """ARN of an existing role for the schedules of all flows. Default: flowinfra makes one per flow."""
    execution_role: str | None = None
    """ARN of an existing role for ECS (Fargate, secrets of job definitions). Default: flowinfra makes one per flow."""
    permissions_boundary: str | None = None
    """ARN of a policy that bounds the roles made here."""
    job_policies: list[str] = []
    """ARNs of managed policies for the tasks of every flow that has a role of its own."""
    service_url: str | None = None
    """Address of Metaflow's metadata service. Default: runs are known in the datastore only."""
    service_auth_secret: str | None = Field(default=None, pattern=REFERENCE)
    """ARN of the secret that holds the metadata service's key."""
    kms_keys: list[Annotated[str, Field(pattern=_KMS_KEY)]] = []
    """ARNs of customer managed keys that bucket, table or secrets are encrypted with: roles of flows may use them."""
    log_retention_days: RetentionDays = 90
    """Days for which execution histories (`log_history`) are kept."""
    kubernetes: KubernetesConfig | None = None
    """Where flows with the target `argo` run. Their datastore is the platform's `bucket` and `prefix`."""
    airflow: AirflowConfig | None = None
    """Where flows with the target `airflow` run. Their datastore is the platform's `bucket` and `prefix`."""


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
    """Begins the names of state machines and rules: stacks that share an account need different ones."""
    defaults: FlowDefaults = FlowDefaults()
    """Keys for all flows of the stack; what a flow says itself wins, and mappings are merged."""
    flows: list[FlowConfig] = []
    """The stack's flows; with `mirrors`, what differs from the flows of that stack."""
    mirrors: str | None = Field(default=None, min_length=1)
    """Name of another stack, whose flows this stack has."""
    preview: PreviewConfig | None = None
    """The mark of a preview stack, which `flowinfra preview-stack` writes."""


Problem = tuple[KeyPath, str]
"""The path of a key, and what is wrong with it."""


def check_stack(values: Mapping[str, Json], source: str | Places) -> StackConfig:
    """Check a stack's configuration as it stands in its file.

    Args:
        values: key without `flowinfra:` → value.
        source: the file, for errors: with its lines, or its path alone.

    Raises:
        Problems: all that is wrong; what looks like a secret is refused, and not shown.
    """
    problems = list(_secret_problems(values))
    try:
        stack = StackConfig.model_validate(dict(values))
    except ValidationError as error:
        problems += _mistakes(error, StackConfig)
    else:
        problems += _contradictions(stack)
    _refuse(problems, source)
    return stack


def _refuse(problems: Sequence[Problem], source: str | Places) -> None:
    """Raises `Problems` where there are some."""
    places = source if isinstance(source, Places) else Places(source)
    if problems:
        raise Problems([ConfigError(f"{places.at(*path)}: {reason}") for path, reason in problems])


def parse_stack(values: Mapping[str, Json], source: str | Places) -> StackConfig:
    """A checked configuration in which each flow has the stack's `defaults` where it says nothing itself.

    Lists and single values of the flow replace the defaults', mappings are merged. Raises as `check_stack` does.
    """
    stack = check_stack(values, source)
    defaults = stack.defaults.model_dump(by_alias=True, exclude_unset=True)
    flows = [
        FlowConfig.model_validate(merged(defaults, flow.model_dump(by_alias=True, exclude_unset=True)))
        for flow in stack.flows
    ]
    _refuse(list(_missing_platforms(stack, flows)), source)
    return stack.model_copy(update={"flows": flows})


def _missing_platforms(stack: StackConfig, flows: Sequence[FlowConfig]) -> Iterator[Problem]:
    """Flows with a target that the platform has nothing for; only the first of each target is named."""
    reported = set()
    for flow in flows:
        missing = TARGETS[flow.target].lacks(stack, flow)
        if missing and flow.enabled and flow.target not in reported:
            reported.add(flow.target)
            yield ("platform", missing), f"is missing, and {flow.flow} has the target {flow.target!r}"


def parse_flow(values: Mapping[str, Json], who: str) -> FlowConfig:
    """Check a component's arguments, where the target's own keys stand beside the others.

    Args:
        values: the arguments, and the component's `target`. Default: `step-functions`.
        who: what messages call the component.

    Raises:
        Problems: all that is wrong.
    """
    problems = list(_secret_problems(values))
    target = TARGETS.get(values.get("target", "step-functions"))
    try:
        flow = FlowConfig.model_validate(_with_section(values, target) if target else dict(values))
    except ValidationError as error:
        mistakes = _mistakes(error, FlowConfig, target)
        problems += [(_without_section(path, target) if target else path, reason) for path, reason in mistakes]
    if problems:
        raise Problems([ConfigError(f"{who}: {key_path(path)}: {reason}") for path, reason in problems])
    return flow


def _with_section(values: Mapping[str, Json], target: Target) -> dict[str, Json]:
    """A component's arguments as an entry of a stack's file: the target's own keys stand under its name."""

    def under(entry: Mapping[str, Json], own: Container[str]) -> dict[str, Json]:
        others = {key: value for key, value in entry.items() if key not in own}
        return {**others, target.key: {key: value for key, value in entry.items() if key in own}}

    nested = under(values, target.section.model_fields)
    if isinstance(steps := nested.get("steps"), Mapping):
        own = target.step.model_fields
        nested["steps"] = {
            name: under(step, own) if isinstance(step, Mapping) else step for name, step in steps.items()
        }
    return nested


def _without_section(path: KeyPath, target: Target) -> KeyPath:
    """The path of a key as a component's arguments have it."""
    place = 2 if path[0] == "steps" else 0
    return path[:place] + path[place + 1 :] if path[place : place + 1] == (target.key,) else path


def _of_other_targets(stack: StackConfig) -> Iterator[Problem]:
    """Keys under the name of a target that is not the flow's."""
    for index, flow in enumerate(stack.flows):
        target = flow.target if "target" in flow.model_fields_set else stack.defaults.target
        sections: list[tuple[KeyPath, Any]] = [(("flows", index), flow)]
        sections += [(("flows", index, "steps", name), step) for name, step in flow.steps.items()]
        for where, section in sections:
            for other in TARGETS.values():
                if other.name != target and other.key in section.model_fields_set:
                    yield (
                        (*where, other.key),
                        f"is for the target {other.name}, this flow's is {target}; leave it out, or write it into "
                        "`defaults`, where it is for those flows that have the target",
                    )


def _secret_problems(values: Mapping[str, Json]) -> Iterator[Problem]:
    """Places of what looks like a secret, whatever the names of places that hold none."""
    for path, value in secrets_in(dict(values)):
        # a Config's text is the path of a file; this key of the platform has a grammar
        harmless = path[-2:-1] == ("configs",) or path[-1] == "service_auth_secret"
        if not harmless or looks_secret("", value):
            yield path, REFUSED


def _contradictions(stack: StackConfig) -> Iterator[Problem]:
    """What each key allows and both together do not."""
    platform = stack.platform
    if stack.mirrors is None:  # else a flow's target may be said by the other stack
        yield from _of_other_targets(stack)
    if platform.create is None:
        # then what each target lacks is told with the flow that has it, when the defaults have been put in
        targets = {flow.target if "target" in flow.model_fields_set else stack.defaults.target for flow in stack.flows}
        # a mirror's flows and their targets are the other stack's
        other_targets = stack.mirrors is not None or (bool(targets) and "step-functions" not in targets)
        elsewhere = platform.kubernetes is not None or platform.airflow is not None or other_targets
        for key in ("bucket",) if elsewhere else ("bucket", "queue"):
            if getattr(platform, key) is None:
                create = ", or `create: {}` for a platform of the stack's own" if platform.datastore == "s3" else ""
                yield ("platform", key), f"is missing; give the {key} that is there already{create}"
    else:
        for key in ("bucket", "queue", "table"):
            if getattr(platform, key) is not None:
                yield ("platform", key), f"found {getattr(platform, key)!r}, but `create` makes one; give one of both"
        if platform.create.compute == "EC2" and not platform.create.instance_profile:
            yield (
                ("platform", "create", "instance_profile"),
                "is missing; EC2 compute needs the ARN of an instance profile",
            )
    if platform.create is not None and platform.datastore != "s3":
        yield (
            ("platform", "datastore"),
            f"found {platform.datastore!r}, but `create` makes a bucket of S3; give one of both",
        )
    for problem in datastore_problems(platform.datastore, platform.azure is not None):
        key, _, reason = problem.partition(": ")
        yield ("platform", key), reason
    for runner in filter(None, (target.runner for target in TARGETS.values())):
        place = getattr(platform, runner, None)
        if place is not None and place.pod_roles is not None:
            yield from ((("platform", runner, key), text) for key, text in _pod_role_problems(place))
            if platform.datastore != "s3":
                yield (
                    ("platform", runner, "pod_roles"),
                    f"are roles of AWS, and the datastore is {platform.datastore!r}",
                )
    if platform.airflow is not None:
        given = sorted(platform.airflow.dags.model_dump(exclude_none=True))
        if len(given) != 1:
            reason = f"found {', '.join(given) or 'nothing'}, allowed: one of s3, config_maps, folder"
            yield ("platform", "airflow", "dags"), reason
    if platform.service_auth_secret and not platform.service_url:
        yield ("platform", "service_auth_secret"), "is given without `service_url`"


def _pod_role_problems(place: KubernetesConfig | AirflowConfig) -> Iterator[tuple[str, str]]:
    """Key and reason."""
    roles = place.pod_roles
    given = sorted(roles.model_dump(exclude_none=True)) if roles else []
    if len(given) != 1:
        yield "pod_roles", f"found {', '.join(given) or 'nothing'}, allowed: one of cluster, oidc_provider"
    for key in ("service_account", "pod_role"):
        if key in place.model_fields_set:
            yield key, "is one for all flows, and pod_roles are one for each; give one of both"


def merged(defaults: Mapping[str, Json], own: Mapping[str, Json]) -> dict[str, Json]:
    """`defaults` with what `own` says: mappings are merged, all else is replaced."""
    result = dict(defaults)
    for key, value in own.items():
        before = result.get(key)
        result[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result


def _mistakes(error: ValidationError, model: type[Config], component: Target | None = None) -> list[Problem]:
    """One per mistake; branches of a union that were not meant add nothing.

    Args:
        error: what pydantic says.
        model: the model that it speaks of.
        component: the target of the component whose arguments these are; None for a stack's file.
    """
    found: dict[Problem, None] = {}
    for details in error.errors(include_url=False):
        location = [part for part in details["loc"] if not _branch(part)]
        found[tuple(location), _reason(details, location, model, component)] = None
    return list(found)


def _branch(part: int | str) -> bool:
    """Pydantic names the branch of a union in the location (`list[str]`), and says that a mapping's key is meant."""
    return isinstance(part, str) and (part.startswith(("list[", "dict[")) or part in ("str", "bool", "[key]"))


def _reason(details: ErrorDetails, location: list[int | str], model: type[Config], component: Target | None) -> str:
    name = next((part for part in reversed(location) if isinstance(part, str)), "")
    found = shown(details["input"], name)
    kind = details["type"]
    if name == "service_auth_secret":
        return f"found {HIDDEN}, allowed: {REFERENCE_WORDS}"
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return _unknown(str(location[-1]), _model_at(model, location[:-1]), component)
    if kind == "literal_error":
        return f"found {found!r}, allowed: {details['ctx']['expected']}"
    if kind == "model_type":
        return f"found {found!r}, allowed: a mapping"
    reason = details["msg"]
    for words, ours in _PYDANTIC:
        reason = reason.replace(words, ours)
    if isinstance(details["input"], str) and name in _UNITS:
        reason += f" of {_UNITS[name]}, without a unit"
    return f"found {found!r}, allowed: {reason}"


_UNITS = {"cpu": "vCPUs", "disk": "MB", "memory": "MB", "shared_memory": "MiB", "tmpfs_size": "MiB"}
"""Keys of a step for which Kubernetes takes a quantity with a unit, and Metaflow a number."""

_PYDANTIC = (
    ("Input should be ", ""),
    ("a valid ", ""),
    ("Value error, ", ""),
    ("dictionary", "mapping"),
    ("String should have ", ""),
    ("String should match pattern ", "text that matches "),
)
"""Words of pydantic's → flowinfra's."""


def _unknown(key: str, model: type[BaseModel], component: Target | None) -> str:
    """The error for a key that `model` does not have: one of a target, or maybe a misspelt one."""
    part = "step" if issubclass(model, CommonStep) else "section" if issubclass(model, CommonDefaults) else None
    if part and (owners := [each for each in TARGETS.values() if key in getattr(each, part).model_fields]):
        alone = f"key {key!r} is for {' and '.join(each.title for each in owners)} alone"
        if component:
            return f"{alone}, and this flow's target is {component.name}; leave it out"
        return f"{alone}; write it under {' or '.join(f'`{each.key}`' for each in owners)}"
    allowed = _keys(model)
    near = difflib.get_close_matches(key, allowed, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"unknown key {key!r}{hint}, allowed: {', '.join(allowed)}"


def _keys(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(model: type[BaseModel], location: list[int | str]) -> type[BaseModel]:
    """The model that holds the key at `location`."""
    for part in location:
        if isinstance(part, int):
            continue
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                model = _nested(field.annotation) or model
                break
    return model


def _nested(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_nested, get_args(annotation)) if found), None)
