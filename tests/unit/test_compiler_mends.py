"""The mends, run for real where they are shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowinfra.targets import mends
from flowinfra.targets.step_functions.states import with_submitting

EXPORT = (
    "python -m metaflow.plugins.aws.step_functions.set_batch_environment parameters abcdefghij && . `pwd`/abcdefghij"
)
JOIN = (
    "python -m metaflow.plugins.aws.step_functions.set_batch_environment parent_tasks qrstuvwxyz && . `pwd`/qrstuvwxyz"
)


def arrive(defaults: dict[str, Any], given: dict[str, Any], folder: Path, **env: str) -> dict[str, str]:
    """Variables that a task sees, `METAFLOW_INIT_` left out: the mended command, run by bash as Batch runs it."""
    done = subprocess.run(
        ["bash", "-c", f"true && if true; then {mends.quote_parameters(EXPORT)} && env -0; fi"],
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": "/a/home",
            "METAFLOW_DEFAULT_PARAMETERS": json.dumps(defaults),
            "METAFLOW_PARAMETERS": json.dumps(given),
            **env,
        },
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    pairs = (entry.partition("=") for entry in done.stdout.decode().split("\0"))
    return {name.removeprefix("METAFLOW_INIT_"): value for name, _, value in pairs if name.startswith("METAFLOW_INIT_")}


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "",
        " ",
        "it's",
        '"quoted"',
        "$(id)",
        "`id`",
        "$HOME and ${HOME}",
        "a\nb\n",
        "tab\there",
        "back\\slash \\n \\\\",
        "!history * ? [a] {b,c} ~ # & ; | < > ( )",
        "grün 漢字 🙂",
        '{"depth": [1, 2], "text": "$HOME"}',
        "-n",
        "x=y",
        "%s %d %%",
    ],
)
def test_text_arrives_as_it_is(value: str, tmp_path: Path) -> None:
    assert arrive({}, {"x": value}, tmp_path) == {"X": value}
    assert arrive({"x": value}, {}, tmp_path, LC_ALL="C") == {"X": value}


@pytest.mark.parametrize("value", [0, 3, -1, 0.5, 1e-07, True, False, [1, "two"], {"a": {"b": None}}, None])
def test_other_values_arrive_as_json(value: Any, tmp_path: Path) -> None:
    assert arrive({"x": value}, {}, tmp_path) == {"X": json.dumps(value)}


def test_given_values_replace_defaults(tmp_path: Path) -> None:
    assert arrive({"a": 1, "with-dash": "x"}, {"a": "2", "c": "3"}, tmp_path) == {"A": "2", "WITH_DASH": "x", "C": "3"}


def test_no_parameters_at_all(tmp_path: Path) -> None:
    assert arrive({}, {}, tmp_path) == {}


@pytest.mark.parametrize("value", ["plain", "two words", "tab\there", "a&b", 7, 0.25, True])
def test_same_as_metaflow_where_metaflow_is_right(value: Any, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f'{EXPORT} && printf %s "$METAFLOW_INIT_X"'],
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "METAFLOW_PARAMETERS": json.dumps({"x": value}),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    expected = done.stdout.replace("\\t", "\t")  # one of Metaflow's own mistakes
    assert arrive({}, {"x": value}, tmp_path) == {"X": expected}


def test_a_name_that_is_no_variable_runs_nothing(tmp_path: Path) -> None:
    arrived = arrive({}, {"x;touch ran;y": "1", "$(touch ran)": "2", "fine": "3"}, tmp_path)
    assert arrived == {"FINE": "3"}
    assert not (tmp_path / "ran").exists()


def test_parent_tasks_have_a_fixed_file() -> None:
    mended = mends.mend_command(f"{JOIN} && python flow.py step join")
    assert mended == (
        "python -m metaflow.plugins.aws.step_functions.set_batch_environment parent_tasks parent_tasks.sh "
        "&& . `pwd`/parent_tasks.sh && python flow.py step join"
    )


@pytest.mark.parametrize("command", [EXPORT, JOIN])
def test_a_command_that_no_mend_fits_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="another way"):
        mends.mend_command(command.replace(" && . ", " && source "))


def test_mended_start_step_is_recognised() -> None:
    assert mends.quotes_parameters(mends.mend_command(f"true && {EXPORT}"))
    assert not mends.quotes_parameters(EXPORT)


def test_each_variable_stands_once_with_its_last_value() -> None:
    entries = [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}, {"Name": "A", "Value": "3"}]
    assert mends.plain_environment(entries, "3.11") == [{"Name": "A", "Value": "3"}, {"Name": "B", "Value": "2"}]


def test_metaflow_version_names_no_machine() -> None:
    found = {"python_version": "3.11.7 (main, …) [GCC]", "platform": "Linux", "python_version_code": "3.11.7", "x": 1}
    entry = {"Name": "METAFLOW_VERSION", "Value": json.dumps(found)}
    [mended] = mends.plain_environment([entry], "3.11")
    assert json.loads(mended["Value"]) == {"python_version": "3.11", "x": 1}


def test_other_states_stay_as_they_are() -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "Parameters": {"TableName": "t"}}
    definition = {"StartAt": "read", "States": {"read": state}}
    assert with_submitting(definition, lambda state: mends.mend_state(state, "3.11")) == definition
