"""A flow's text reaches its tasks through Airflow's templates: Jinja itself is the judge."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from jinja2.sandbox import SandboxedEnvironment

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets import shape_of
from flowinfra.targets.airflow.jinja import literal, literal_options
from tests import judge
from tests.unit.sources import STEPS, write_flow

# as airflow.models.dag.DAG.get_template_env makes it
ENVIRONMENT = SandboxedEnvironment(extensions=["jinja2.ext.do"], cache_size=0)
TEXTS = (
    "Dear {{ name }}",
    "{{ ds }}",
    "{{",
    "{% raw %}{{ x }}{% endraw %}",
    "{% endraw %}",
    "{# left out #}",
    "{{{ }}} {%- if -%}",
    '{{ "it\'s" }}\n',
    "back\\slash \\n {{ \\x7b }}",
    "a\n",
    "a\n\n",
    "a\r\nb",
    "ä € 😀 {{ x }}",
    "\x00\x7f {{",
    '{"a": {"b": {}}}',
    "plain",
    "",
    " {} ",
    "settings.yaml",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_arrives_as_it_is(text: str) -> None:
    assert ENVIRONMENT.from_string(literal(text)).render(name="X", ds="Y") == text


@pytest.mark.parametrize("text", ["plain", '{"a": {"b": {}}}', "a\nb", " {} ", ""])
def test_a_text_that_jinja_leaves_alone_stays_readable(text: str) -> None:
    assert literal(text) == text


def compiled(folder: Path, target: str, body: str = STEPS, **shape: Any) -> CompiledFlow:
    return compile_flow(CompileRequest(write_flow(folder, body=body), target, shape_of(target, shape)))


def operator(flow: CompiledFlow, step: str) -> dict[str, Any]:
    found: dict[str, Any] = flow.model_dump(mode="json")["airflow"]["dag"]["states"][step]["operator_args"]
    return found


def rendered(value: str) -> str:
    """A field of a task as Airflow renders it, each of Metaflow's own macros as one word."""
    environment = SandboxedEnvironment(extensions=["jinja2.ext.do"], cache_size=0)
    for name in ("run_id_creator", "task_id_creator", "join_list", "json_dump"):
        environment.filters[name] = lambda _value: "FILLED"

    class Task:
        job_id = map_index = try_number = 1

        def xcom_pull(self, **_: str) -> str:
            return "FILLED"

    return environment.from_string(value).render(
        ti=Task(), task_instance=Task(), dag_run={}, params={}, run_id="FILLED"
    )


def test_variables_of_code_stack_and_with_arrive(tmp_path: Path) -> None:
    variables = {f"V{index}": text for index, text in enumerate(TEXTS) if "\0" not in text}
    body = STEPS.replace("@step", f"@environment(vars={variables!r})\n    @step", 1)
    own = {"OWN": "{{ ds }} {% x"}
    flow = compiled(
        tmp_path,
        "airflow",
        body,
        decospecs=["environment:" + f"vars={json.dumps(own)}"],
        steps={"start": {"environment": {"STACK": "{{ ti }}"}}},
    )
    start = {entry["name"]: rendered(entry["value"]) for entry in operator(flow, "start")["env_vars"]}
    assert {name: start[name] for name in variables} == variables
    assert start["STACK"] == "{{ ti }}"
    assert start["METAFLOW_RUN_ID"] == "airflow-FILLED"
    end = operator(flow, "end")
    assert {entry["name"]: rendered(entry["value"]) for entry in end["env_vars"]}["OWN"] == own["OWN"]
    # the command names the decorator of `--with`, for the task
    words = shlex.split(rendered(end["cmds"][-1]).partition("python flow.py ")[2].partition(" --quiet")[0])
    assert f"environment:vars={json.dumps(own)}" in words


def test_metaflows_own_macros_stay_templates(tmp_path: Path) -> None:
    flow = compiled(tmp_path, "airflow")
    command = operator(flow, "end")["cmds"][-1]
    assert "--run-id airflow-FILLED --task-id airflow-FILLED --retry-count 0 " in rendered(command)
    assert "--input-paths airflow-FILLED/start/FILLED" in rendered(command)
    assert "{{" not in rendered(command)


def test_a_macro_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="templates that are not known"):
        literal_options("python flow.py step start --run-id {{ dag_run.run_id }}")


DOLLARS = ("US$$ 5", "$$$", "$(HOME) $(V1) $(", "$HOME ${HOME} $5", "{{ $$ }}", "$$(id)")
"""Texts that Kubernetes makes something else of, or nearly."""


def test_variables_and_parameters_arrive_through_kubernetes(tmp_path: Path) -> None:
    judge.prepared()
    variables = {f"V{index}": text for index, text in enumerate(DOLLARS)}
    parameters = "".join(f"    p{index} = Parameter('p{index}', default='')\n" for index in range(len(DOLLARS)))
    body = parameters + STEPS.replace("@step", f"@environment(vars={variables!r})\n    @step", 1)
    entries = operator(compiled(tmp_path, "airflow", body), "start")["env_vars"]
    environment = SandboxedEnvironment(extensions=["jinja2.ext.do"], cache_size=0)
    environment.filters["json_dump"] = json.dumps
    of_flow = [entry for entry in entries if entry["name"] in {*variables, "METAFLOW_PARAMETERS"}]
    given = [
        {"name": entry["name"], "value": environment.from_string(entry["value"]).render(params=variables)}
        for entry in of_flow
    ]
    found = judge.environment(given)
    assert json.loads(found.pop("METAFLOW_PARAMETERS")) == variables
    assert found == variables
