"""What comes near a quota is told with its numbers, before it is met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowinfra.model.base import canonical_json
from flowinfra.targets.step_functions import quotas
from flowinfra.targets.step_functions.plan import check, warnings
from flowinfra.targets.step_functions.states import submitting_states
from tests.unit.components.compiled import SITE, plan, site


@pytest.mark.parametrize(("roles", "rules", "told"), [(899, 269, 0), (900, 0, 1), (0, 270, 1), (2_000, 400, 2)])
def test_quotas_of_the_account(roles: int, rules: int, told: int) -> None:
    found = list(quotas.stack_warnings(roles, rules))
    assert len(found) == told
    assert all("unless its quota was raised" in line for line in found)


def test_managed_policies_of_a_role() -> None:
    assert list(warnings(plan("linear"), SITE, ["arn"] * 8)) == []
    (told,) = warnings(plan("linear"), SITE, ["arn"] * 9)
    assert "9 managed policies" in told
    assert list(warnings(plan("linear"), site(job_role="arn:aws:iam::123456789012:role/own"), ["arn"] * 9)) == []


def test_default_tags_count_for_objects() -> None:
    tags = {f"team{number}": "x" for number in range(6)}
    assert check(plan("linear", aws_tags={"own": "x"}), SITE, {"own": "default"}) == []
    (problem,) = check(plan("linear", aws_tags={"own": "x"}), SITE, tags)
    assert "11 tags with flowinfra's own and `aws:defaultTags`, an S3 object takes at most 10" in str(problem)


def test_overrides_that_a_run_makes_too_long() -> None:
    small = plan("foreach")
    bound = small.bound(SITE)
    assert list(quotas.job_warnings(small.compiled, bound)) == []
    definition = bound.definition
    job = next(submitting_states(definition))["Parameters"]
    job["ContainerOverrides"]["Environment"].append({"Name": "LONG", "Value": ""})
    size = len(canonical_json(quotas.resolved(job["ContainerOverrides"])))
    job["ContainerOverrides"]["Environment"][-1]["Value"] = "x" * (quotas.NEAR_CONTAINER_OVERRIDES - size)
    (told,) = quotas.job_warnings(small.compiled, replace(bound, definition=definition))
    assert "about 7,600 characters at run time" in told
    assert f"step {job['Parameters']['step_name']!r}" in told
