from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import pytest
from rich.console import Console

from flowinfra.errors import LocalError
from flowinfra.local import logs
from flowinfra.local.state import State
from flowinfra.operate.runs import watch
from flowinfra.operate.runs.progress import Progress, Step, Task


def progress(status: str, *steps: Step) -> Progress:
    return Progress("arn:aws:states:us-east-1:1:execution:Flow:abc", "Flow", status, steps=steps)


def start(status: str, attempts: int = 1, stopped: float | None = None) -> Step:
    return Step("start", 1, (Task("job", status, attempts, started=10.0, stopped=stopped),))


LOOKS = [
    progress("RUNNING", Step("start", 1), Step("work", 1)),
    progress("RUNNING", start("RUNNING"), Step("work", 1)),
    progress("RUNNING", start("RUNNING"), Step("work", 1)),
    progress("RUNNING", start("RUNNING", 2), Step("work", 1)),
    progress("SUCCEEDED", start("SUCCEEDED", 2, 14.0), Step("work", 3, (Task("w", "SUCCEEDED", 1),) * 3)),
]


def test_lines_tell_each_change_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0)
    console = Console(file=io.StringIO(), force_terminal=False)
    looks = iter(LOOKS)
    with watch.view(console) as view:
        last = watch.follow(lambda: next(looks), view)
    assert last.status == "SUCCEEDED"
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.splitlines() == [
        "start: running",
        "start: retrying, attempt 2",
        "start: succeeded, attempt 2, 4 s",
        "work: succeeded, 3/3 tasks",
    ]


def test_an_execution_is_followed_until_its_jobs_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0)
    looks = iter([progress("ABORTED", start("RUNNING")), progress("ABORTED", start("FAILED", 1, 12.0))])
    seen = watch.follow(lambda: next(looks), watch.Lines(Console(file=io.StringIO())))
    assert seen.steps[0].state == "failed"


class InterruptsWhenGone:
    """Ctrl-C in a destructor, where Python ignores exceptions."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_no_interrupt_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0)
    before = signal.getsignal(signal.SIGINT)
    looks = iter(LOOKS)

    def look() -> Progress:
        InterruptsWhenGone()
        return next(looks)

    with pytest.raises(KeyboardInterrupt):
        watch.follow(look, watch.Lines(Console(file=io.StringIO())))
    assert next(looks) is LOOKS[1]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_table_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0)
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    looks = iter(LOOKS)
    with watch.view(console) as view:
        watch.follow(lambda: next(looks), view)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    for word in ("sfn-abc", "start", "succeeded", "3/3"):
        assert word in text


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "state")
    made.clear()
    for attempt in (1, 2):
        path = logs.attempt_log(made, "job", attempt)
        path.parent.mkdir()
        path.write_text(f"a{attempt}\nb{attempt}\n")
    return made


def test_logs_of_all_attempts(state: State) -> None:
    step = start("SUCCEEDED", 2)
    lines = logs.render(state, step, step.tasks[0], heading=False)
    assert lines == ["==> start/job, attempt 1 of 2", "a1", "b1", "==> start/job, attempt 2 of 2", "a2", "b2"]
    assert logs.tail(state, step.tasks[0], 1) == ["b2"]


def test_a_job_that_has_not_started_has_no_log(state: State) -> None:
    assert logs.tail(state, Task("other", "RUNNABLE", 0), 5) == []


def test_selecting_what_is_not_there() -> None:
    looked = progress("RUNNING", start("RUNNING"), Step("work", 1))
    assert logs.select(looked, "start", None) == [(looked.steps[0], looked.steps[0].tasks[0])]
    with pytest.raises(LocalError, match=r"no step x\. Its steps are: start, work"):
        logs.select(looked, "x", None)
    with pytest.raises(LocalError, match=r"no task y\. Its tasks are: job"):
        logs.select(looked, "start", "y")
    with pytest.raises(LocalError, match="none so far"):
        logs.select(looked, "work", None)
