"""Where a flow lives, as plain data: what ARNs, policies and bound definitions are made of."""

from __future__ import annotations

from dataclasses import dataclass

from flowinfra.components.names import OWNER, Names
from flowinfra.model.compiled import CompiledFlow


@dataclass(frozen=True)
class AwsSite:
    """An account of AWS, and the datastore of a flow in it, every value known."""

    partition: str
    region: str
    account: str
    bucket: str
    prefix: str

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        """ARN in this partition and account, and in this region unless another one is given."""
        return f"arn:{self.partition}:{service}:{region or self.region}:{self.account}:{resource}"

    def objects(self, path: str) -> str:
        """ARN of the objects at `path`, counted from the datastore's root."""
        return f"arn:{self.partition}:s3:::{self.bucket}/{self.prefix}/{path}"


@dataclass(frozen=True)
class Site(AwsSite):
    """A platform's identity, every value known."""

    queue: str
    """Name or ARN."""
    table: str | None = None
    job_role: str | None = None
    """ARN of the jobs' role. This role and the three that follow are None before the flow's own are made."""
    states_role: str | None = None
    events_role: str | None = None
    execution_role: str | None = None
    dead_letter_queue: str | None = None
    """ARN of the SQS queue for what a schedule could not start."""
    event_bus: str | None = None
    """Event bus by name or ARN; None for the account's default one."""
    service_url: str | None = None
    service_auth_secret: str | None = None
    """ARN of the secret with the metadata service's key."""
    kms_keys: tuple[str, ...] = ()
    """ARNs of the customer's keys that bucket, table or secrets are encrypted with."""

    @property
    def role_to_be(self) -> str:
        """Stands for the ARN of a role that is not made yet; as long as one can be, to check limits with."""
        return f"arn:{self.partition}:iam::{self.account}:role/{'x' * 64}"

    def state_machine_arn(self, name: str) -> str:
        """ARN of a state machine."""
        return self.arn("states", f"stateMachine:{name}")

    @property
    def datastore(self) -> str:
        """Metaflow's datastore root."""
        return f"s3://{self.bucket}/{self.prefix}"


def identity(compiled: CompiledFlow, site: Site, names: Names) -> dict[str, str]:
    """Placeholder name → value, for all that a stack knows."""
    values = {
        "bucket": site.bucket,
        "prefix": site.prefix,
        "queue": site.queue,
        "table": site.table,
        "region": site.region,
        "owner": OWNER,
        "token": names.token(compiled.flow.token_prefix),
        "service-url": site.service_url,
        "job-role": site.job_role or site.role_to_be,
        "execution-role": site.execution_role or site.role_to_be,
    }
    return {name: value for name, value in values.items() if value is not None}
