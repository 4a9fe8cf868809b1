"""Kubernetes' own grammars of names, labels and quantities.

Each says which function of Kubernetes it is (`validation`: k8s.io/apimachinery/pkg/util/validation/validation.go of
1.34, `core`: k8s.io/kubernetes/pkg/apis/core/validation/validation.go), and is compared with the table of that
function's own test. Runs in the flow's interpreter beside the driver: standard library only.
"""

from __future__ import annotations

import re
from typing import Any

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

_DNS_LABEL = re.compile(_LABEL)
_DNS_SUBDOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NAME = re.compile(_QUALIFIED)
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_QUANTITY = re.compile(
    r"[+-]?(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII
)

_SCALES = {
    **{name: 1000.0**power for power, name in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)},
    **{f"{name}i": 1024.0**power for power, name in enumerate("KMGTPE", 1)},
}

LABEL_WORDS = "at most 63 letters, digits, '-', '_' and '.', of which the first and the last is a letter or a digit"
KEY_WORDS = f"{LABEL_WORDS}; before it may stand a DNS name and '/'"
DNS_LABEL_WORDS = "at most 63 small letters, digits and '-', of which the first and the last is not '-'"
SUBDOMAIN_WORDS = "at most 253 small letters, digits, '-' and '.', with a letter or a digit on both sides of each '.'"
IMAGE_WORDS = "an image's name, such as registry.example.com/team/image:1.2, in small letters but for registry and tag"
VARIABLE_WORDS = "letters, digits, '_', '-' and '.', of which the first is not a digit"


def dns_label(value: str) -> bool:
    """`validation.IsDNS1123Label`."""
    return len(value) <= 63 and _DNS_LABEL.fullmatch(value) is not None


def dns_subdomain(value: str) -> bool:
    """`validation.IsDNS1123Subdomain`: names of Secrets, service accounts and most other objects."""
    return len(value) <= 253 and _DNS_SUBDOMAIN.fullmatch(value) is not None


def key(value: str) -> bool:
    """`validation.IsQualifiedName`: keys of labels, annotations and taints."""
    prefix, slash, name = value.rpartition("/")
    return (not slash or dns_subdomain(prefix)) and len(name) <= 63 and _NAME.fullmatch(name) is not None


def annotation_key(value: str) -> bool:
    """A key of an annotation, whose letters `core.ValidateAnnotations` takes for small ones."""
    return key(value.lower())


def label_value(value: str) -> bool:
    """`validation.IsValidLabelValue`."""
    return not value or (len(value) <= 63 and _NAME.fullmatch(value) is not None)


def variable(value: str) -> bool:
    """`validation.IsEnvVarName`. Kubernetes takes more since 1.34, and not before."""
    return _VARIABLE.fullmatch(value) is not None and value != "." and not value.startswith("..")


def resource(value: str) -> bool:
    """`core.validateContainerResourceName` for what a container may request."""
    if "/" not in value:
        return value in ("cpu", "memory", "ephemeral-storage") or page(value) is not None
    # IsNativeResource, IsExtendedResourceName
    if "kubernetes.io/" in value:
        return key(value)
    return not value.startswith("requests.") and key(value) and key(f"requests.{value}")


def page(value: str) -> float | None:
    """How large a page of the resource `hugepages-SIZE` is (`helper.HugePageSizeFromResourceName`); None for others."""
    prefix, _, size = value.partition("-")
    return amount(size) if prefix == "hugepages" and key(value) else None


def amount(value: Any) -> float | None:
    """What a quantity amounts to (k8s.io/apimachinery/pkg/api/resource/quantity.go); None if it is not one."""
    text = str(value)
    found = _QUANTITY.fullmatch(text)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or found is None:
        return None
    suffix = found["suffix"] or ""
    number = float(text[: len(text) - len(suffix)])
    return float(text) if suffix[:1] in ("e", "E") and len(suffix) > 1 and suffix != "Ei" else number * _SCALES[suffix]


_ALNUM = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_ALNUM}(?:\.{_ALNUM})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
# of github.com/opencontainers/go-digest/algorithm.go
_DIGEST = r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})"
_IMAGE = re.compile(rf"(?P<name>(?:{_HOST}/)?{_PATH}(?:/{_PATH})*)(?::{_TAG})?(?:@{_DIGEST})?")


def image(value: str) -> bool:
    """`Parse` of github.com/distribution/reference/reference.go, with which a node reads an image's name."""
    found = _IMAGE.fullmatch(value)
    return found is not None and len(found["name"]) <= 255
