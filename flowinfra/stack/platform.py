"""Where a stack's flows run: keys of `flowinfra:platform`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flowinfra.model.alerts import AlertsConfig
from flowinfra.model.config import Annotations, Config, Labels, RetentionDays
from flowinfra.model.events import EventConfig
from flowinfra.model.secrets import REFERENCE

_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""Names of Secrets and service accounts: Kubernetes' IsDNS1123Subdomain."""

CLUSTER_NAME = r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$"
"""Name of a cluster of EKS (https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html)."""
OIDC_PROVIDER = r"^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/[^/]+(/.+)?$"
_KMS_KEY = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
"""IAM knows keys by this ARN alone, not by an alias."""


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
    """ARN of an existing role for the schedules of all flows, which `scheduler.amazonaws.com` may assume. Default:
    flowinfra makes one per flow."""
    execution_role: str | None = None
    """ARN of an existing role for ECS (Fargate, secrets of job definitions). Default: flowinfra makes one per flow."""
    dead_letter_queue: str | None = None
    """ARN of an SQS queue in the flows' region, which gets what a schedule could not start. Default: it is lost."""
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
    alerts: AlertsConfig | None = None
    """Who gets a message when a run on Step Functions ends; a flow's own `alerts` wins."""
    events: dict[str, EventConfig] = {}
    """Name of `@trigger(event=…)` → [which events it stands for](events.md#events-by-a-name-of-your-own), for flows on
    Step Functions. A name that is not here stands for the events of that `detail-type`."""
    event_bus: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._/-]{1,256}$")
    """Name of the event bus that the flows' `@trigger` listens to. Default: the account's default bus. Events of AWS'
    own services come to that one alone."""
    kubernetes: KubernetesConfig | None = None
    """Where flows with the target `argo` run. Their datastore is the platform's `bucket` and `prefix`."""
    airflow: AirflowConfig | None = None
    """Where flows with the target `airflow` run. Their datastore is the platform's `bucket` and `prefix`."""
