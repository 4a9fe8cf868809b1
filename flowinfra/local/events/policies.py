"""Whether the policy of a topic or queue lets EventBridge write to it for a rule.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flowinfra.local import identity
from flowinfra.local.authorization import listed, matches

_SERVICE = "events.amazonaws.com"
_EQUAL = frozenset(("StringEquals", "ArnEquals", "StringLike", "ArnLike", "StringEqualsIgnoreCase"))


def lets_events(policy: str | Mapping[str, Any] | None, action: str, resource: str, rule_arn: str) -> bool:
    """Whether some statement allows it and none denies it. A condition that is not known is not met."""
    if not policy:
        return False
    found = json.loads(policy) if isinstance(policy, str) else policy
    statements = found.get("Statement", [])
    effects = {
        statement["Effect"]
        for statement in (statements if isinstance(statements, list) else [statements])
        if _is_about(statement, action, resource) and _conditions_met(statement, rule_arn)
    }
    return effects == {"Allow"}


def _is_about(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    principal = statement.get("Principal", {})
    principals = (
        ["*"] if principal == "*" else [*listed(principal.get("Service", ())), *listed(principal.get("AWS", ()))]
    )
    return (
        any(each in ("*", _SERVICE) for each in principals)
        and any(matches(each, action, case=False) for each in listed(statement.get("Action", ())))
        and any(matches(each, resource) for each in listed(statement.get("Resource", ())))
    )


def _conditions_met(statement: Mapping[str, Any], rule_arn: str) -> bool:
    context = {"aws:sourcearn": rule_arn, "aws:sourceaccount": identity.ACCOUNT}
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, wanted in keys.items():
            there = context.get(key.lower())
            if operator not in _EQUAL or there is None:
                return False
            if not any(matches(each, there) for each in listed(wanted)):
                return False
    return True
