"""Job logs of an execution, read from the emulator's folder (so also while a job runs, and after
the emulator has ended).
"""

from __future__ import annotations

from pathlib import Path

from flowinfra.errors import LocalError
from flowinfra.local.state import State
from flowinfra.operate.runs.progress import Progress, Step, Task


def attempt_log(state: State, job_id: str, attempt: int) -> Path:
    """Standard output and error of an attempt (as `mends.jobs` names its folder)."""
    return state.jobs / f"{job_id.replace(':', '-')}-{attempt}" / "log.txt"


def tail(state: State, task: Task, lines: int) -> list[str]:
    """Last lines of a task's last attempt."""
    return _lines(attempt_log(state, task.id, task.attempts))[-lines:]


def select(progress: Progress, step: str, task: str | None) -> list[tuple[Step, Task]]:
    """Tasks of a step, or the one task; LocalError, with what there is, if nothing fits."""
    by_name = {each.name: each for each in progress.steps}
    if step not in by_name:
        raise LocalError(f"{progress.run_id} has no step {step}. Its steps are: {', '.join(by_name)}.")
    tasks = [each for each in by_name[step].tasks if task in (None, each.id)]
    if not tasks:
        known = ", ".join(each.id for each in by_name[step].tasks) or "none so far"
        raise LocalError(f"Step {step} of {progress.run_id} has no task {task}. Its tasks are: {known}.")
    return [(by_name[step], each) for each in tasks]


def render(state: State, step: Step, task: Task, *, heading: bool) -> list[str]:
    """All attempts of a task, each under its own heading if there are several (or `heading`)."""
    lines = []
    for attempt in range(1, task.attempts + 1):
        if heading or task.attempts > 1:
            lines.append(f"==> {step.name}/{task.id}, attempt {attempt} of {task.attempts}")
        lines += _lines(attempt_log(state, task.id, attempt))
    return lines


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
