"""The report for programs says what the other forms say, and keeps to the schema that is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.report.document import schema_text
from flowinfra.report.risk import KINDS
from tests.unit.report.previews import update

DATA = Path(__file__).parent / "data"
SCHEMA = Path(__file__).parents[3] / "docs" / "report.schema.json"


def report(preview: Path, code: int = 0) -> Any:
    done = CliRunner().invoke(main, ["report", str(preview), "-f", "json"])
    assert done.exit_code == code, done.output
    return json.loads(done.output)


def test_the_published_schema_is_that_of_the_document(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        SCHEMA.write_text(schema_text())
    assert SCHEMA.read_text() == schema_text()
    assert CliRunner().invoke(main, ["schema", "report"]).output == schema_text()


@pytest.mark.parametrize("preview", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_documents_keep_to_the_schema(preview: Path) -> None:
    failed = preview.stem == "failed"
    found = report(preview, code=failed)
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(found)
    [stack] = found["stacks"]
    assert stack["failed"] is failed
    assert bool(stack["flows"]) is (preview.stem not in ("failed", "no-change"))
    kinds = {risk["kind"] for flow in stack["flows"] for risk in flow["risks"]}
    assert kinds <= set(KINDS)


def test_what_changes_is_told_in_the_flows_words(tmp_path: Path) -> None:
    file = tmp_path / "prod.json"
    file.write_text(json.dumps({"steps": [update({"queue": "x", "steps.a.memory": 1})]}))
    [stack] = report(file)["stacks"]
    [flow] = stack["flows"]
    assert flow["kind"] == "changed"
    assert [line for line in flow["changes"] if "memory" in line]
    assert [risk["kind"] for risk in flow["risks"]] == ["queue-changed"]


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [
        (["queue-changed"], 3),
        (["data-deleted"], 0),
        (["data-deleted", "queue-changed"], 3),
        (["data-deleted", "risk"], 3),
        (["data-deleted", "change"], 3),
    ],
)
def test_a_project_names_the_risks_that_fail(tmp_path: Path, fail_on: list[str], code: int) -> None:
    file = tmp_path / "prod.json"
    file.write_text(json.dumps({"steps": [update({"queue": "x"})]}))
    options = [word for kind in fail_on for word in ("--fail-on", kind)]
    assert CliRunner().invoke(main, ["report", str(file), *options]).exit_code == code


def test_a_kind_that_there_is_not_is_refused_with_all_that_there_are(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["report", str(tmp_path / "prod.json"), "--fail-on", "queue"])
    assert done.exit_code == 2
    assert "queue-changed" in done.output
