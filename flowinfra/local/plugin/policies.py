"""Whether two IAM policies, or two JSON documents, mean the same.

Policies: hashicorp/awspolicyequivalence, as upstream's diff suppression uses it.
"""

from __future__ import annotations

import json
from typing import Any

_SETS = ("Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition")


def same_policy(old: str, new: str) -> bool:
    """Equal but for order and for one value in place of a list of one."""
    try:
        return _canonical(json.loads(old)) == _canonical(json.loads(new))
    except (ValueError, AttributeError, TypeError):
        return False


def same_json(old: str, new: str) -> bool:
    """Equal as JSON documents (upstream's `verify.SuppressEquivalentJSONDiffs`)."""
    try:
        return bool(json.loads(old) == json.loads(new))
    except ValueError:
        return False


def _canonical(document: dict[str, Any]) -> dict[str, Any]:
    statements = document.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    canonical = [
        {
            key: _as_set(value, keys_matter=key.endswith("Principal") or key == "Condition") if key in _SETS else value
            for key, value in statement.items()
        }
        for statement in statements
    ]
    return {**document, "Statement": sorted(canonical, key=_text)}


def _as_set(value: Any, *, keys_matter: bool) -> Any:
    if isinstance(value, dict) and keys_matter:
        return {key: _as_set(item, keys_matter=True) for key, item in value.items()}
    values = value if isinstance(value, list) else [value]
    return sorted({_text(item) for item in values})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
