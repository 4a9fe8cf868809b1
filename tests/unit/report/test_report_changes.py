from __future__ import annotations

from typing import Any

import pytest

from flowinfra.report.change import words
from flowinfra.report.changes import compare, introduce
from flowinfra.report.words import plain
from tests.unit.report.previews import SECRET, TRAIN, UNKNOWN, changed, resource, stack, update


def told(changes: dict[str, Any], base: dict[str, Any] = TRAIN) -> list[str]:
    return [plain(words(change)) for change in compare(base, changed(base, changes)).changes]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"steps.a.memory": 8192}, "step a: memory 4096 → 8192 MB"),
        ({"steps.a.cpu": 1.5}, "step a: cpu 1 → 1.5"),
        ({"steps.a.gpu": 2}, "step a: gpu 0 → 2"),
        ({"steps.a.image": "ml:2"}, "step a: image python:3.11 → ml:2"),
        ({"steps.a.queue": "large"}, "step a: queue the platform's → large"),
        ({"steps.a.retries": None}, "step a: retries 3 → 0"),
        ({"steps.a.retries": 1}, "step a: retries 3 → 1"),
        ({"steps.a.timeout": 1800}, "step a: timeout 5 days → 1800 s"),
        ({"steps.a.shared_memory": 64}, "step a: shared memory none → 64 MiB"),
        ({"steps.a.environment": {"A": "1"}}, "step a: environment A added: 1"),
        ({"steps.a.secrets": ["db"]}, "step a: secret db added"),
        ({"steps.a.decorators": {"card": True}}, "step a: decorator @card added"),
        ({"steps.a.decorators": {"card": {"type": "blank"}}}, 'step a: decorator @card added: {"type": "blank"}'),
        ({"steps.a.next": "end"}, "step a: next join → end"),
        ({"steps.a.kind": "foreach"}, "step a: kind linear → foreach"),
        ({"steps.a.brand_new": {"deep": 1}}, 'step a: brand_new none → {"deep": 1}'),
        ({"parameters.alpha.default": 0.02}, "parameter alpha: default 0.01 → 0.02"),
        ({"parameters.alpha.default": None}, "parameter alpha: default 0.01 → none"),
        ({"parameters.alpha.type": "str"}, "parameter alpha: type float → str"),
        ({"parameters.alpha.required": True}, "parameter alpha: required no → yes"),
        ({"parameters.beta": {"type": "int", "required": True}}, "parameter beta added: int, required"),
        ({"parameters.beta": {"type": "str", "default": ""}}, 'parameter beta added: str, default ""'),
        ({"parameters.alpha": None}, "parameter alpha removed, was float, default 0.01"),
        ({"schedule": None}, "schedule: 0 0 * * ? * → off (was once a day)"),
        ({"schedule.enabled": False}, "schedule: 0 0 * * ? * → off (was once a day)"),
        ({"schedule.cron": "0 * * * ? *"}, "schedule: 0 0 * * ? * → 0 * * * ? * (once a day → 24 times a day)"),
        ({"schedule.cron": "0 5 * * ? *"}, "schedule: 0 0 * * ? * → 0 5 * * ? * (once a day, as before)"),
        ({"schedule.cron": "rate(1 hour)"}, "schedule: 0 0 * * ? * → rate(1 hour) (once a day → 24 times a day)"),
        (
            {"schedule.timezone": "Europe/Paris"},
            "schedule: 0 0 * * ? * → 0 0 * * ? * Europe/Paris (once a day, as before)",
        ),
        ({"max_workers": 10}, "max workers: 100 → 10"),
        ({"workflow_timeout": 3600}, "run timeout: none → 3600 s"),
        ({"compress": True}, "compressed commands: off → on"),
        ({"distributed_map": True}, "distributed map: off → on"),
        ({"tags": ["nightly"]}, "tag nightly added"),
        ({"aws_tags": {"team": "ml"}}, "AWS tag team added: ml"),
        ({"labels": {"acme.com/team": "ml"}}, "label acme.com/team added: ml"),
        ({"annotations": {"note": "7"}}, "annotation note added: 7"),
        ({"pod_roles": {"cluster": "prod"}}, "pods' IAM roles by cluster added: prod"),
        ({"configs": {"model": {"depth": 3}}}, 'config model added: {"depth": 3}'),
        ({"job_policies": ["arn:aws:iam::1:policy/x"]}, "managed policy arn:aws:iam::1:policy/x added"),
        ({"decorators": {"trigger": {"event": "x"}}}, 'decorator @trigger added: {"event": "x"}'),
        ({"name": "prod-TrainFlow"}, "name: TrainFlow → prod-TrainFlow"),
        ({"metaflow": "2.19.40", "metaflow_files": "e"}, "Metaflow: 2.19.39 → 2.19.40"),
        ({"metaflow_files": "e"}, "Metaflow's own files: dddddddddddd → e"),
        ({"datastore": "s3://other/metaflow"}, "datastore: s3://bucket/metaflow → s3://other/metaflow"),
        ({"queue": UNKNOWN}, "job queue: jobs → 04da6b54-80e4-46f7-96ec-b56ff0331ba9"),
        ({"not_known_yet": [1]}, "not_known_yet: none → [1]"),
    ],
)
def test_one_change_is_one_line(changes: dict[str, Any], line: str) -> None:
    assert told(changes) == [line]


def test_a_schedule_that_is_off_and_changes() -> None:
    base = changed(TRAIN, {"schedule.enabled": False})
    line = "schedule: 0 0 * * ? * → 0 0 * * ? * Europe/Paris (it is off)"
    assert told({"schedule.timezone": "Europe/Paris"}, base) == [line]
    assert told({"schedule.cron": "0 5 * * ? *"}, base) == ["schedule: 0 0 * * ? * → 0 5 * * ? * (it is off)"]


def test_several_schedules() -> None:
    nightly = {"cron": "0 3 * * ? *", "timezone": "Europe/Berlin", "parameters": {"mode": "full"}, "enabled": True}
    several = {"schedule": None, "schedules": {"nightly": nightly, "often": {"cron": "rate(1 hour)", "enabled": False}}}
    assert told(several) == [
        "schedule nightly: off → 0 3 * * ? * Europe/Berlin with mode=full (once a day)",
        "schedule: 0 0 * * ? * → off (was once a day)",
    ]
    base = changed(TRAIN, several)
    assert told({"schedules.nightly.parameters": {"mode": "part"}}, base) == [
        "schedule nightly: 0 3 * * ? * Europe/Berlin with mode=full → 0 3 * * ? * Europe/Berlin with mode=part "
        "(once a day, as before)"
    ]
    assert told({"schedules.often.enabled": True}, base) == ["schedule often: off → rate(1 hour) (24 times a day)"]
    assert told({"schedules.often.cron": "rate(2 hours)"}, base) == [
        "schedule often: rate(1 hour) → rate(2 hours) (it is off)"
    ]
    assert [(change.names, change.after) for change in introduce(base, "added") if change.subject == "schedule"] == [
        (("nightly",), "0 3 * * ? * Europe/Berlin with mode=full")
    ]


def test_nothing_changes() -> None:
    delta = compare(TRAIN, TRAIN)
    assert not delta.changes
    assert not delta.repackaged


def test_config_changes_are_told_by_their_path() -> None:
    base = changed(TRAIN, {"configs": {"model": {"depth": 3, "width": 2}}})
    assert told({"configs.model.depth": 4}, base) == ["config model.depth: 3 → 4"]


def test_attributes_of_a_decorator() -> None:
    base = changed(TRAIN, {"steps.a.decorators": {"card": {"type": "blank"}}})
    assert told({"steps.a.decorators.card.type": "html"}, base) == ["step a: decorator @card.type blank → html"]


def test_text_that_looks_like_another_value_is_quoted() -> None:
    base = changed(TRAIN, {"parameters.alpha.default": 3})
    assert told({"parameters.alpha.default": "3"}, base) == ['parameter alpha: default 3 → "3"']


@pytest.mark.parametrize(
    ("key", "old", "new", "line"),
    [
        ("name_prefix", None, "none", 'name prefix: none → "none"'),
        ("compress", None, "off", 'compressed commands: off → "off"'),
        ("image", "true", True, 'default image: "true" → true'),
        ("dags", ["a, b"], ["a", "b"], 'folder of DAG files: ["a, b"] → ["a", "b"]'),
        ("name_prefix", "a\x00", "a\\x00", 'name prefix: "a\\u0000" → "a\\\\x00"'),
        ("unheard", None, "none", 'unheard: none → "none"'),
    ],
)
def test_values_that_differ_never_read_alike(key: str, old: Any, new: Any, line: str) -> None:
    assert told({key: new}, {**TRAIN, key: old}) == [line]


def test_environment_is_always_text() -> None:
    base = changed(TRAIN, {"steps.a.environment": {"A": "true"}})
    assert told({"steps.a.environment.A": "false"}, base) == ["step a: environment A true → false"]


def test_attempts_that_follow_from_retries_are_not_told() -> None:
    base = changed(TRAIN, {"steps.a.attempts": 5})
    assert told({"steps.a.retries": 1, "steps.a.attempts": 3}, base) == ["step a: retries 3 → 1"]
    assert told({"steps.a.attempts": 6}, base) == ["step a: attempts 5 → 6"]


def test_the_same_change_of_several_steps_is_one_line() -> None:
    assert told({"steps.a.memory": 1, "steps.b.memory": 1}) == ["steps a, b: memory 4096 → 1 MB"]
    everywhere = {f"steps.{step}.image": "python:3.12" for step in TRAIN["steps"]}
    assert told({**everywhere, "python": "3.12"}) == [
        "all 5 steps: image python:3.11 → python:3.12",
        "Python: 3.11 → 3.12",
    ]


def test_added_and_removed_steps() -> None:
    new = {"next": "join", "cpu": 4, "memory": 1, "image": "ml:2", "gpu": 1}
    assert told({"steps.b": None, "steps.start.next": "a, c", "steps.c": new}) == [
        "step b removed",
        "step c added: cpu 4, memory 1 MB, gpu 1, image ml:2",
        "step start: next a, b → a, c",
    ]


def test_start_that_becomes_a_split_is_told_by_what_is_next() -> None:
    base = changed(TRAIN, {"steps.start.next": "a", "steps.start.kind": None})
    assert told({"steps.start.next": "a, b", "steps.start.kind": "split"}, base) == ["step start: next a → a, b"]


def test_steps_are_in_the_order_in_which_they_run() -> None:
    shuffled = dict(sorted(TRAIN["steps"].items(), reverse=True))
    lines = told(
        {f"steps.{step}.memory": index for index, step in enumerate(TRAIN["steps"])}, {**TRAIN, "steps": shuffled}
    )
    assert [line.split(":")[0] for line in lines] == [f"step {step}" for step in ("start", "a", "b", "join", "end")]


def test_a_renamed_step_keeps_its_other_lines_to_itself() -> None:
    renamed = changed(TRAIN, {"steps.a": None, "steps.fit": TRAIN["steps"]["a"], "steps.start.next": "fit, b"})
    assert told({}, renamed) == []
    assert [plain(words(change)) for change in compare(TRAIN, renamed).changes] == ["step a renamed to fit"]
    bigger = changed(renamed, {"steps.fit.memory": 8192})
    assert [plain(words(change)) for change in compare(TRAIN, bigger).changes] == [
        "step a renamed to fit",
        "step fit: memory 4096 → 8192 MB",
    ]


@pytest.mark.parametrize("package", [{"package": "e"}, {"package": "e", "source": {"train.py": "aaaaaaaaaaaa"}}])
def test_package_only(package: dict[str, Any]) -> None:
    (flow,) = stack(update(package)).flows
    assert flow.kind == "package only"
    assert not flow.changes


def test_files_of_the_package() -> None:
    sources = {"train.py": "aaaaaaaaaaaa", "shared.py": "b2", "new.py": "c"}
    (flow,) = stack(update({"source": sources, "package": "e"})).flows
    assert [(file.kind, file.path, file.before, file.after) for file in flow.files] == [
        ("added", "new.py", None, "c"),
        ("changed", "shared.py", "bbbbbbbbbbbb", "b2"),
    ]
    assert flow.kind == "package only"


def test_secrets_and_unknown_values_are_never_shown() -> None:
    (flow,) = stack(update({"queue": SECRET, "datastore": UNKNOWN, "steps.a.environment": {"A": SECRET}})).flows
    assert sorted(plain(words(change)) for change in flow.changes) == [
        "datastore: s3://bucket/metaflow → [known after up]",
        "job queue: jobs → [secret]",
        "step a: environment A added: [secret]",
    ]


@pytest.mark.parametrize("odd", [UNKNOWN, SECRET, [1], "text", 7])
@pytest.mark.parametrize(
    "key", ["steps", "parameters", "schedule", "schedules", "source", "tags", "configs", "decorators"]
)
def test_inputs_of_another_form_are_told_and_harm_nothing(key: str, odd: Any) -> None:
    (flow,) = stack(update({key: odd})).flows
    assert flow.kind in ("changed", "package only")


def test_a_new_flow_says_what_it_is() -> None:
    lines = [(change.subject, change.names, change.after, change.note) for change in introduce(TRAIN, "added")]
    assert lines == [
        ("5 steps", (), "start, a, b, join, end", ""),
        ("parameter", ("alpha",), "float, default 0.01", ""),
        ("schedule", (), "0 0 * * ? *", "once a day"),
    ]


def test_long_values_are_shown_where_they_differ() -> None:
    base = changed(TRAIN, {"configs": {"text": "x" * 5_000 + "A" + "y" * 5_000}})
    (line,) = told({"configs.text": "x" * 5_000 + "B" + "y" * 5_000}, base)
    assert len(line) < 600
    assert "A" in line
    assert "B" in line


def test_who_brought_a_version_is_no_change_of_its_own() -> None:
    """It follows from the change of the flow; deploy-time parameters are told."""
    stash = "pulumi:index:Stash"
    records = [resource("replace", stash, f"TrainFlow-{what}", {}, {}) for what in ("version", "parameters")]
    (flow,) = stack(update({"package": "e"}), *records).flows
    assert [change.name for change in flow.resources] == ["TrainFlow-parameters"]
    assert not stack(resource("create", stash, "TrainFlow-version", None, {})).changes
