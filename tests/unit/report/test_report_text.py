from __future__ import annotations

import io
import re

import pytest

from flowinfra.report import text
from flowinfra.report.assemble import Report
from tests.unit.report.hostile import ATTACKS
from tests.unit.report.previews import TRAIN, UNKNOWN, changed, flow_step, report, resource, update
from tests.unit.report.test_report_markdown import hostile


def rendered(found: Report, *, terminal: bool = False, width: int | None = None) -> str:
    out = io.StringIO()
    text.render(found, out, terminal=terminal, width=width)
    return out.getvalue()


def test_piped_is_plain_and_not_wrapped() -> None:
    found = rendered(report(update({"datastore": "s3://" + "b" * 150})))
    assert "\x1b" not in found
    assert f"~ datastore: s3://bucket/metaflow → s3://{'b' * 150}" in found


def test_terminal_has_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in rendered(report(update({"queue": "x"})), terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in rendered(report(update({"queue": "x"})), terminal=True)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_terminal_is_wrapped_to_its_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    found = rendered(report(update({"datastore": "word " * 30, "tags": ["漢字" * 30]})), terminal=True, width=width)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in found.splitlines()]
    assert all(len(line) + sum(ord(char) > 0x2E80 for char in line) <= width for line in lines)


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_in_a_preview_controls_the_terminal(attack: str, terminal: bool) -> None:
    found = re.sub(r"\x1b\[[0-9;]*m", "", rendered(hostile(attack), terminal=terminal))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]", found)


def test_text_in_brackets_is_no_markup() -> None:
    found = rendered(report(update({"queue": "[bold]x[/bold]"})), terminal=True, width=200)
    assert "[bold]x[/bold]" in re.sub(r"\x1b\[[0-9;]*m", "", found)


def test_summary_line() -> None:
    steps = [
        update({"steps.a.retries": 1}),
        flow_step("create", None, {**TRAIN, "flow": "New"}, name="New"),
        flow_step("same", TRAIN, TRAIN, name="Same"),
        resource("create", "aws:s3/bucket:Bucket", "b", None, {}, parent=None),
        resource("replace", "acme:index:Thing", "t", {}, {}, parent=None, retained=True, reasons=("size",)),
    ]
    lines = rendered(report(*steps)).splitlines()
    assert lines[0] == ("staging  flows: 1 changed, 1 new, 1 unchanged; resources: 1 replaced, 1 created; 1 risk")
    assert "      replaced acme:index:Thing t (size); the old one stays" in lines


def test_unknown_values_are_said_to_be_unknown() -> None:
    assert "~ job queue: jobs → [known after up]" in rendered(report(update({"queue": UNKNOWN})))


def test_new_flow() -> None:
    lines = [line.strip() for line in rendered(report(flow_step("create", None, TRAIN))).splitlines()]
    assert lines[2:] == [
        "+ TrainFlow new",
        "5 steps: start, a, b, join, end",
        "parameter alpha: float, default 0.01",
        "schedule: 0 0 * * ? * (once a day)",
    ]


def test_several_stacks() -> None:
    one = report(update({"queue": "x"}))
    assert rendered(Report(one.stacks * 2)).count("staging  flows: 1 changed") == 2


def test_package_only() -> None:
    found = rendered(report(flow_step("update", TRAIN, changed(TRAIN, {"package": "e"}))))
    assert "~ TrainFlow package only" in found
