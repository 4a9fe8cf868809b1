"""Labels and annotations of Kubernetes objects: what Kubernetes takes. Pure.

The rules are those of k8s.io/apimachinery: `pkg/util/validation` (IsQualifiedName, IsValidLabelValue,
IsDNS1123Subdomain) and `pkg/api/validation` (ValidateAnnotations).
"""

from __future__ import annotations

import re

ANNOTATIONS_BYTES = 262_144
"""Keys and values of all annotations of one object."""

KEY_WORDS = (
    "1 to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends, and before them maybe a domain name in "
    "lower case and a slash"
)
VALUE_WORDS = "up to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends"

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_DOMAIN_CHARACTERS = 253


def is_annotation_key(text: str) -> bool:
    """Whether an annotation may have this key."""
    return is_key(text.lower())


def is_key(text: str) -> bool:
    """Whether a label may have this key."""
    domain, slash, name = text.rpartition("/")
    fits = not slash or (len(domain) <= _DOMAIN_CHARACTERS and _DOMAIN.fullmatch(domain) is not None)
    return fits and _NAME.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    """Whether a label may have this value; an annotation takes any text."""
    return not text or _NAME.fullmatch(text) is not None
