"""A stack's state → the parts of its flows that are not live, or live otherwise than they were deployed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowinfra.clouds.aws import Access, accounts_of, refuse_other_account
from flowinfra.components.failed_updates import failures
from flowinfra.engine.state import export_state, resources_in_state
from flowinfra.engine.tokens import FLOW_TYPE
from flowinfra.errors import ToolError
from flowinfra.operate.verify.aws import THREADS, Calls
from flowinfra.operate.verify.resources import KINDS, Live

_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of a value that is a secret, or a file."""
_PASSED_OVER = ("pulumi:", "flowinfra:")

Told = Callable[[int, int], None]
"""Progress: how many resources were looked at, of how many."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as deployed."""

    flow: str
    """Name of its component."""
    resource: str
    """Name of the resource in the stack."""
    what: str
    unknown: bool = False
    """AWS did not say."""


@dataclass(frozen=True)
class Verified:
    """What was looked at, and what differs."""

    flows: int
    resources: int
    differences: tuple[Difference, ...]
    not_looked_at: Mapping[str, int]
    """Type → number, of a flow's resources that are outside of AWS, or hold a secret."""

    @property
    def complete(self) -> bool:
        """Whether AWS said of everything how it is."""
        return not any(difference.unknown for difference in self.differences)


@dataclass(frozen=True)
class _Item:
    flow: str
    name: str
    urn: str
    kind: str
    live: Live


def verify(stack: str, folder: Path, access: Access, told: Told = lambda done, of: None) -> Verified:
    """Compare what is live with what the state of a stack says was deployed.

    Args:
        stack: its name.
        folder: of the Pulumi project.
        access: how its account is reached.
        told: called with the number of resources compared so far, and of all.

    Raises:
        ToolError: Pulumi fails, or the credentials are of another account.
        StateError: the stack has nothing deployed.
    """
    content = export_state(folder, stack)
    resources = [each for each in resources_in_state(content, stack) if not each.get("delete")]
    session = access.session()
    refuse_other_account(session, accounts_of(resources) or access.accounts, f"the stack {stack!r}")
    items, others = _items(resources, Calls(session), session.region_name or "")
    failed = failures(content.decode())
    parents = {item["urn"]: item.get("parent", "") for item in resources}
    differences = [
        Difference(_flow(parents, urn), urn.split("::", 3)[-1], f"its last update failed: {reason}")
        for urn, reason in failed.items()
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        asked = [pool.submit(_look, item) for item in items]
        for done, future in enumerate(as_completed(asked), 1):
            differences += future.result()
            told(done, len(asked))
    flows = {item["urn"] for item in resources if FLOW_TYPE.fullmatch(item["type"])}
    ordered = sorted(differences, key=lambda each: (each.flow, each.resource, each.what))
    return Verified(len(flows), len(items), tuple(ordered), dict(sorted(others.items())))


def _items(resources: Iterable[Mapping[str, Any]], calls: Calls, region: str) -> tuple[list[_Item], Counter[str]]:
    parents = {item["urn"]: item.get("parent", "") for item in resources}
    regions = {f"{item['urn']}::{item.get('id')}": item.get("inputs", {}).get("region") for item in resources}
    items, others = [], Counter[str]()
    for item in resources:
        flow, kind = _flow(parents, item["urn"]), item["type"]
        if not flow or kind.startswith(_PASSED_OVER):
            continue
        inputs = item.get("inputs", {})
        if kind not in KINDS or any(_hidden(value) for key, value in inputs.items() if key != "source"):
            others[kind] += 1
            continue
        where = inputs.get("region") or regions.get(item.get("provider", "")) or region
        live = Live(calls, where, item["id"], inputs, item.get("outputs", {}))
        items.append(_Item(flow, item["urn"].split("::", 3)[-1], item["urn"], kind, live))
    return items, others


def _flow(parents: Mapping[str, str], urn: str) -> str:
    """Name of the component that a resource is part of; empty for none."""
    while urn and not FLOW_TYPE.fullmatch(urn.split("::", 3)[2].rsplit("$", 1)[-1]):
        urn = parents.get(urn, "")
    return urn.split("::", 3)[-1]


def _hidden(value: Any) -> bool:
    if isinstance(value, Mapping):
        return _SIGNATURE in value or any(map(_hidden, value.values()))
    return isinstance(value, list) and any(map(_hidden, value))


def _look(item: _Item) -> list[Difference]:
    try:
        return [Difference(item.flow, item.name, what) for what in KINDS[item.kind](item.live)]
    except ToolError as error:
        return [Difference(item.flow, item.name, str(error), unknown=True)]
