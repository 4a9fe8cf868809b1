"""Every change that is made to what `argo-workflows create` would have sent. Closed list; see docs/mends.md.

Each mend is a pure function on recorded data. Nothing else in the compiler alters what was recorded, other than putting
it into canonical form (sorted JSON, code package packed reproducibly).
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from flowinfra.model.base import Json
from flowinfra.model.shape import Shape
from flowinfra.targets.argo.added import first_step, reaching_datastore, scheduled_as, without_agent
from flowinfra.targets.argo.job_set import dumped_job_set, loaded_job_set
from flowinfra.targets.argo.names import name_claims, name_parts
from flowinfra.targets.argo.request import SECRETS
from flowinfra.targets.argo.texts import keep_in_arguments, keep_in_container, keep_in_metadata
from flowinfra.targets.mends import plain_version

TIMESTAMP = "metaflow/deployment_timestamp"
PARAMETERS = "metaflow/parameters"
"""Annotation that describes the parameters of a flow."""
_IN_LITERAL = {"\\": r"\\", "'": r"\'", "\r": r"\r", "\0": r"\x00"}
_NO_LITERAL = r"[\\'\r\0]"

_SET_PARAMETERS = re.compile(
    r"python -m metaflow\.plugins\.argo\.set_parameters (?P<file>[a-z]{10}) .*? && \. `pwd`/(?P=file)"
)
_NAME = r"[\w-]+"
_AS_OPTION = (
    rf" --{_NAME}=(?:\{{\{{workflow\.parameters\.{_NAME}\}}\}}"
    rf'|"\$\(python -m metaflow\.plugins\.argo\.param_val '
    rf"\{{\{{=toBase64\(workflow\.parameters\['{_NAME}'\]\)\}}\}}\)\")"
)
_INIT = re.compile(rf"; then (?P<init>[^;]* init --run-id \S+ --task-id \S+)(?:{_AS_OPTION})+")
"""How Metaflow before 2.19 hands parameters to its `init`: as options."""

_NOT_RUN = "not-run"
"""Stands for the task's id of a step that a run left out. No name of a step has a dash."""
_TASK_ID = re.compile(r"\{\{tasks\.([\w-]+)\.outputs\.parameters\.task-id\}\}")
_LAST_ROUND = re.compile(
    r"\((?P<again>steps\['[\w-]+-recursion'\])\?\.outputs \?\? (?P<first>steps\['[\w-]+-internal'\])\?\.outputs\)"
    r"\.parameters\['(?P<output>[\w-]+)'\]"
)
"""How Metaflow takes an output of a step that repeats itself from its last round."""
_CONDITIONAL = "python -m metaflow.plugins.argo.conditional_input_paths "
_CONDITIONAL_PATHS = f"{_CONDITIONAL}$(echo $INPUT_PATHS)"

# No single quote, backslash, $ or {{ may stand in these: each is one word of the task's shell, and Argo has its own
# braces.
_LEFT_OUT = f"""python -c '
import base64, sys
paths = sys.argv[1]
try:
    paths = base64.b64decode(paths, validate=True).decode()
except ValueError:
    pass
print(base64.b64encode(paths.replace("/{_NOT_RUN}", "/" + 2 * chr(123)).encode()).decode())
' $INPUT_PATHS"""

_EXPORT = """python -c '
import base64, json, shlex, sys
def plain(text):
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text
with open("parameters.sh", "w", encoding="utf-8") as file:
    for entry in sys.argv[1:]:
        name, optional, value = entry.split(",")
        text = base64.b64decode(value).decode()
        if optional == "f" or text != "null":
            print("export METAFLOW_INIT_%s=%s" % (name.upper().replace("-", "_"), shlex.quote(plain(text))), file=file)
' """


def export_parameters(parameters: Iterable[Mapping[str, Json]]) -> str:
    """The shell command that exports a workflow's parameters; one whose default is null is left out if it stays so."""
    words = [
        f"{entry['name']},{'t' if entry.get('value', 'null') == 'null' else 'f'},"
        f"{{{{=toBase64(workflow.parameters['{entry['name']}'])}}}}"
        for entry in parameters
    ]
    return f"{_EXPORT}{' '.join(words)} && . `pwd`/parameters.sh"


def quote_parameters(command: str, parameters: Iterable[Mapping[str, Json]]) -> str:
    r"""Parameters reach the task as they were given.

    Metaflow writes `export NAME=<json>` to a file that the shell sources (before 2.19 it put them on a command line):
    `$(id)`, `$HOME` and backticks in a value are executed, and non-ASCII characters arrive as `\uXXXX`. The same export
    is written here with shell quoting, to a file of a fixed name.
    """
    export = export_parameters(parameters)
    command = _SET_PARAMETERS.sub(lambda _: export, command)
    return _INIT.sub(lambda found: f"; then {export} && {found['init']}", command)


def exports_parameters(command: str) -> bool:
    """True for the command of a start step whose parameters arrive quoted."""
    return _EXPORT in command


def mend_template(
    workflow_template: Mapping[str, Json], shape: Shape, python: str, given: Container[str] = ()
) -> dict[str, Json]:
    """All mends of a WorkflowTemplate; `given` are the variables that the flow gives its tasks.

    Raises ValueError where Metaflow writes something in a way that the mends do not fit.
    """
    template = without_nulls(without_timestamp(workflow_template))
    spec = template["spec"]
    # Metaflow takes events, which it sets itself, for no parameters of the flow
    described = template["metadata"]["annotations"].get(PARAMETERS, "{}")
    arguments = keep_in_arguments(unquoted_arguments(spec["arguments"]))
    own = [entry for entry in arguments["parameters"] if entry["name"] in json.loads(described)]
    templates = []
    for entry in spec["templates"]:
        mended = dict(entry)
        if "container" in mended:
            mended["container"] = _mend_container(mended["container"], own, python, given)
            name_claims(mended.get("volumes", ()), [mended["container"]])
        if "resource" in mended:
            mended = mend_job_set(mended, own, python, given)
        if "http" in mended:
            mended = without_agent(mended, shape)
        templates.append(mended)
    kept = {key: keep_in_metadata(spec[key]) for key in ("podMetadata", "workflowMetadata") if key in spec}
    mended_spec = {**spec, **kept, "arguments": arguments, "templates": templates}
    name_parts(mended_spec)
    first = first_step(mended_spec)
    templates = [reaching_datastore(scheduled_as(entry, first), first) for entry in mended_spec["templates"]]
    give_ids_of_steps_left_out(templates)
    take_outputs_of_last_round(templates)
    name_tolerations(templates)
    name_job_sets(templates)
    mended_spec["templates"] = templates
    left = [secret for secret in SECRETS.values() if secret in json.dumps(templates)]
    if left:
        raise ValueError("it writes a notification's secret in another way")
    annotations = {**template["metadata"]["annotations"]}
    if PARAMETERS in annotations:
        annotations[PARAMETERS] = with_literal_descriptions(annotations[PARAMETERS])
    return {**template, "metadata": {**template["metadata"], "annotations": annotations}, "spec": mended_spec}


def with_literal_descriptions(described: str) -> str:
    """The annotation in which Metaflow describes a flow's parameters, so that its `DeployedFlow` can read it.

    That writes a flow's file with each description unchanged between three single quotes
    (`generate_fake_flow_file_contents`): there a quote, a backslash or a NUL is written as Python has it in a literal.
    """
    parameters = json.loads(described)
    if not any(re.search(_NO_LITERAL, entry.get("description") or "") for entry in parameters.values()):
        return described
    for entry in parameters.values():
        if entry["description"] is not None:
            entry["description"] = re.sub(_NO_LITERAL, lambda found: _IN_LITERAL[found[0]], entry["description"])
    return json.dumps(parameters)


def give_ids_of_steps_left_out(templates: list[dict[str, Json]]) -> None:
    """A step where the branches of a switch meet starts, though a run has left out some of the steps before it.

    Metaflow hands it the paths of all of them, and drops those in which Argo has not filled in the task's id. Argo
    since 3.7.16 and 4.0.7 ends such a run, and some versions before wait for ever: an output of a step that was left
    out needs a default. Each gets one here, of which the step makes what Metaflow drops.
    """
    by_name = {template["name"]: template for template in templates}
    meeting = {name for name, template in by_name.items() if _CONDITIONAL in _last_word(template)}
    for name in meeting:
        command = by_name[name]["container"]["command"]
        if _CONDITIONAL_PATHS not in command[-1]:
            raise ValueError("its steps where the branches of a switch meet take their input in another way")
        command[-1] = command[-1].replace(_CONDITIONAL_PATHS, f"{_CONDITIONAL}$({_LEFT_OUT})")
    for tasks in (template["dag"]["tasks"] for template in templates if "dag" in template):
        made_by = {task["name"]: task["template"] for task in tasks}
        for task in tasks:
            # a step that repeats itself has a template of its own around the one with the container
            calls = [call["template"] for group in by_name[task["template"]].get("steps", ()) for call in group]
            if meeting.isdisjoint((task["template"], *calls)):
                continue
            for before in _TASK_ID.findall(json.dumps(task["arguments"])):
                for entry in by_name[made_by[before]]["outputs"]["parameters"]:
                    if entry["name"] == "task-id":
                        entry["valueFrom"] = {**entry["valueFrom"], "default": _NOT_RUN}


def take_outputs_of_last_round(templates: list[dict[str, Json]]) -> None:
    """A step that repeats itself gives the outputs of its last round.

    Metaflow takes those of the next round unless that has none. In Argo since 3.7.16 and 4.0.7 a round that was left
    out has outputs, without values, and the run ends: which round counts follows from whether the next one ran.
    """
    for template in templates:
        for entry in template.get("outputs", {}).get("parameters", ()) if "steps" in template else ():
            found = _LAST_ROUND.fullmatch(entry["valueFrom"]["expression"])
            if found is None:
                raise ValueError("its steps that repeat themselves give their outputs in another way")
            again, first, output = found["again"], found["first"], found["output"]
            chosen = f"({again}?.status == 'Succeeded' ? {again} : {first})"
            entry["valueFrom"] = {**entry["valueFrom"], "expression": f"{chosen}.outputs.parameters['{output}']"}


def name_job_sets(templates: list[dict[str, Json]]) -> None:
    """A step with @parallel has a JobSet of another name for each attempt, where there are several.

    Metaflow before 2.19 goes by whether the step has @retry, `times=0` included, and refers to `{{retries}}`, which
    Argo knows of a template with a `retryStrategy` alone: it refuses the workflow. Newer versions go by the number of
    attempts, as is done here for all.
    """
    by_name = {template["name"]: template for template in templates}
    for task in (task for template in templates if "dag" in template for task in template["dag"]["tasks"]):
        template = by_name[task["template"]]
        if "resource" not in template:
            continue
        retried = "retryStrategy" in template
        count = [{"name": "retryCount", "value": "{{retries}}"}] if retried else []
        name = "js-{{inputs.parameters.task-id-entropy}}" + ("{{retries}}" if retried else "")
        for holder, entries in (
            (task["arguments"], [*count, {"name": "jobset-name", "value": name}]),
            (template["inputs"], [{"name": entry["name"]} for entry in count]),
        ):
            replaced = {"retryCount", *(entry["name"] for entry in entries)}
            kept = [entry for entry in holder["parameters"] if entry["name"] not in replaced]
            holder["parameters"] = [*kept, *entries]


def _last_word(template: Mapping[str, Json]) -> str:
    """What the shell of a template's container runs."""
    return str(template["container"]["command"][-1]) if "container" in template else ""


def unquoted_arguments(arguments: Mapping[str, Json]) -> dict[str, Json]:
    """A workflow's arguments as JSON text: Metaflow before 2.18 quotes those of JSON parameters for a shell."""
    return {
        **arguments,
        "parameters": [
            {**entry, "value": entry["value"][1:-1]} if entry.get("value", "").startswith("'") else entry
            for entry in arguments["parameters"]
        ],
    }


def without_timestamp(value: Json) -> Json:
    """Without the time of the deployment, which nothing reads."""
    if isinstance(value, Mapping):
        return {key: without_timestamp(item) for key, item in value.items() if key != TIMESTAMP}
    return [without_timestamp(item) for item in value] if isinstance(value, list) else value


def without_nulls(value: Json, names: bool = False) -> Json:
    """Without keys that have no value: Kubernetes takes both for the same, and an object's size is limited.

    `names`: of labels or annotations, where a name without a value is one with an empty value.
    """
    if isinstance(value, Mapping):
        return {
            key: "" if item is None else without_nulls(item, key in ("annotations", "labels"))
            for key, item in value.items()
            if names or item is not None
        }
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def name_tolerations(templates: list[dict[str, Json]]) -> None:
    """Tolerations get the names of the API: Metaflow takes those of Python, and writes them into the template."""
    renamed = {"toleration_seconds": "tolerationSeconds"}
    for template in templates:
        for toleration in template.get("tolerations", ()):
            for name in renamed.keys() & toleration.keys():
                toleration[renamed[name]] = toleration.pop(name)


def camel_cased(container: Mapping[str, Json]) -> dict[str, Json]:
    """A container by the names of the API: Metaflow writes the heartbeat daemon's with those of Python."""
    found = dict(container)
    if "env_from" in found:
        found["envFrom"] = [{"secretRef": entry["secret_ref"]} for entry in found.pop("env_from")]
    return found


def _mend_container(
    container: Mapping[str, Json], parameters: list[Any], python: str, given: Container[str]
) -> dict[str, Json]:
    mended = keep_in_container(camel_cased(container), given)
    mended["command"] = [_mend_command(word, parameters) for word in mended["command"]]
    mended["env"] = [
        {**entry, "value": plain_version(entry["value"], python)} if entry["name"] == "METAFLOW_VERSION" else entry
        for entry in mended["env"]
    ]
    return mended


def _mend_command(command: str, parameters: list[Any]) -> str:
    mended = quote_parameters(command, parameters)
    if "workflow.parameters" in mended.replace(export_parameters(parameters), ""):
        raise ValueError("its tasks take their parameters in another way")
    return mended


def mend_job_set(
    template: Mapping[str, Json], parameters: list[Any], python: str, given: Container[str] = ()
) -> dict[str, Json]:
    """All mends of a template that makes a JobSet.

    The JobSet is text; texts stand in quotes, so that a value that is bound stays a text, and an event's payload is
    written as JSON, whatever it holds. A pod of Argo's makes it, which Metaflow leaves to the namespace's default
    service account: here it has that of the JobSet's own pods.
    """
    job_set = without_nulls(without_timestamp(loaded_job_set(template["resource"]["manifest"])))
    pods = [job["template"]["spec"]["template"]["spec"] for job in job_set["spec"]["replicatedJobs"]]
    job_set["metadata"] = keep_in_metadata(job_set["metadata"])
    for job in job_set["spec"]["replicatedJobs"]:
        pod = job["template"]["spec"]["template"]
        pod["metadata"] = keep_in_metadata(pod["metadata"])
        pod["spec"]["containers"] = [
            _mend_container(entry, parameters, python, given) for entry in pod["spec"]["containers"]
        ]
        name_claims(pod["spec"].get("volumes", ()), pod["spec"]["containers"])
    return {
        **template,
        "serviceAccountName": pods[0]["serviceAccountName"],
        "resource": {**template["resource"], "manifest": dumped_job_set(job_set)},
    }


def with_schedules(cron_workflow: Mapping[str, Json]) -> dict[str, Json]:
    """A CronWorkflow with a list of schedules, which Argo has since 3.6; since 4.0 it knows no single one any more."""
    spec = dict(cron_workflow["spec"])
    if "schedule" in spec:
        spec["schedules"] = [spec.pop("schedule")]
    return {**cron_workflow, "spec": spec}


def mend_sensor(sensor: Mapping[str, Json], workflow_template: Mapping[str, Json]) -> dict[str, Json]:
    """All mends of a Sensor.

    Conditions and parameters are in a fixed order, where Metaflow's is that of a set. Values are not quoted for a
    shell, as Metaflow before 2.18 does: none takes them apart any more. Its pod tolerates what the first step's pods
    tolerate, and pulls its image with their Secrets. It stays when no flow runs, so it is bound to none of their nodes.
    """
    mended: dict[str, Json] = without_nulls(without_timestamp(sensor))
    first = first_step(workflow_template["spec"])
    allowed = {
        "tolerations": first.get("tolerations"),
        "imagePullSecrets": json.loads(first.get("podSpecPatch", "{}")).get("imagePullSecrets"),
    }
    mended["spec"]["template"].update({key: value for key, value in allowed.items() if value})
    for dependency in mended["spec"]["dependencies"]:
        dependency["filters"]["exprs"] = sorted(dependency["filters"]["exprs"], key=_text)
    for trigger in mended["spec"]["triggers"]:
        k8s = trigger["template"]["k8s"]
        workflow = k8s["source"]["resource"]["spec"]
        workflow["arguments"] = keep_in_arguments(unquoted_arguments(workflow["arguments"]))
        defaults = {
            f"spec.arguments.parameters.#(name={entry['name']}).value": entry["value"]
            for entry in workflow["arguments"]["parameters"]
            if "value" in entry
        }
        for entry in k8s["parameters"]:
            if entry["dest"] in defaults:
                entry["src"]["value"] = defaults[entry["dest"]]
            if "dataTemplate" in entry["src"]:
                entry["src"]["dataTemplate"] = entry["src"]["dataTemplate"].replace(" | squote)", ")")
        k8s["parameters"] = sorted(k8s["parameters"], key=_text)
    return mended


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
