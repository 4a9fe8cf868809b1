"""What Kubernetes takes as the security context of a container.

The fields are those of SecurityContext (k8s.io/api/core/v1/types.go), the rules `core.ValidateSecurityContext` and the
functions that it calls. Metaflow has the fields by their Python names, and what is in them by the API's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import kubernetes_grammar as grammar
from .kubernetes_words import Problem, found, meant, place, shown

Rule = Callable[[Any], Iterator[Problem]]


def camel(name: str) -> str:
    """A field's name as the API has it."""
    return re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)


def normal(value: Any) -> Any:
    """A security context by the names that Metaflow takes, whichever names it was given by."""
    if not isinstance(value, Mapping):
        return value
    python = {camel(name): name for name in FIELDS}
    return {python.get(key, key): _by_api(item) for key, item in value.items()}


def _by_api(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {camel(key) if isinstance(key, str) else key: item for key, item in value.items()}


def security_context(value: Any) -> Iterator[Problem]:
    """Problems of a security context, whichever names it was given by."""
    value = normal(value)
    sound = True
    for problem in _fields(FIELDS)(value):
        sound = False
        yield problem
    if not sound:
        return
    if value.get("allow_privilege_escalation") is False:
        if value.get("privileged"):
            yield "", "allow_privilege_escalation is False and privileged is True: Kubernetes refuses both together"
        if "CAP_SYS_ADMIN" in ((value.get("capabilities") or {}).get("add") or ()):
            yield "", "allow_privilege_escalation is False and CAP_SYS_ADMIN is added: Kubernetes refuses both together"
    if value.get("run_as_non_root") and value.get("run_as_user") == 0:
        # kubelet, pkg/kubelet/kuberuntime/security_context.go: verifyRunAsNonRoot
        yield "", "run_as_non_root is True and run_as_user is 0, which is root: the container would never start"


def _fields(rules: Mapping[str, Rule]) -> Rule:
    def rule(value: Any) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield "", found(value, f"a mapping of {', '.join(rules)}")
            return
        for key, item in value.items():
            if key not in rules:
                yield "", f"has the key {shown(key)}{meant(key, rules)}, allowed: {', '.join(rules)}"
            elif item is not None:
                yield from ((f"{place(key)}{where}", words) for where, words in rules[key](item))

    return rule


def _flag(value: Any) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield "", found(value, "True, False")


def _id(value: Any) -> Iterator[Problem]:
    # `validation.IsValidUserID`, `validation.IsValidGroupID`
    if type(value) is not int or not 0 <= value <= 2**31 - 1:
        yield "", found(value, "a whole number from 0 to 2147483647")


def _text(value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield "", found(value, "text")


def _one_of(*allowed: str) -> Rule:
    def rule(value: Any) -> Iterator[Problem]:
        if value not in allowed:
            yield "", found(value, ", ".join(allowed)) + meant(value, allowed)

    return rule


def _list_of_texts(value: Any) -> Iterator[Problem]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        yield "", found(value, "a list of names, such as ['NET_ADMIN']")


def _subdomain(value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not grammar.dns_subdomain(value):
        yield "", found(value, grammar.SUBDOMAIN_WORDS)


def _some_text(value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not value:
        yield "", found(value, "text, not empty")


def _profile_path(value: Any) -> Iterator[Problem]:
    """`core.validateLocalDescendingPath`, and that no space is at an end, which AppArmor does not take."""
    fits = isinstance(value, str) and value == value.strip() and value and not value.startswith("/")
    if not fits or ".." in str(value).split("/"):
        yield "", found(value, "a path in the node's folder of profiles, without '..'")


def _profile(value: Any) -> Iterator[Problem]:
    """`core.validateSeccompProfileField`, `core.ValidateAppArmorProfileField`."""
    types = ("Localhost", "RuntimeDefault", "Unconfined")
    yield from _fields({"type": _one_of(*types), "localhostProfile": _profile_path})(value)
    if not isinstance(value, Mapping):
        return
    if value.get("type") is None:
        yield "", f"has no type, allowed: {', '.join(types)}"
    elif (value["type"] == "Localhost") != (value.get("localhostProfile") is not None):
        yield "", "localhostProfile goes with the type Localhost, and with no other"


def _never(value: Any) -> Iterator[Problem]:
    if value is not False:
        yield "", found(value, "False, for Metaflow's pods are not on the node's own network")


FIELDS: Mapping[str, Rule] = {
    "allow_privilege_escalation": _flag,
    "app_armor_profile": _profile,
    "capabilities": _fields({"add": _list_of_texts, "drop": _list_of_texts}),
    "privileged": _flag,
    # Unmasked needs hostUsers: false, which Metaflow does not give a pod
    "proc_mount": _one_of("Default"),
    "read_only_root_filesystem": _flag,
    "run_as_group": _id,
    "run_as_non_root": _flag,
    "run_as_user": _id,
    "se_linux_options": _fields(dict.fromkeys(("level", "role", "type", "user"), _text)),
    "seccomp_profile": _profile,
    "windows_options": _fields(
        {
            "gmsaCredentialSpec": _some_text,
            "gmsaCredentialSpecName": _subdomain,
            "hostProcess": _never,
            "runAsUserName": _some_text,
        }
    ),
}
"""Field of a security context, by its Python name → its rule."""
