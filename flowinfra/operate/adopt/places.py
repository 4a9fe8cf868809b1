"""Where flows may have been deployed by hand: an account's state machines, and a namespace's WorkflowTemplates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Protocol

from flowinfra.clouds.kubernetes import Cluster
from flowinfra.operate.adopt import on_argo, on_step_functions
from flowinfra.operate.adopt.account import Account, Machine
from flowinfra.operate.adopt.entries import Adoption, Stack
from flowinfra.operate.adopt.on_argo import Template
from flowinfra.operate.adopt.sources import docstring_of, project_of


@dataclass(frozen=True)
class Candidate:
    """A deployment that may be adopted."""

    name: str
    flow: str | None
    """Name of its flow's class; None where Metaflow did not make it."""
    file: str | None
    """Name of the flow's file, where it is known."""
    become: Callable[[str | None], Adoption]
    """Flow's file, from the project's folder → what a stack's file has to say; it raises NotAdoptedError."""

    @classmethod
    def of(cls, found: Machine | Template, become: Callable[[str | None], Adoption]) -> Candidate:
        """The candidate that a deployment is."""
        flow, file = (found.by_hand.flow, found.by_hand.file) if found.by_hand else (None, None)
        return cls(found.name, flow, file, become)


class Place(Protocol):
    """Where deployments are."""

    label: str
    noun: ClassVar[str]
    """A deployment there."""
    listed: ClassVar[str]
    """The command with which people list them."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all deployments."""
        ...

    def may_be(self, name: str, flows: Collection[str]) -> bool:
        """Whether Metaflow may have named a deployment so for one of these flows."""
        ...

    def look(self, names: Sequence[str]) -> list[Candidate]:
        """The deployments of these names."""
        ...


class InAccount:
    """State machines of an account."""

    noun: ClassVar = "state machine"
    listed: ClassVar = "aws stepfunctions list-state-machines"

    def __init__(self, stack: Stack, account: Account, root: Path) -> None:
        self.label, self._stack, self._account, self._root = "the account", stack, account, root

    @cached_property
    def _arns(self) -> dict[str, str]:
        return self._account.names()

    @property
    def names(self) -> Sequence[str]:
        """Names of all state machines."""
        return sorted(self._arns)

    def may_be(self, name: str, flows: Collection[str]) -> bool:
        """Whether Metaflow may have named a state machine so, with the stack's prefix."""
        prefix = self._stack.config.name_prefix
        rest = name.removeprefix(f"{prefix}_") if prefix else name
        return rest in flows or (rest.count(".") > 1 and rest.rpartition(".")[2] in flows)

    def look(self, names: Sequence[str]) -> list[Candidate]:
        """The state machines of these names."""
        return [self._candidate(each) for each in self._account.look(self._arns[name] for name in names)]

    def _candidate(self, machine: Machine) -> Candidate:
        def become(place: str | None) -> Adoption:
            project = project_of(self._root / place, machine.by_hand.flow) if place and machine.by_hand else None
            return on_step_functions.adoption(self._stack, machine, place or "", project)

        return Candidate.of(machine, become)


class InCluster:
    """WorkflowTemplates of a namespace."""

    noun: ClassVar = "WorkflowTemplate"
    listed: ClassVar = "kubectl get workflowtemplates"

    def __init__(self, stack: Stack, cluster: Cluster, namespace: str, root: Path) -> None:
        self.label, self._stack, self._root = f"the namespace {namespace}", stack, root
        self._templates = {each.name: each for each in on_argo.templates(cluster, namespace)}

    @property
    def names(self) -> Sequence[str]:
        """Names of all WorkflowTemplates."""
        return list(self._templates)

    def may_be(self, name: str, flows: Collection[str]) -> bool:
        """Whether the template is that of one of these flows, as its annotations say."""
        by_hand = self._templates[name].by_hand
        return by_hand is not None and by_hand.flow in flows

    def look(self, names: Sequence[str]) -> list[Candidate]:
        """The WorkflowTemplates of these names."""
        return [self._candidate(self._templates[name]) for name in names]

    def _candidate(self, template: Template) -> Candidate:
        def become(place: str | None) -> Adoption:
            docstring = docstring_of(self._root / place, template.by_hand.flow) if place and template.by_hand else None
            return on_argo.adoption(self._stack, template, place or "", docstring)

        return Candidate.of(template, become)
