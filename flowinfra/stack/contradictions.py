"""What each key of a stack allows, and all of them together do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowinfra.model.base import Json
from flowinfra.model.datastores import datastore_problems
from flowinfra.model.secrets import REFUSED, looks_secret, secrets_in
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.places import KeyPath, Problem
from flowinfra.stack.platform import AirflowConfig, KubernetesConfig
from flowinfra.targets import TARGETS


def missing_platforms(stack: StackConfig, flows: Sequence[FlowConfig]) -> Iterator[Problem]:
    """Flows with a target that the platform has nothing for; only the first of each target is named."""
    reported = set()
    for flow in flows:
        missing = TARGETS[flow.target].lacks(stack, flow)
        if missing and flow.enabled and flow.target not in reported:
            reported.add(flow.target)
            yield ("platform", missing), f"is missing, and {flow.flow} has the target {flow.target!r}"


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


def secret_problems(values: Mapping[str, Json]) -> Iterator[Problem]:
    """Places of what looks like a secret, whatever the names of places that hold none."""
    for path, value in secrets_in(dict(values)):
        # a Config's text is the path of a file; this key of the platform has a grammar
        harmless = path[-2:-1] == ("configs",) or path[-1] in ("service_auth_secret", "production_token")
        if not harmless or looks_secret("", value):
            yield path, REFUSED


def contradictions(stack: StackConfig) -> Iterator[Problem]:
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
