"""Looks at Metaflow's settings that give something to the pods of all steps.

Metaflow reads them otherwise than what a decorator says: as JSON, or as pairs with a comma between them. What is wrong
with one is said once, of the setting, and Metaflow goes on without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from . import places
from .kubernetes_rules import problems
from .kubernetes_words import Problem, found, shown
from .protocol import Part

PREFIX = "METAFLOW_"


def of_settings(target: str, decorator: Any) -> Iterator[Part]:
    """What is wrong with the settings, which Metaflow then takes for empty.

    Args:
        target: the orchestrator that the flow is compiled for.
        decorator: Metaflow's module of @kubernetes, which has read them.
    """
    for name, (attribute, look) in SETTINGS.items():
        text = os.environ.get(PREFIX + name, "")
        wrong = list(look(attribute, text)) if text else []
        if text and attribute == "secrets" and target == "airflow" and not all(text.split(",")):
            # on Argo, Metaflow leaves out what is empty
            wrong.append(("", f"found {shown(text)}, allowed: names of Secrets, with one comma between two"))
        for where, words in wrong:
            yield {"subject": f"settings.{PREFIX}{name}{where}", "words": words, **places.NOWHERE}
        if wrong and hasattr(decorator, name):
            setattr(decorator, name, "")


def _names(attribute: str, text: str) -> Iterator[Problem]:
    yield from problems(attribute, list(filter(None, text.split(","))))


def _json(attribute: str, text: str) -> Iterator[Problem]:
    try:
        value = json.loads(text)
    except ValueError as error:
        yield "", found(text, f"JSON ({error})")
    else:
        yield from problems(attribute, value)


def _pairs(attribute: str, text: str) -> Iterator[Problem]:
    """`parse_kube_keyvalue_list` of metaflow.plugins.kubernetes.kube_utils; a key may have no value."""
    pairs = [part.partition("=") for part in text.split(",")]
    if len({key for key, _, _ in pairs}) < len(pairs):
        yield "", found(text, "text such as 'team=ml,stage=prod' that names each key once")
    yield from problems(attribute, {key: value if equals else None for key, equals, value in pairs})


SETTINGS: dict[str, tuple[str, Callable[[str, str], Iterator[Problem]]]] = {
    "KUBERNETES_SECRETS": ("secrets", _names),
    "ARGO_WORKFLOWS_KUBERNETES_SECRETS": ("secrets", _names),
    "KUBERNETES_NODE_SELECTOR": ("node_selector", problems),
    "KUBERNETES_LABELS": ("labels", _pairs),
    "KUBERNETES_ANNOTATIONS": ("annotations", _pairs),
    "KUBERNETES_TOLERATIONS": ("tolerations", _json),
    "KUBERNETES_PERSISTENT_VOLUME_CLAIMS": ("persistent_volume_claims", _json),
    "KUBERNETES_IMAGE_PULL_SECRETS": ("image_pull_secrets", _json),
}
"""Setting, without its prefix → the attribute of @kubernetes that it fills, and how it is read."""
