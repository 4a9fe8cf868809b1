from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowinfra.cli import main
from tests.unit.report.previews import TRAIN, changed, flow_step, update

DATA = Path(__file__).parent / "data"
ENDINGS = {"text": "txt", "markdown": "md"}


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)], input=stdin)


def preview(folder: Path, *steps: dict[str, Any], name: str = "staging.json", **more: Any) -> Path:
    file = folder / name
    file.write_text(json.dumps({"steps": list(steps), **more}))
    return file


@pytest.mark.parametrize(
    ("changes", "fail_on", "code"),
    [
        ({"queue": "x"}, None, 0),
        ({"queue": "x"}, "risk", 3),
        ({"queue": "x"}, "change", 3),
        ({"steps.a.memory": 1}, None, 0),
        ({"steps.a.memory": 1}, "risk", 0),
        ({"steps.a.memory": 1}, "change", 4),
        (None, "risk", 0),
        (None, "change", 0),
    ],
)
def test_exit_codes(tmp_path: Path, changes: dict[str, Any] | None, fail_on: str | None, code: int) -> None:
    step = flow_step("same", TRAIN, TRAIN) if changes is None else update(changes)
    options = ["--fail-on", fail_on] if fail_on else []
    assert run(preview(tmp_path, step), *options).exit_code == code


def test_a_failed_preview_is_reported_and_fails(tmp_path: Path) -> None:
    failed = preview(tmp_path, update({"queue": "x"}), diagnostics=[{"severity": "error", "message": "error: no"}])
    out = tmp_path / "comment.md"
    assert run(failed, "-f", "markdown", "-o", out).exit_code == 1
    assert "# The preview failed" in out.read_text()


@pytest.mark.parametrize("content", ["", "{}", '{"steps": [', "Previewing update", '{"resource_changes": []}'])
def test_bad_input_is_one_message(tmp_path: Path, content: str) -> None:
    file = tmp_path / "p.json"
    file.write_text(content)
    result = run(file)
    assert result.exit_code == 1
    assert result.output.startswith(f"error: {file}: ")
    assert "Traceback" not in result.output


def test_wrong_use(tmp_path: Path) -> None:
    assert run().exit_code == 2
    assert run("x.json", "-f", "pdf").exit_code == 2
    assert run("x.json", "--base", "main", "--base-dir", "x").exit_code == 2
    assert run(tmp_path / "no.json").exit_code == 1


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    result = run(preview(tmp_path, update({})), "-o", tmp_path / "no" / "x.html")
    assert result.exit_code == 1
    assert "cannot be written" in result.output


def test_stdin() -> None:
    result = run("-", "-f", "markdown", stdin=json.dumps({"steps": [update({"queue": "x"})]}))
    assert result.exit_code == 0
    assert "# 1 flow changes in `staging`" in result.output


def test_several_stacks(tmp_path: Path) -> None:
    files = []
    for stack in ("staging", "prod"):
        text = json.dumps(update({"queue": "x"})).replace(":staging::", f":{stack}::")
        files.append(preview(tmp_path, json.loads(text), name=f"{stack}.json"))
    result = run(*files, "-f", "markdown")
    assert "# 2 flows change in `staging`, `prod`, 2 risks" in result.output
    assert "## `prod`" in result.output


def test_source_diffs(tmp_path: Path) -> None:
    scenario = Path(__file__).parents[2] / "engine" / "report"
    result = run(DATA / "changes.json", "--base-dir", scenario / "before", "--source", scenario / "after")
    assert '-REGIONS = ["eu", "us"]' in result.output
    assert "-@schedule(daily=True)" in result.output
    without = run(DATA / "changes.json")
    assert "REGIONS" not in without.output
    assert "file shared.py changed (" in without.output


def test_a_pipe_of_another_encoding_gets_utf8(tmp_path: Path) -> None:
    file = preview(tmp_path, flow_step("update", TRAIN, changed(TRAIN, {"queue": "漢字"})))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "flowinfra"), "report", str(file)],
        env={"PYTHONIOENCODING": "cp1252", "PATH": "", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "job queue: jobs → 漢字" in done.stdout.decode("utf-8")


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize("name", ["create", "no-change", "changes", "failed", "destroy"])
def test_golden(name: str, form: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Previews of the real engine (recorded by tests/engine/test_report.py), in each format."""
    scenario = Path(__file__).parents[2] / "engine" / "report"
    out = tmp_path / "out"
    run(DATA / f"{name}.json", "--base-dir", scenario / "before", "--source", scenario / "after", "-f", form, "-o", out)
    golden = Path(__file__).parent / "golden" / f"{name}.{ENDINGS[form]}"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(out.read_bytes())
    assert out.read_text() == golden.read_text()
