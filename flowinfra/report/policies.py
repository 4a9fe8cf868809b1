"""What one IAM policy allows that another does not. Pure, and on the safe side: in doubt, something is new.

Patterns are compared one by one: `s3:*` covers `s3:Get*`. That several narrower patterns together cover a wider one is
not seen; Deny statements and NotAction, NotResource, NotPrincipal count as equal only where the statement is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Json = Any


@dataclass(frozen=True)
class Grant:
    """One thing that a policy allows."""

    action: str
    resource: str
    """A resource's pattern, or in a trust policy who may assume the role."""
    condition: str = ""
    """Canonical JSON; empty for none."""


@dataclass(frozen=True)
class Grants:
    """Everything that a policy allows, and the parts of it that flowinfra does not take apart."""

    allowed: frozenset[Grant]
    opaque: frozenset[str] = frozenset()
    """Allow statements with NotAction and the like, as canonical JSON."""
    denied: frozenset[str] = frozenset()
    """Deny statements, as canonical JSON."""


NOTHING = Grants(frozenset())
"""A policy that allows nothing."""


def grants(policy: Json) -> Grants | None:
    """The grants of a policy document (JSON text or object); None where it is unknown or not such a document."""
    if isinstance(policy, str):
        try:
            policy = json.loads(policy)
        except ValueError:
            return None
    if not isinstance(policy, dict):
        return None
    allowed: set[Grant] = set()
    opaque: set[str] = set()
    denied: set[str] = set()
    for statement in _listed(policy.get("Statement")):
        if not isinstance(statement, dict):
            return None
        plain = {key: value for key, value in statement.items() if key != "Sid"}
        if statement.get("Effect") != "Allow":
            denied.add(_canonical(plain))
        elif {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
            opaque.add(_canonical(plain))
        else:
            allowed |= set(_pairs(statement))
    return Grants(frozenset(allowed), frozenset(opaque), frozenset(denied))


def beyond(new: Grants, old: Grants) -> list[Grant]:
    """What `new` allows and `old` does not, sorted; a statement that is not taken apart is one grant of its text."""
    found = [grant for grant in new.allowed if not any(_covers(known, grant) for known in old.allowed)]
    found += [Grant(text, "") for text in new.opaque - old.opaque]
    found += [Grant("what a Deny forbade", text) for text in old.denied - new.denied]
    return sorted(found, key=lambda grant: (grant.resource, grant.action, grant.condition))


def _pairs(statement: Mapping[str, Json]) -> Iterator[Grant]:
    condition = statement.get("Condition")
    given = _canonical(condition) if condition else ""
    targets = (
        list(_principals(statement["Principal"])) if "Principal" in statement else _listed(statement.get("Resource"))
    )
    for action in _listed(statement.get("Action")):
        for target in targets:
            yield Grant(str(action), str(target), given)


def _principals(value: Json) -> Iterator[str]:
    if not isinstance(value, dict):
        yield str(value)
        return
    for kind, members in sorted(value.items()):
        for member in _listed(members):
            yield f"{kind} {member}"


def _covers(known: Grant, grant: Grant) -> bool:
    return (
        known.condition in ("", grant.condition)
        and _pattern(known.action.lower()).fullmatch(grant.action.lower()) is not None
        and _pattern(known.resource).fullmatch(grant.resource) is not None
    )


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of IAM as a regular expression: `*` is any text, `?` one character, but not another pattern's `*`."""
    parts = {"*": ".*", "?": "[^*]"}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in text), re.DOTALL)


def _listed(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
