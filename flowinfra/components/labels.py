"""Labels and annotations of what a flow is in Kubernetes: those of the platform, and of the flow, which win."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import pulumi

from flowinfra.components.later import Later
from flowinfra.errors import BindError
from flowinfra.model.metadata import (
    ANNOTATIONS_BYTES,
    KEY_WORDS,
    VALUE_WORDS,
    is_annotation_key,
    is_key,
    is_label_value,
)
from flowinfra.stack.flow import FlowConfig

RESERVED = ("metaflow/", "flowinfra/", "workflows.argoproj.io/", "jobset.sigs.k8s.io/", "batch.kubernetes.io/")
"""Keys that begin so are set by Metaflow, by flowinfra, and by what runs the pods, some of them only for some flows."""
ALLOWED = ("workflows.argoproj.io/controller-instanceid",)
"""By this label Argo knows which of several controllers a workflow is for (its `docs/scaling.md`): it is the user's."""

Metadata = dict[str, Any]
"""`labels` and `annotations` of an object, a pod, or what makes one."""


class Labelled(Protocol):
    """A platform whose flows have labels and annotations."""

    @property
    def labels(self) -> Mapping[str, pulumi.Input[str]]:
        """Key → value."""

    @property
    def annotations(self) -> Mapping[str, pulumi.Input[str]]:
        """Key → value."""


S = TypeVar("S", bound=Labelled)


def of_flow(_label: str, config: FlowConfig, platform: S) -> S:
    """The platform with a flow's own labels and annotations beside its own."""
    return replace(
        platform,  # type: ignore[type-var]
        labels={**platform.labels, **config.own.labels},
        annotations={**platform.annotations, **config.own.annotations},
    )


def known_later(platform: S, later: Later) -> S:
    """The platform with Outputs in place of what stands for them."""
    return replace(
        platform,  # type: ignore[type-var]
        labels={key: later.text(value) for key, value in platform.labels.items()},
        annotations={key: later.text(value) for key, value in platform.annotations.items()},
    )


@dataclass(frozen=True)
class Taken:
    """Keys that what runs the flow sets itself, beside those that begin as `RESERVED`."""

    labels: Collection[str]
    annotations: Collection[str]
    templates: tuple[str, ...]
    """What begins a template of its own in an annotation's value."""
    runner: str
    """Name of what runs the flows."""


def metadata_problems(
    who: str, labels: Mapping[str, str], annotations: Mapping[str, str], taken: Taken
) -> Iterator[BindError]:
    """What Kubernetes, or what runs the flow, would refuse or replace."""
    kinds = (
        ("labels", labels, taken.labels, is_key),
        ("annotations", annotations, taken.annotations, is_annotation_key),
    )
    for what, given, own, fits in kinds:
        for key, value in given.items():
            if not isinstance(key, str) or not fits(key):
                yield BindError(f"{who}: {what} has the key {key!r}, allowed: {KEY_WORDS}")
            elif key in own or (key.startswith(RESERVED) and key not in ALLOWED):
                yield BindError(
                    f"{who}: {what} has the key {key!r}, which Metaflow, {taken.runner} or flowinfra sets itself; give "
                    "it another key"
                )
            if not isinstance(value, str):
                yield BindError(f"{who}: {what}.{key} is {value!r}, allowed: text (in quotes, where it is a number)")
            elif what == "labels" and not is_label_value(value):
                yield BindError(
                    f"{who}: labels.{key} is {value!r}, allowed: {VALUE_WORDS}; an annotation takes any text"
                )
            elif found := next((mark for mark in taken.templates if mark in value), None):
                yield BindError(
                    f"{who}: {what}.{key} is {value!r}, and {found} begins a template of {taken.runner}: it would be "
                    "replaced, or refused; leave it out"
                )
    size = sum(len(str(part).encode()) for entry in annotations.items() for part in entry)
    if size > ANNOTATIONS_BYTES:
        yield BindError(f"{who}: annotations have {size:,} bytes, an object takes {ANNOTATIONS_BYTES:,}")


def with_metadata(metadata: Metadata | None, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Metadata:
    """Metadata with more labels and annotations; those that it has stay."""
    found = metadata or {}
    given = {
        "labels": {**labels, **(found.get("labels") or {})},
        "annotations": {**annotations, **(found.get("annotations") or {})},
    }
    return {**found, **{key: value for key, value in given.items() if value}}
