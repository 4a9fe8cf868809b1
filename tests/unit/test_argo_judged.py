"""Argo and Kubernetes themselves find nothing wrong with what is compiled for Argo: see tests/judge.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.judge import cron_problems, prepared, problems
from tests.unit.argo_bound import bound_objects
from tests.unit.golden import compiled, constructs_of

Objects = list[dict[str, Any]]


def of_construct(name: str) -> Objects:
    """The objects of a construct of tests/unit/constructs.py."""
    return bound_objects(compiled(name, "argo"))


def test_every_construct() -> None:
    names = constructs_of("argo")
    assert len(names) > 60
    flows = {name: of_construct(name) for name in names}
    for version in prepared():
        assert problems(version, flows) == {}


def spoil_name(template: dict[str, Any]) -> None:
    template["spec"]["templates"][0]["name"] = "Linear_Flow"


def spoil_reference(template: dict[str, Any]) -> None:
    template["spec"]["entrypoint"] = "nowhere"


def spoil_uniqueness(template: dict[str, Any]) -> None:
    template["spec"]["templates"].append(template["spec"]["templates"][1])


def spoil_tag(template: dict[str, Any]) -> None:
    template["spec"]["templates"][1]["container"]["env"].append({"name": "A", "value": "{{workflow.nothing}}"})


def spoil_field(template: dict[str, Any]) -> None:
    template["spec"]["templates"][1]["contaner"] = {}


def spoil_field_inside(template: dict[str, Any]) -> None:
    template["spec"]["templates"][1]["container"]["resources"]["request"] = {"cpu": "1"}


def spoil_type(template: dict[str, Any]) -> None:
    template["spec"]["parallelism"] = "many"


def spoil_pod(template: dict[str, Any]) -> None:
    template["spec"]["templates"][1]["metadata"]["labels"] = {"team": "a b"}


def spoil_quantity(template: dict[str, Any]) -> None:
    template["spec"]["templates"][1]["container"]["resources"]["requests"]["cpu"] = "much"


def spoil_names_length(template: dict[str, Any]) -> None:
    template["metadata"]["name"] = "a" * 64


SPOILERS = [spoil for name, spoil in sorted(globals().items()) if name.startswith("spoil_")]


def test_judges_find_what_is_wrong() -> None:
    versions = prepared()
    flows: dict[str, Objects] = {}
    for spoil in SPOILERS:
        flows[spoil.__name__] = json.loads(json.dumps(of_construct("linear")))
        spoil(flows[spoil.__name__][0])
    flows["cron"] = json.loads(json.dumps(of_construct("schedule_daily")))
    flows["cron"][1]["spec"]["schedules"] = ["0 8 L * *"]
    flows["cron name"] = json.loads(json.dumps(of_construct("schedule_daily")))
    flows["cron name"][1]["metadata"]["name"] = "a" * 53
    flows["sensor"] = json.loads(json.dumps(of_construct("trigger")))
    flows["sensor"][1]["spec"]["dependencies"][0].pop("eventName")
    flows["job set"] = json.loads(json.dumps(of_construct("parallel")))
    [template] = [entry for entry in flows["job set"][0]["spec"]["templates"] if "resource" in entry]
    template["resource"]["manifest"] = template["resource"]["manifest"].replace("'completions'", "'complete'")
    for version in versions:
        assert problems(version, flows).keys() == flows.keys()


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 8 * * *", None),
        ("@daily", None),
        (("0 8 * * *", "Asia/Tokyo"), None),
        ("0 8 L * *", "failed to parse int from L"),
        ("0 8 31-1 * *", "beyond end of range"),
        ("@reboot", "unrecognized descriptor"),
        (("0 8 * * *", "Mars/Olympus"), "unknown time zone"),
        ("TZ=", "panic"),
    ],
)
def test_crons_are_judged(schedule: str | tuple[str, str], words: str | None) -> None:
    for version in prepared():
        [found] = cron_problems(version, [schedule])
        assert found == [] if words is None else words in found[0]
