"""Quotas that an account may have had raised, and sizes that only a run shows: a preview warns from 90 % on.

What AWS refuses for certain is in `limits.py`. Here the account's own number is not known, so it is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flowinfra.components.iam import near
from flowinfra.model.base import Json, canonical_json
from flowinfra.targets.step_functions.bound import Bound
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.limits import CONTAINER_OVERRIDES_CHARACTERS
from flowinfra.targets.step_functions.states import step_of, submitting_states

ROLES = 1_000
"""Roles per account (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""
RULES = 300
"""Rules per event bus (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html)."""
NEAR_CONTAINER_OVERRIDES = 7_600
"""Characters of container overrides from which on a preview warns; Batch takes 8,192.

The length of the values that a state passes on is known only when it runs.
"""
RESOLVED = 36
"""Characters of an id of Batch or Step Functions, in place of the path to it."""


def job_warnings(compiled: StepFunctionsCompiled, bound: Bound) -> Iterator[str]:
    """Steps whose container overrides are near Batch's limit once what they refer to is put in."""
    for state in submitting_states(bound.definition):
        overrides = state["Parameters"]["ContainerOverrides"]
        size = len(canonical_json(resolved(overrides)))
        if size >= NEAR_CONTAINER_OVERRIDES and len(canonical_json(overrides)) <= CONTAINER_OVERRIDES_CHARACTERS:
            yield (
                f"{compiled.name}: step {step_of(state)!r}: its container overrides have about {size:,} characters "
                "at run time, with what a run puts in (ids, parameters); beyond "
                f"{CONTAINER_OVERRIDES_CHARACTERS:,} Batch refuses the job. Shorten variables of @environment and "
                "defaults of parameters"
            )


def stack_warnings(roles: int, rules: int) -> Iterator[str]:
    """Warnings where a stack's flows alone come near a quota of the account, whatever else the account has."""
    if near(roles, ROLES):
        yield (
            f"the flows of this stack have {roles:,} roles of their own, and an account has {ROLES:,} unless its quota "
            "was raised: give the platform roles (`states_role`, `job_role`, `events_role`), or ask AWS for more"
        )
    if near(rules, RULES):
        yield (
            f"the flows of this stack have {rules:,} triggers and alerts, and an event bus has {RULES:,} rules unless "
            "its quota was raised: ask AWS for more, or deploy some flows to another account or region"
        )


def resolved(value: Json) -> Json:
    """JSON with a value as long as an id in place of each path (`Value.$`)."""
    if isinstance(value, Mapping):
        return {
            key.removesuffix(".$"): "x" * RESOLVED if key.endswith(".$") else resolved(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [resolved(item) for item in value]
    return value
