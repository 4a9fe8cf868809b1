"""What Kubernetes takes as the attributes of @kubernetes, @resources and @environment.

One check for what a flow's code gives and for what a stack gives, on Argo and on Airflow. The rules are those of
Kubernetes' own validation (k8s.io/kubernetes/pkg/apis/core/validation/validation.go, cited as `core`) for the pod that
Metaflow makes of the attributes; where Metaflow takes less, its rule counts, for it is asked again in every task.
Runs in the flow's interpreter beside the driver: standard library only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import kubernetes_grammar as grammar
from .kubernetes_security import security_context
from .kubernetes_words import Problem, found, meant, place, shown

TOLERATION = ("effect", "key", "operator", "toleration_seconds", "value")
"""Fields of a toleration by the names that Metaflow takes; in the pod, the fourth is tolerationSeconds."""

UNKNOWN_KEY = "has the key "
"""What is said of a field that nobody knows begins so."""

ANNOTATION_BYTES = 256 * 1024
"""`core.ValidateAnnotationsSize`: of all keys and values together."""

UNSAID = (
    *("compute_pool", "gpu_vendor", "image", "image_pull_policy", "image_pull_secrets", "namespace", "node_selector"),
    *("persistent_volume_claims", "port", "secrets", "service_account", "shared_memory", "tmpfs_size", "tolerations"),
)
"""Attributes of which Metaflow takes an empty text for none."""


def problems(attribute: str, value: Any) -> Iterator[Problem]:
    """What Kubernetes, or Metaflow in a task, would refuse of an attribute; nothing for None, which means the default.

    Args:
        attribute: its name in @kubernetes; those of @resources have the same names.
        value: as the flow will be deployed with it.
    """
    rule = RULES.get(attribute)
    if rule is not None and value is not None and not (value == "" and attribute in UNSAID):
        yield from rule(value)


# Rules of one value. Each yields problems; a rule with arguments returns one.


def _text(fits: Callable[[str], bool], allowed: str) -> Callable[[Any], Iterator[Problem]]:
    def rule(value: Any) -> Iterator[Problem]:
        if not isinstance(value, str) or not fits(value):
            yield "", found(value, allowed)

    return rule


def _one_of(*allowed: str) -> Callable[[Any], Iterator[Problem]]:
    def rule(value: Any) -> Iterator[Problem]:
        if value not in allowed:
            yield "", found(value, ", ".join(allowed)) + meant(value, allowed)

    return rule


def _whole(least: int, most: int, what: str, unit: float | None = None) -> Callable[[Any], Iterator[Problem]]:
    """A whole number, or its text; `unit`: bytes of one, for an advice where a quantity of Kubernetes was given."""

    def rule(value: Any) -> Iterator[Problem]:
        number = _integer(value)
        if number is None or not least <= number <= most:
            yield "", found(value, what) + (_advice(value, unit, whole=True) if unit else "")

    return rule


def _number(what: str, unit: float, written: str) -> Callable[[Any], Iterator[Problem]]:
    """Make a rule for a number greater than 0, or its text.

    Metaflow reads it with `float` and writes it as a quantity with the unit M.

    Args:
        what: is allowed.
        unit: how much one is, in vCPUs or bytes.
        written: how Metaflow writes it (`qos_requests_and_limits`).
    """

    def rule(value: Any) -> Iterator[Problem]:
        amount = grammar.amount(value)
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        # where @resources is there too, Metaflow writes the larger of both as a float
        fits = amount is not None and all(grammar.amount(written % text) is not None for text in (value, number))
        if not fits or not number > 0:
            yield "", found(value, what) + _advice(value, unit, whole=False)

    return rule


def _advice(value: Any, unit: float, whole: bool) -> str:
    """What to write in place of a quantity with a unit of Kubernetes."""
    # of vCPUs, thousandths are common
    units = "m" if unit == 1 else "[kKMGTPE]i?"
    amount = grammar.amount(value) if isinstance(value, str) and re.search(f"[0-9.]{units}$", value) else None
    if not amount or amount < 0 or not math.isfinite(amount):
        return ""
    number = amount / unit
    # half a millionth is what the units' powers leave of a whole number
    text = str(math.ceil(number - 1e-6)) if whole or number >= 10 or unit > 1 else f"{number:.6g}"
    return f". For {value} write {text}"


def _integer(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return int(value) if re.fullmatch(r"-?[0-9]+", str(value), re.ASCII) else None


def _mapping(
    keys: Callable[[Any], Iterator[str]], values: Callable[[str, Any], Iterator[str]]
) -> Callable[[Any], Iterator[Problem]]:
    def rule(value: Any) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield "", found(value, "a mapping")
            return
        for key, item in value.items():
            for words in (*keys(key), *values(str(key), item)):
                yield place(key), words

    return rule


def _key(fits: Callable[[str], bool], allowed: str) -> Callable[[Any], Iterator[str]]:
    def rule(key: Any) -> Iterator[str]:
        if not isinstance(key, str) or not fits(key):
            yield f"the key {shown(key)} is refused by Kubernetes, allowed: {allowed}"

    return rule


def _label(_key: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield found(value, "text") + _as_text(value)
    elif not grammar.label_value(value):
        yield found(value, f"{grammar.LABEL_WORDS}; or nothing")


def _optional_label(key: str, value: Any) -> Iterator[str]:
    # Metaflow takes None for a label without a value
    if value is not None:
        yield from _label(key, value)


def _annotation(_key: str, value: Any) -> Iterator[str]:
    if value is not None and not isinstance(value, str):
        yield found(value, "text") + _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return f": write {str(value).lower()!r}"
    return f": write {str(value)!r}" if isinstance(value, (int, float)) else ""


def _annotations(value: Any) -> Iterator[Problem]:
    yield from _mapping(_key(grammar.annotation_key, grammar.KEY_WORDS), _annotation)(value)
    if isinstance(value, Mapping):
        size = sum(len(str(part).encode()) for item in value.items() for part in item)
        if size > ANNOTATION_BYTES:
            yield "", f"has {size:,} bytes, allowed are {ANNOTATION_BYTES:,} in all"


def _node_selector(value: Any) -> Iterator[Problem]:
    if isinstance(value, str):
        # Metaflow takes `key=value,key=value` too
        pairs = [part.partition("=") for part in value.split(",")]
        if len({key for key, _, _ in pairs}) < len(pairs) or not all(equals for _, equals, _ in pairs):
            yield "", found(value, "a mapping, or text such as 'disk=ssd,zone=a' that names each key once")
            return
        value = {key: label for key, _, label in pairs}
    yield from _mapping(_key(grammar.key, grammar.KEY_WORDS), _label)(value)


def _names(several: bool) -> Callable[[Any], Iterator[Problem]]:
    """Names of Secrets; `several`: Metaflow takes only a list."""

    def rule(value: Any) -> Iterator[Problem]:
        single = isinstance(value, str) and not several
        names = [value] if single else value
        if not isinstance(names, (list, tuple)):
            yield "", found(value, "a list of names")
            return
        for index, name in enumerate(names):
            if not isinstance(name, str) or not grammar.dns_subdomain(name):
                hint = "; several names are a list" if isinstance(name, str) and "," in name else ""
                yield "" if single else f"[{index}]", found(name, f"a Secret's name: {grammar.SUBDOMAIN_WORDS}{hint}")

    return rule


def _tolerations(value: Any) -> Iterator[Problem]:
    if not isinstance(value, (list, tuple)):
        yield "", found(value, "a list of mappings, such as [{'key': 'spot', 'operator': 'Exists'}]")
        return
    for index, toleration in enumerate(value):
        if not isinstance(toleration, Mapping):
            yield f"[{index}]", found(toleration, "a mapping, such as {'key': 'spot', 'operator': 'Exists'}")
            continue
        for where, words in _toleration(toleration):
            yield f"[{index}]{where}", words


def _toleration(toleration: Mapping[Any, Any]) -> Iterator[Problem]:
    """`core.ValidateTolerations`."""
    for name in toleration:
        if name == "tolerationSeconds":
            yield (
                "",
                f"{UNKNOWN_KEY}'tolerationSeconds': did you mean 'toleration_seconds'? So Metaflow has it in code, and "
                "refuses the other name in each task whose image has the package kubernetes; the pod's is "
                "tolerationSeconds",
            )
        elif name not in TOLERATION:
            yield "", f"{UNKNOWN_KEY}{shown(name)}{meant(name, TOLERATION)}, allowed: {', '.join(TOLERATION)}"
    given = {name: item for name, item in toleration.items() if item not in (None, "")}
    seconds = given.pop("toleration_seconds", None)
    for name in TOLERATION:
        if name in given and not isinstance(given[name], str):
            yield f".{name}", found(given.pop(name), "text")
    key, operator, effect = (given.get(name, "") for name in ("key", "operator", "effect"))
    if key and not grammar.key(key):
        yield ".key", found(key, grammar.KEY_WORDS)
    if operator not in ("", "Equal", "Exists"):
        yield ".operator", found(operator, "Equal, Exists") + meant(operator, ("Equal", "Exists"))
    elif operator == "Exists" and "value" in given:
        yield ".value", f"found {shown(given['value'])}, but the operator Exists takes no value: leave one of both out"
    elif operator != "Exists" and not key:
        yield "", "has no key: give one, or the operator Exists, which without a key tolerates every taint"
    elif operator != "Exists":
        yield from ((".value", words) for words in _label("", given.get("value", "")))
    effects = ("NoExecute", "NoSchedule", "PreferNoSchedule")
    if effect and effect not in effects:
        yield ".effect", found(effect, ", ".join(effects)) + meant(effect, effects)
    elif seconds is not None and effect != "NoExecute":
        yield ".toleration_seconds", f"found {shown(seconds)}, but it needs effect NoExecute: it says when a pod leaves"
    if seconds is not None and type(seconds) is not int:
        yield ".toleration_seconds", found(seconds, "a whole number of seconds")


def _extended_resources(value: Any) -> Iterator[Problem]:
    def keys(key: Any) -> Iterator[str]:
        # Metaflow writes a container in camel case, this name too (metaflow.util.to_camelcase)
        if isinstance(key, str) and re.search(r"_[a-zA-Z]", key):
            yield f"Metaflow does not keep the '_' of {key!r}: it would ask for another resource"
        elif not isinstance(key, str) or not grammar.resource(key):
            yield f"{shown(key)} is not a resource that a container can have, allowed: such as 'example.com/dongle'"

    def values(key: str, amount: Any) -> Iterator[str]:
        number = grammar.amount(amount)
        # `core.ValidateResourceQuantityValue`, `helper.IsIntegerResourceName`
        whole = "/" in key
        if number is None or number < 0 or (whole and not number.is_integer()):
            yield found(amount, "a whole number" if whole else "a quantity, such as 4, '500m' or '4Gi'")
        elif (page := grammar.page(key)) and (number == 0 or number % page):
            yield found(amount, f"a multiple of the page's size, such as {key.partition('-')[2]!r}")

    yield from _mapping(keys, values)(value)


def _claims(value: Any) -> Iterator[Problem]:
    yield from _mapping(_key(grammar.dns_subdomain, f"a claim's name: {grammar.SUBDOMAIN_WORDS}"), _path_words)(value)


def _path_words(_key: str, path: Any) -> Iterator[str]:
    if not isinstance(path, str) or not path or ":" in path:
        yield found(path, "a path in the container, without ':'")


def _path(value: Any) -> Iterator[Problem]:
    yield from (("", words) for words in _path_words("", value))


def _qos(value: Any) -> Iterator[Problem]:
    # Metaflow takes either case
    yield from (() if str(value).lower() in ("guaranteed", "burstable") else _one_of("Guaranteed", "Burstable")(value))


def _flag(value: Any) -> Iterator[Problem]:
    # `--with kubernetes:use_tmpfs=True` gives text
    if value not in (True, False, "True", "true") or not isinstance(value, (bool, str)):
        yield "", found(value, "True, False")


def _positive(value: Any) -> Iterator[Problem]:
    """Metaflow takes no text for it."""
    if type(value) is not int or value < 0:
        yield "", found(value, "a whole number of MiB") + _advice(value, 1024**2, whole=True)


_MEGABYTES = "a number of MB (1,000,000 bytes), greater than 0, without a unit"
_MEBIBYTES = "a whole number of MiB, greater than 0, without a unit"
_MOST = 2**31 - 1

RULES: Mapping[str, Callable[[Any], Iterator[Problem]]] = {
    "cpu": _number("a number of vCPUs, greater than 0, without a unit", 1, "%s"),
    "memory": _number(_MEGABYTES, 1e6, "%sM"),
    "disk": _number(_MEGABYTES, 1e6, "%sM"),
    "gpu": _whole(0, _MOST, "a whole number of GPUs"),
    "gpu_vendor": _one_of("amd", "nvidia"),
    "shared_memory": _positive,
    "tmpfs_size": _whole(0, _MOST, _MEBIBYTES, 1024**2),
    "tmpfs_path": _path,
    "tmpfs_tempdir": _flag,
    "use_tmpfs": _flag,
    "qos": _qos,
    "port": _whole(0, 65535, "a port: a whole number from 1 to 65535"),
    "hostname_resolution_timeout": _whole(0, _MOST, "a whole number of seconds"),
    "image": _text(grammar.image, grammar.IMAGE_WORDS),
    "image_pull_policy": _one_of("Always", "IfNotPresent", "Never"),
    "image_pull_secrets": _names(several=True),
    "secrets": _names(several=False),
    "service_account": _text(grammar.dns_subdomain, f"a service account's name: {grammar.SUBDOMAIN_WORDS}"),
    "namespace": _text(grammar.dns_label, f"a namespace's name: {grammar.DNS_LABEL_WORDS}"),
    "compute_pool": _text(lambda value: bool(value) and grammar.label_value(value), grammar.LABEL_WORDS),
    "labels": _mapping(_key(grammar.key, grammar.KEY_WORDS), _optional_label),
    "annotations": _annotations,
    "node_selector": _node_selector,
    "tolerations": _tolerations,
    "extended_resources": _extended_resources,
    "persistent_volume_claims": _claims,
    "security_context": security_context,
}
"""Attribute of @kubernetes → its rule."""
