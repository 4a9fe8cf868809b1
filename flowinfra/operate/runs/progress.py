"""How far an execution is, step by step: what `flowinfra run` and `flowinfra local run` show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

StepState = Literal["waiting", "queued", "running", "retrying", "succeeded", "failed"]


@dataclass(frozen=True)
class Task:
    """One Batch job, or on Argo one task with all its pods."""

    id: str
    """Batch's job id, which is Metaflow's task id; on Argo the id of a node."""
    status: str
    """Batch's own: SUBMITTED … SUCCEEDED, FAILED."""
    attempts: int
    """Attempts so far, the running one included."""
    reason: str | None = None
    exit_code: int | None = None
    started: float | None = None
    """Seconds since the epoch."""
    stopped: float | None = None

    @property
    def ended(self) -> bool:
        """SUCCEEDED or FAILED."""
        return self.status in ("SUCCEEDED", "FAILED")


@dataclass(frozen=True)
class Step:
    """A state that submits Batch jobs, or a template on Argo; and its tasks so far."""

    name: str
    total: int
    """Tasks that are known to come, those of started foreaches included; at least 1."""
    tasks: tuple[Task, ...] = ()

    @property
    def done(self) -> int:
        """Tasks that succeeded."""
        return sum(task.status == "SUCCEEDED" for task in self.tasks)

    @property
    def attempts(self) -> int:
        """The largest number of attempts of any task."""
        return max((task.attempts for task in self.tasks), default=0)

    @property
    def state(self) -> StepState:
        """All tasks in one word."""
        if not self.tasks:
            return "waiting"
        if any(task.status == "FAILED" for task in self.tasks):
            return "failed"
        if self.done >= self.total:
            return "succeeded"
        if any(task.attempts > 1 and not task.ended for task in self.tasks):
            return "retrying"
        if all(task.ended or task.attempts == 0 for task in self.tasks):
            return "queued" if self.done < len(self.tasks) else "running"
        return "running"

    @property
    def started(self) -> float | None:
        """When its first task started, in seconds since the epoch."""
        return min((task.started for task in self.tasks if task.started), default=None)

    @property
    def stopped(self) -> float | None:
        """When its last task ended; None while one has not."""
        if self.state not in ("succeeded", "failed") or not all(task.ended for task in self.tasks):
            return None
        return max((task.stopped for task in self.tasks if task.stopped), default=None)


@dataclass(frozen=True)
class Progress:
    """An execution."""

    ref: str
    """ARN of an execution; `NAMESPACE/NAME` of a workflow on Argo."""
    name: str
    """What the flow is deployed as."""
    status: str
    """Step Functions' own: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED. Argo's in capitals: PENDING, RUNNING,
    SUCCEEDED, FAILED, ERROR.
    """
    error: str | None = None
    cause: str | None = None
    steps: tuple[Step, ...] = field(default=())
    """Steps in the order of the definition."""

    @property
    def run_id(self) -> str:
        """Metaflow's run id."""
        return run_id(self.ref)

    @property
    def ended(self) -> bool:
        """Whether the execution is over."""
        return self.status not in ("PENDING", "RUNNING")

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Progress:
        """From `to_dict`."""
        steps = tuple(
            Step(step["name"], step["total"], tuple(Task(**task) for task in step["tasks"])) for step in value["steps"]
        )
        return cls(**{**value, "steps": steps})


def run_id(ref: str) -> str:
    """Metaflow's id of a run: by the ARN of its execution, or by `NAMESPACE/NAME` of its workflow on Argo."""
    if ref.startswith("arn:"):
        return f"sfn-{ref.rpartition(':')[2]}"
    return f"argo-{ref.partition('/')[2]}"


def steps_of(definition: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Names of the states that submit Batch jobs, in the order in which they run → the maps around
    each, outermost first.
    """
    return dict(_walk(definition, ()))


def _walk(machine: Mapping[str, Any], maps: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in _in_order(machine):
        state = machine["States"][name]
        if ":batch:submitJob" in state.get("Resource", ""):
            yield name, maps
        for branch in state.get("Branches", ()):
            yield from _walk(branch, maps)
        inner = state.get("ItemProcessor") or state.get("Iterator")
        if inner:
            yield from _walk(inner, (*maps, name))


def _in_order(machine: Mapping[str, Any]) -> list[str]:
    """State names from StartAt along Next, Default and Choices; unreachable ones last."""
    states = machine["States"]
    order: list[str] = []
    pending = [machine["StartAt"]]
    while pending:
        name = pending.pop(0)
        if name in order or name not in states:
            continue
        order.append(name)
        state = states[name]
        pending += [target for target in (state.get("Next"), state.get("Default")) if target]
        pending += [choice["Next"] for choice in state.get("Choices", ()) if "Next" in choice]
        pending += [catcher["Next"] for catcher in state.get("Catch", ())]
    return order + [name for name in states if name not in order]


def map_sizes(events: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Map state → iterations that it has started or will, over all times that it was entered."""
    entered: dict[int, str] = {}
    sizes: dict[str, int] = {}
    for event in events:
        kind = event["type"]
        if kind == "MapStateEntered":
            entered[event["id"]] = event["stateEnteredEventDetails"]["name"]
        elif kind == "MapStateStarted":
            name = entered.get(event["previousEventId"], "")
            sizes[name] = sizes.get(name, 0) + event["mapStateStartedEventDetails"]["length"]
    return sizes
