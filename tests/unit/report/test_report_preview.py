from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowinfra.engine.preview import SECRET, UNKNOWN, parse_preview, read_preview
from flowinfra.errors import PreviewError
from tests.unit.report import previews
from tests.unit.report.previews import flow_step, resource, stack

DATA = Path(__file__).parent / "data"


def nested(depth: int) -> bytes:
    """A preview with an input of so many levels."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    state = {"inputs": value}
    return json.dumps({"steps": [{"op": "create", "urn": "urn:pulumi:a::b::c::d", "newState": state}]}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{}", "failed before it began"),
        (b'{"steps": [{"op": "create", "urn"', "ends in the middle"),
        (b'{"steps": [{"op": "crea', "ends in the middle"),
        (b'{"steps": []}{"steps": []}', "has something after the preview"),
        (b"Previewing update (staging)\n", "is not JSON at line 1"),
        (b"\xff\x00\x01", "is not"),
        (b"[]", "holds a list"),
        (b"null", "holds null"),
        (b"7", "holds a number"),
        (b'{"format_version": "1.2", "resource_changes": []}', "a plan of Terraform"),
        (b'{"version": 3, "deployment": {}}', "pulumi stack export"),
        (b'{"sequence": 1, "timestamp": 2}', "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"),
        (b'{"hello": 1}', "its keys are hello"),
        (b'{"steps": {}}', "steps is an object"),
        (b'{"steps": "x"}', "steps is text"),
        (b'{"steps": [1]}', "steps[0]: is not a step"),
        (b'{"steps": [{"op": "create"}]}', "steps[0]: is not a step"),
        (b'{"steps": [{"op": "create", "urn": "x"}]}', "'x' is not a URN"),
        (b'{"steps": [{"op": "create", "urn": "urn:pulumi:a::b::c::d", "newState": 1}]}', "its state is a number"),
        (b"[" * 100_000, "nested too deep"),
        (nested(102), "steps[0]: its inputs are nested more than 100 deep"),
        (nested(900), "nested"),
        (b'{"steps": [], "duration": ' + b"9" * 5_000 + b"}", "holds a number of thousands of digits"),
        (b'{"\\u001b[31m::x": 1, "##[error]": 2}', r"its keys are \x1b[31m::x, \x23#[error]"),
        (b"##[error]no JSON", r"it begins with '\x23#[error]no JSON'"),
        (b'{"steps": [{"op": "create", "urn": "##[error]"}]}', r"'\x23#[error]' is not a URN"),
        (
            b'{"steps": [{"op": "a", "urn": "urn:pulumi:a::b::c::d"}, '
            b'{"op": "a", "urn": "urn:pulumi:\\u001b::b::c::d"}]}',
            r"(\x1b, a)",
        ),
    ],
)
def test_what_is_no_preview(content: bytes, message: str) -> None:
    with pytest.raises(PreviewError, match=r"^staging\.json: ") as error:
        parse_preview(content, "staging.json")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_truncated_anywhere() -> None:
    content = (DATA / "failed.json").read_bytes().rstrip()
    for end in range(1, len(content), 37):
        with pytest.raises(PreviewError):
            parse_preview(content[:end], "x")


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PreviewError, match="cannot be read"):
        read_preview(tmp_path / "no.json")
    with pytest.raises(PreviewError, match="cannot be read"):
        read_preview(tmp_path)


def test_encodings_of_windows_shells() -> None:
    text = json.dumps({"steps": [flow_step("create", None, previews.TRAIN)]})
    for encoding in ("utf-8-sig", "utf-16"):
        assert parse_preview(text.encode(encoding), "x").stack == "staging"


def test_two_stacks_in_one_file() -> None:
    steps = [resource("create", "a:b:C", name, None, {}, parent=None, stack=name) for name in ("one", "two")]
    with pytest.raises(PreviewError, match="several stacks \\(one, two\\)"):
        parse_preview(json.dumps({"steps": steps}).encode(), "x")


@pytest.mark.parametrize("entry", [{"op": "create", "urn": "urn:pulumi:s::p::a:b:C::n::with::colons"}])
def test_names_with_colons(entry: dict[str, Any]) -> None:
    preview = parse_preview(json.dumps({"steps": [entry]}).encode(), "x")
    assert preview.steps[0].urn.name == "n::with::colons"
    assert (preview.stack, preview.project) == ("s", "p")


def test_stack_of_a_preview_without_steps_is_named_by_its_file() -> None:
    document = {"diagnostics": [{"severity": "error", "message": "no"}]}
    assert parse_preview(json.dumps(document).encode(), "out/prod.json").stack == "prod"


def test_secrets_and_unknown_values_are_replaced_everywhere() -> None:
    inputs = {"a": [previews.SECRET, {"b": previews.UNKNOWN}], "c": previews.SECRET}
    document = {"steps": [resource("create", "a:b:C", "n", None, inputs)]}
    (step,) = parse_preview(json.dumps(document).encode(), "x").steps
    assert step.state.inputs == {"a": [SECRET, {"b": UNKNOWN}], "c": SECRET}


def test_unknown_resource_types_are_listed_as_they_are() -> None:
    found = stack(resource("create", "acme:index:Widget", "w", None, {}, parent=None))
    assert [(change.noun, change.type, change.name) for change in found.resources] == [("", "acme:index:Widget", "w")]


def test_unknown_operations_are_no_change() -> None:
    found = stack(resource("teleport", "acme:index:Widget", "w", {}, {}, parent=None))
    assert not found.changes


def test_diagnostics_of_a_failed_preview() -> None:
    diagnostics = [
        {"severity": "error", "message": "error: it broke\n"},
        {"severity": "error", "message": "error: it broke\n"},
        {"severity": "warning", "message": "warning: using pulumi-resource-aws from $PATH at /home/x"},
        {"severity": "info", "message": "hello"},
        {"severity": "info#err", "message": "noise"},
        "rubbish",
    ]
    found = stack(diagnostics=diagnostics)
    assert found.failed
    assert [(each.severity, each.message) for each in found.diagnostics] == [("error", "it broke")]
