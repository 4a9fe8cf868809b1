"""Every construct compiles to what its golden file says, and to a definition that AWS's own grammar takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from flowinfra.errors import FlowInfraError
from flowinfra.model.compiled import MARK
from flowinfra.targets import TARGETS
from tests.unit.constructs import CONSTRUCTS, Construct
from tests.unit.golden import (
    BY_NAME,
    GOLDEN,
    base_of,
    compiled,
    constructs_of,
    golden_path,
    refusal_path,
    render,
    render_refusal,
    view_of,
)
from tests.unit.golden_text import flat
from tests.unit.golden_text_read import read

NAMES = [construct.name for construct in CONSTRUCTS]
COMPILED = [(name, target) for target in TARGETS for name in constructs_of(target)]
LINES = 15_000
"""That a person can review."""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("construct", CONSTRUCTS, ids=NAMES)
def test_compiles_to_its_golden_file(construct: Construct, target: str, request: pytest.FixtureRequest) -> None:
    path, other = golden_path(construct.name, target), refusal_path(construct.name, target)
    try:
        text = render(construct, target)
    except FlowInfraError as error:
        text = render_refusal(construct, error)
        path, other = other, path
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        other.unlink(missing_ok=True)
    assert text == path.read_text(encoding="utf-8"), "`make golden` renews the file if the change is meant"
    assert not other.exists()


@pytest.fixture
def finished(request: pytest.FixtureRequest) -> None:
    """For tests of the golden files themselves: while they are being written there is nothing to test."""
    if request.config.getoption("--update-golden"):
        pytest.skip("golden files are being written")


@pytest.mark.usefixtures("finished")
def test_every_golden_file_has_a_construct() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(NAMES)
    targets = {path.name.partition(".")[0] for path in GOLDEN.glob("*/*")}
    assert targets == set(TARGETS)


@pytest.mark.usefixtures("finished")
def test_golden_files_are_free_of_the_machine_that_wrote_them_and_can_be_reviewed() -> None:
    lines = 0
    for path in GOLDEN.glob("*/*"):
        text = path.read_text(encoding="utf-8")
        assert "/tests/" not in text
        assert "/usr/" not in text
        assert "/home/" not in text
        lines += len(text.splitlines())
    assert lines <= LINES


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize(("name", "target"), COMPILED)
def test_a_golden_file_tells_all(name: str, target: str) -> None:
    """The file and the full one of its base say every line of what is compiled, in order."""
    base, whole = base_of(BY_NAME[name], target), view_of(name, target)
    told = read(golden_path(name, target).read_text(encoding="utf-8"), whole, view_of(base, target) if base else None)
    assert told["workflow"] == list(flat(whole["workflow"]))
    assert told["steps"] == {step: list(flat(block)) for step, block in whole["steps"].items()}


@pytest.mark.parametrize(("name", "target"), COMPILED)
def test_the_sites_of_a_placeholder_are_all_strings_that_hold_it(name: str, target: str) -> None:
    document = compiled(name, target).model_dump(mode="json")
    placeholders = document.pop("placeholders")
    words = "|".join(re.escape(name.removeprefix(MARK)) for name in sorted(placeholders, key=len, reverse=True))
    found: dict[str, set[str]] = {}
    for pointer, text in strings(document):
        for placeholder in re.findall(rf"{MARK}(?:{words})", text):
            found.setdefault(placeholder, set()).add(pointer)
    # what the compiled flow calls a placeholder is with or without the mark
    listed = {MARK + key.removeprefix(MARK): entry["sites"] for key, entry in placeholders.items()}
    assert found == {key: set(sites) for key, sites in listed.items()}
    assert all(len(sites) == len(set(sites)) for sites in listed.values())


def strings(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a document with its JSON pointer (RFC 6901)."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, f"{pointer}/{index}")


def judge(definitions: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """What cfn-lint has to say of state machines' definitions, by their names; those without a fault are left out."""
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            name: {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"RoleArn": "arn:aws:iam::123456789012:role/states", "Definition": definition},
            }
            for name, definition in definitions.items()
        },
    }
    found: dict[str, list[str]] = {}
    for match in lint(json.dumps(template), regions=["us-east-1"], config=ManualArgs(mandatory_checks=["E3601"])):
        assert match.rule.id == "E3601", match
        assert match.path is not None
        found.setdefault(str(match.path[1]), []).append(match.message)
    return found


def definition_of(construct: str) -> dict[str, Any]:
    definition: dict[str, Any] = compiled(construct).model_dump(mode="json")["step_functions"]["definition"]
    return definition


@pytest.mark.usefixtures("finished")
def test_definitions_follow_the_states_language() -> None:
    definitions = {name.replace("_", ""): definition_of(name) for name in constructs_of("step-functions")}
    # cfn-lint's grammar knows the partition `aws` only
    definitions["partition"] = json.loads(json.dumps(definitions["partition"]).replace("aws-us-gov", "aws"))
    assert judge(definitions) == {}


def test_judge_refuses_what_is_wrong() -> None:
    spoilt = {name: definition_of("foreach") for name in ("start", "type", "next", "number")}
    spoilt["start"]["StartAt"] = "nowhere"
    spoilt["type"]["States"]["start"]["Type"] = "Tusk"
    spoilt["next"]["States"]["start"].pop("Next")
    spoilt["number"]["States"]["*work"]["MaxConcurrency"] = "many"
    assert judge(spoilt).keys() == spoilt.keys()
