"""Physical names, tags and the production token: pure functions of project, stack and state machine."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from flowinfra.aws_plugin import STATE_MACHINE

OWNER = "flowinfra"
"""Owner of every deployment: no person's name, so that Metaflow refuses a hand-made `create` over it."""

PROJECT_TAG, STACK_TAG, FLOW_TAG = "flowinfra:project", "flowinfra:stack", "flowinfra:flow"
DATASTORE_TAG = "flowinfra:datastore"
"""On job definitions: `s3://bucket/prefix/<flow>`, so that `gc` finds the objects after a `destroy`."""
DEFINITION_TAG = "flowinfra:definition"
"""On state machines: what their definition is, in eight digits."""
DRAIN_TAG = "flowinfra:drain"
"""On state machines: for how many seconds their executions are waited for before they are deleted."""
KIND_TAG = "flowinfra:kind"
"""On datastore objects: package, include-file, command or environment."""
TARGET_TAG = "flowinfra:target"
"""On datastore objects of a flow whose references are not in AWS (`argo`): `gc` asks the cluster."""
OWN_TAGS = (PROJECT_TAG, STACK_TAG, FLOW_TAG, KIND_TAG, TARGET_TAG)
"""Those that datastore objects have outside of AWS, too, as metadata."""

VERSION_RECORD = "-version"
"""Ends the name, in Pulumi, of what keeps the commit and person that brought a flow's version."""

TRIGGER = "-trigger-"
"""In the name, in Pulumi, of what makes an event start a flow: before the event's name."""

EVENTS_MACHINE, EVENTS_ROW, EVENTS_RESET = "-events-machine", "-events-row", "-events-reset"
"""End the names, in Pulumi, of what a flow has that waits for several events: the state machine to which they come, the
row of the table that keeps them, and the schedule (with a number where there are two) at which they are forgotten."""

DAG_FILE, OWNER_RECORD = "-dag", "-owner"
"""End the names, in Pulumi, of a flow's DAG file, and of Metaflow's record of who deploys the DAG."""

STATE_MACHINES = ("aws:sfn/stateMachine:StateMachine", STATE_MACHINE)
"""Types, in Pulumi, of a state machine: by Pulumi's aws provider, and by flowinfra's where the name has dots."""

PROJECT_LABEL, STACK_LABEL, FLOW_LABEL = "flowinfra/project", "flowinfra/stack", "flowinfra/flow"
"""Labels of Kubernetes objects; values as `label_value` makes them."""

_JOB_PREFIX, _ROLE_PREFIX = 80, 38
_LABEL = 63
_DIGEST, _CONTENT = 8, 12


@dataclass(frozen=True)
class Names:
    """Names of what one flow of one stack makes, apart from state machine and rule (those are Metaflow's)."""

    project: str
    stack: str
    flow: str
    """State machine's name: one flow of a stack."""
    production_token: str | None = None
    """Given in place of the stack's own."""

    @property
    def prefix(self) -> str:
        """Begins every name, at most 89 characters; its digest keeps apart what reads alike (`a-b` `c`, `a` `b-c`)."""
        return f"{self._readable[:_JOB_PREFIX]}-{self._digest}"

    def job(self, content: str) -> str:
        """Name of the job definition with a content: the same for the same, so that a definition can name it."""
        return f"{self.prefix}-{hashlib.sha256(content.encode()).hexdigest()[:_CONTENT]}"

    def role_prefix(self, kind: str) -> str:
        """Begins a role's name, at most 38 characters; the provider adds what makes it unique.

        A made-up name lets a deploy that was killed while it made the role run again: IAM refuses a second role of one
        name.
        """
        return f"{self._readable[: _ROLE_PREFIX - len(kind) - 2]}-{kind}-"

    @property
    def log_group_prefix(self) -> str:
        """Begins the name of the log group of the execution history, which the provider makes unique.

        A log group under /aws/vendedlogs needs no resource policy of its own.
        """
        return f"/aws/vendedlogs/states/{self.prefix}-"

    def kubernetes(self, kind: str = "") -> str:
        """Name of a Kubernetes object of the flow's own, at most 63 characters: a DNS label."""
        end = f"-{self._digest}{f'-{kind}' if kind else ''}"
        readable = re.sub(r"[^a-z0-9]+", "-", self._readable.lower())
        return f"{f'flow-{readable}'[: _LABEL - len(end)].rstrip('-')}{end}"

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every Kubernetes object."""
        own = {PROJECT_LABEL: self.project, STACK_LABEL: self.stack, FLOW_LABEL: self.flow}
        return {key: label_value(value) for key, value in own.items()}

    def token(self, token_prefix: str) -> str:
        """The given production token, or one of this stack's own: `<token prefix>-0-<letters>`, as Metaflow's look."""
        if self.production_token is not None:
            return self.production_token
        number = int(hashlib.sha256(self._key.encode()).hexdigest(), 16)
        letters = ""
        for _ in range(_DIGEST):
            number, letter = divmod(number, 26)
            letters += chr(ord("a") + letter)
        return f"{token_prefix}-0-{letters}"

    def tags(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Tags of everything that takes tags: the user's, and flowinfra's, which win."""
        own = {PROJECT_TAG: self.project, STACK_TAG: self.stack, FLOW_TAG: self.flow}
        return {**extra, **own}

    @property
    def stack_names(self) -> StackNames:
        """What the names of all flows of the stack begin with."""
        return StackNames(self.project, self.stack)

    @property
    def _key(self) -> str:
        return "/".join((self.project, self.stack, self.flow))

    @property
    def _readable(self) -> str:
        return _readable(self.project, self.stack, self.flow)

    @property
    def _digest(self) -> str:
        return short_digest(self._key)


@dataclass(frozen=True)
class StackNames:
    """What names of one stack's flows begin with: see `Names`, which adds the flow."""

    project: str
    stack: str

    @property
    def prefix(self) -> str:
        """Begins names of job definitions and log groups."""
        return self._readable[:_JOB_PREFIX]

    @property
    def role_prefix(self) -> str:
        """Begins names of roles of every kind: as long as in the shortest."""
        return self._readable[: _ROLE_PREFIX - len("execution") - 2]

    @property
    def _readable(self) -> str:
        return _readable(self.project, self.stack, "")


def _readable(project: str, stack: str, flow: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", f"{project}-{stack}-{flow}").lstrip("-_")


def short_digest(text: str) -> str:
    """Eight hex digits that stand for a text in a name."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def label_value(text: str) -> str:
    """`text` where Kubernetes takes it as the value of a label; what is too long or odd ends in its digest."""
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", text):
        return text
    digest = short_digest(text)
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[: _LABEL - 1 - len(digest)].strip("-_.")
    return f"{readable}-{digest}" if readable else digest
