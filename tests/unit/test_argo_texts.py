"""Texts with `{{`, which is a template to Argo, arrive as they are, or the preview refuses them.

Argo's own code fills the templates in here, and Kubernetes' own makes the variables of a process (tests/judge.py).
"""

from __future__ import annotations

import ast
import base64
import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow.runner.deployer import generate_fake_flow_file_contents

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.shape import Shape
from flowinfra.targets import shape_of
from tests.judge import environment, filled, prepared, problems
from tests.unit.argo_bound import bound_objects
from tests.unit.sources import STEPS, gang, write_flow

TEXTS = (
    "{{x}}",
    "{{ workflow.name }} and {{workflow.name}}",
    "{{workflow.nothing}}",
    "{{inputs.parameters.nothing}}",
    "{{=1+1}}",
    "{{=workflow.name",
    "{{",
    "}}",
    "{{{x}}}",
    "{{{{{",
    "${{ secrets.x }}",
    "$({{x}}) $(TEXT) $( {{x}} $({{x}}",
    '{% for x in xs %}{{ x["a"] }}{% endfor %}',
    "a\n{{x}}\tß \\{{",
    "US$$ 5",
    "$",
    "$$",
    "$$$$(",
    "$(HOME) $(METAFLOW_USER) ${HOME} $x",
    "$({{x}})$$",
)
VARIABLES = {f"TEXT_{index}": text for index, text in enumerate(TEXTS)}
PARAMETERS = "".join(f"    p{index} = Parameter('p{index}', default={text!r})\n" for index, text in enumerate(TEXTS))


def compiled(folder: Path, parts: dict[str, str], **shape: object) -> CompiledFlow:
    flow = write_flow(folder, **parts)
    request = CompileRequest(flow, "argo", shape_of("argo", shape), folder="flow")
    return compile_flow(request, warn=lambda _: None)


def deployed(folder: Path, parts: dict[str, str], **shape: object) -> list[dict[str, Any]]:
    """The objects of a flow in which Argo finds nothing wrong."""
    objects = bound_objects(compiled(folder, parts, **shape))
    for version in prepared():
        assert problems(version, {"flow": objects}) == {}
    return objects


def variables(
    version: str, template: dict[str, Any], name: str = "start", same: Iterable[str] = ("TEXT_0",)
) -> dict[str, str]:
    """The environment of a step's process."""
    found = filled(version, template, name)
    if "container" in found:
        return environment(found["container"]["env"])
    job_set = yaml.safe_load(found["resource"]["manifest"])
    [first, *others] = [
        environment(container["env"])
        for job in job_set["spec"]["replicatedJobs"]
        for container in job["template"]["spec"]["template"]["spec"]["containers"]
    ]
    assert all(other[key] == first[key] for other in others for key in same)
    return first


def at_start(decorator: str) -> str:
    return STEPS.replace("@step", f"{decorator}\n    @step", 1)


def test_variables_of_a_step(tmp_path: Path) -> None:
    [template] = deployed(tmp_path, {"body": at_start(f"@environment(vars={VARIABLES!r})")})
    for version in prepared():
        found = variables(version, template)
        assert {name: found[name] for name in VARIABLES} == VARIABLES
        assert found["METAFLOW_RETRY_COUNT"] == "0"
        assert found["ARGO_WORKFLOW_NAME"] == "run"


def test_variables_that_a_stack_gives(tmp_path: Path) -> None:
    body = at_start("@environment(vars={'TEXT_0': 'other'})")
    [template] = deployed(tmp_path, {"body": body}, steps={"start": {"environment": VARIABLES}})
    for version in prepared():
        found = variables(version, template)
        assert {name: found[name] for name in VARIABLES} == VARIABLES


def test_variables_of_a_job_set(tmp_path: Path) -> None:
    body = gang(train=f"@environment(vars={VARIABLES!r})")
    title = "A {{title}}"
    [template] = deployed(tmp_path, {"body": body}, workflow_title=title)
    for version in prepared():
        found = variables(version, template, "train")
        assert {name: found[name] for name in VARIABLES} == VARIABLES
    assert title not in template["spec"]["templates"][-1].get("resource", {}).get("manifest", "")


def test_variables_of_a_decorator_of_the_command_line(tmp_path: Path) -> None:
    texts = {name: text for name, text in VARIABLES.items() if "{{x}}" in text and "\n" not in text}
    spec = f"environment:vars={json.dumps(texts)}"
    [template] = deployed(tmp_path, {}, decospecs=[spec])
    for version in prepared():
        found = variables(version, template)
        assert {name: found[name] for name in texts} == texts
        container = filled(version, template, "start")["container"]
        # Kubernetes puts variables into commands, too
        command = environment([*container["env"], {"name": "COMMAND", "value": container["command"][-1]}])["COMMAND"]
        words = re.findall(r"--with[ =]('(?:[^']|'')*'(?=[ ;)]))", command)
        read = {
            subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, text=True).stdout for word in words
        }
        assert any(json.loads(word.partition("=")[2]) == texts for word in read if word.startswith("environment:"))


def values(version: str, template: dict[str, Any]) -> dict[str, Any]:
    """The parameters that the first task of a run exports."""
    command = filled(version, template, "start")["container"]["command"][-1]
    found = re.findall(r" (\w+),[tf],([A-Za-z0-9+/=]*)", command)
    return {name: json.loads(base64.b64decode(text)) for name, text in found}


def test_defaults_of_parameters(tmp_path: Path) -> None:
    late = "    late = Parameter('late', default=lambda _: '')\n"
    data = "    data = Parameter('data', type=JSONType, default='{}')\n"
    body = PARAMETERS + late + data + STEPS
    given = {"data": {"{{a}}": {"b": {"c": "{{workflow.nothing}}"}}}}
    flow = compiled(tmp_path, {"body": body, "decorators": "@trigger(event='ready')"}, parameters=given, events=True)
    objects = bound_objects(flow, {"late": "{{workflow.late}}"})
    for version in prepared():
        assert problems(version, {"flow": objects}) == {}
        found = values(version, objects[0])
        assert [found[f"p{index}"] for index in range(len(TEXTS))] == list(TEXTS)
        assert found["late"] == "{{workflow.late}}"
        assert json.loads(found["data"]) == given["data"]
    described = json.loads(objects[0]["metadata"]["annotations"]["metaflow/parameters"])
    assert [json.loads(described[f"p{index}"]["value"]) for index in range(len(TEXTS))] == list(TEXTS)


def test_words_about_a_flow(tmp_path: Path) -> None:
    body = f"    p = Parameter('p', default='a', help='of {{{{workflow.nothing}}}}')\n{STEPS}"
    words = "Reads {{workflow.nothing}}, writes {{="
    [template] = deployed(tmp_path, {"body": f"    '''{words}'''\n{body}"}, workflow_title="{{workflow.nothing}}")
    told = template["metadata"]["annotations"]
    assert told["workflows.argoproj.io/title"] == "{{workflow.nothing}}"
    assert told["workflows.argoproj.io/description"] == words
    for version in prepared():
        assert filled(version, template, "start")["metadata"]["annotations"]["metaflow/run_id"] == "argo-run"


DESCRIPTIONS = (
    "either 'a' or 'b'",
    "'quoted'",
    "\"\"\"three\"\"\" and '''three'''",
    "C:\\dir\\new \\N{x} \\",
    "of {{workflow.nothing}} it's",
    "two\nlines\r\nß",
    "a\0b",
    "",
)


def test_descriptions_of_parameters_reach_metaflows_deployed_flow(tmp_path: Path) -> None:
    texts = "".join(f"    p{n} = Parameter('p{n}', default='', help={text!r})\n" for n, text in enumerate(DESCRIPTIONS))
    more = """
    q = Parameter('q', type=JSONType, help="it's")
    r = IncludeFile('r', help="it's")
    s = Parameter('s')
"""
    [template] = deployed(tmp_path, {"body": texts + more + STEPS})
    described = json.loads(template["metadata"]["annotations"]["metaflow/parameters"])
    written = ast.parse(generate_fake_flow_file_contents("SmallFlow", described))
    found = {
        call.args[0].value: keyword.value.value
        for call in ast.walk(written)
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
        for keyword in call.keywords
        if keyword.arg == "help" and isinstance(keyword.value, ast.Constant)
    }
    given = {f"p{n}": text for n, text in enumerate(DESCRIPTIONS)}
    assert found == {**given, "q": "it's", "r": "it's", "s": "None"}  # Metaflow's word for no description


def test_configs(tmp_path: Path) -> None:
    body = "    settings = Config('settings', default_value='{}')\n" + STEPS
    given = {f"k{index}": {"text": text} for index, text in enumerate(TEXTS)}
    [template] = deployed(tmp_path, {"body": body}, configs={"settings": given})
    assert "{{x}}" not in json.dumps(template)  # the code package has them


KUBERNETES = {
    "annotations": {"note": "{{a}}", "{{b}}": "c"},
    "image": "example.com/{{c}}",
    "node_selector": {"pool": "{{d}}"},
    "secrets": ["e", "{{f}}"],
    "service_account": "{{g}}",
    "tolerations": [{"key": "{{h}}"}],
    "persistent_volume_claims": {"claim": "/{{i}}"},
    "tmpfs_path": "/{{j}}",
}


@pytest.mark.parametrize("by_stack", [False, True])
@pytest.mark.parametrize("key", KUBERNETES)
def test_what_kubernetes_is_told_cannot_hold_it(key: str, by_stack: bool, tmp_path: Path) -> None:
    value = KUBERNETES[key]
    parts = {} if by_stack else {"body": at_start(f"@kubernetes({key}={value!r})")}
    with pytest.raises(FlowInfraError) as raised:
        compiled(tmp_path, parts, **({"steps": {"start": {key: value}}} if by_stack else {}))
    said = str(raised.value)
    assert "step start: @kubernetes: " in said or (by_stack and "steps.start." in said)
    assert key in said
    assert "{{" in said


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"image": "{{x}}"}, "image: found '{{x}}'"),
        (
            {
                "notify_on_error": True,
                "notify_incident_io": "a/b",
                "incident_io_source": "1",
                "incident_io_metadata": {"team": "{{x}}"},
            },
            "incident_io_metadata.team: found 'team={{x}}'",
        ),
        ({"tags": ["{{x}}"]}, "tags: '{{x}}' would not reach the task"),
    ],
)
def test_options_that_cannot_hold_it(shape: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(FlowInfraError, match=re.escape(words)):
        compiled(tmp_path, {}, **shape)


def test_an_exit_hooks_options_cannot_hold_it(tmp_path: Path) -> None:
    decorator = "@exit_hook(on_success=[ended], options={'image': '{{x}}'})"
    with pytest.raises(FlowInfraError, match=re.escape("flow SmallFlow: @exit_hook: options['image']: found '{{x}}'")):
        compiled(tmp_path, {"head": "def ended(run): pass", "decorators": decorator})


@pytest.mark.parametrize("name", ["{{x}}", "{{", "{{{{}}"])
def test_a_files_name_cannot_hold_it(name: str, tmp_path: Path) -> None:
    flow = write_flow(tmp_path).rename(tmp_path / f"{name}.py")
    with pytest.raises(FlowInfraError, match=r"its tasks start `python .*`, of which a shell makes something else"):
        compile_flow(CompileRequest(flow, "argo", Shape(), folder="flow"), warn=lambda _: None)


PAYLOADS = (
    "null",
    '{"note": "it\'s \\"quoted\\"", "price": "US$$ 5 $(METAFLOW_USER)"}',
    "it's\nfree: [text] # & * ! | > %",
    "{'a': 1}",
    "grün 漢字 🙂 <b>&</b> \\n \t",
    "",
    " 1e5",
    "yes",
)
GANG = "    alpha = Parameter('alpha', default='x')\n" + gang()


def test_payloads_of_events_reach_every_step(tmp_path: Path) -> None:
    decorator = "@trigger(events=['ready', {'name': 'late.one', 'parameters': {'alpha': 'beta'}}])"
    template, *_ = deployed(tmp_path, {"body": GANG, "decorators": decorator}, events=True)
    arguments = template["spec"]["arguments"]["parameters"]
    events = [entry for entry in arguments if entry["name"] != "alpha"]
    assert len(events) == 2
    for version in prepared():
        for text in PAYLOADS:
            for entry in events:
                entry["value"] = text
            for step in ("start", "train"):
                found = variables(version, template, step, {"METAFLOW_STEP_NAME"})
                told = {name: value for name, value in found.items() if name.startswith("METAFLOW_ARGO_EVENT_PAYLOAD_")}
                assert list(told.values()) == [text, text], (version, step)


def test_notifications_keep_their_words(tmp_path: Path) -> None:
    shape = {
        "notify_on_error": True,
        "notify_incident_io": "a/b",
        "incident_io_source": "1",
        "incident_io_metadata": {"price": "US$$ 5 $(FLOWINFRA_MARK)"},
    }
    [template] = deployed(tmp_path, {}, **shape)
    for version in prepared():
        found = variables(version, template, "notify-incident-io-on-error")
        assert json.loads(found["FLOWINFRA_BODY"])["metadata"]["price"] == "US$$ 5 $(FLOWINFRA_MARK)"
