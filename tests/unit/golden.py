"""Golden files: what every construct compiles to, with what depends on the installed Metaflow and Python taken out.

Taken out are, and nothing else:

    <metaflow>         Metaflow's version
    <metaflow-code>    digest of Metaflow's own files in the code package
    <python>           minor of the compiling interpreter, which is also in the default image's name
    <package>          digests and size of the code package, which holds Metaflow's files (the user's are listed apart)
    <command-STEP>     digests of a command that was moved to the datastore, which names package and image
    <airflow-code>     Metaflow's code that makes a DAG of its description, mended (see test_airflow_dags.py)

How the files are written: golden_text.py.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from flowinfra.compiler import compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.model.compiled import CompiledFlow
from tests.unit.constructs import CONSTRUCTS, FLOWS, TESTS, Construct
from tests.unit.golden_text import View, text_of, view

GOLDEN = TESTS / "golden"
BY_NAME = {construct.name: construct for construct in CONSTRUCTS}


def golden_path(construct: str, target: str = "step-functions") -> Path:
    """What a construct compiles to for a target."""
    return GOLDEN / construct / f"{target}.txt"


def refusal_path(construct: str, target: str) -> Path:
    """With what words a construct is refused for a target."""
    return GOLDEN / construct / f"{target}.refused.txt"


def constructs_of(target: str) -> list[str]:
    """Names of the constructs that compile for a target, as their golden files say."""
    return [construct.name for construct in CONSTRUCTS if golden_path(construct.name, target).exists()]


@cache
def compiled(construct: str, target: str = "step-functions") -> CompiledFlow:
    """A construct, compiled."""
    return compile_flow(BY_NAME[construct].request(target))


@cache
def view_of(construct: str, target: str) -> View:
    """The view of a construct's document."""
    return view(document(compiled(construct, target)))


def base_of(construct: Construct, target: str) -> str | None:
    """The construct that this one's golden file is compared with; None for a file that is full."""
    name = construct.base
    while name is not None:
        try:
            compiled(name, target)
        except FlowInfraError:
            name = BY_NAME[name].base  # a target that does not take the base has the base's base
        else:
            return name
    return None


def render(construct: Construct, target: str) -> str:
    """The text of a construct's golden file."""
    base = base_of(construct, target)
    head = f"as {base}, but\n" if base else "in full\n"
    return head + text_of(view_of(construct.name, target), view_of(base, target) if base else None)


def render_refusal(construct: Construct, error: FlowInfraError) -> str:
    """The text of a golden file of a construct that a target does not take: the error without the flow's path."""
    file = Path(*(FLOWS / (construct.flow or construct.name)).relative_to(FLOWS).parts[1:]) / "flow.py"
    return str(error).replace(str(file), "<flow>") + "\n"


def document(compiled: CompiledFlow) -> dict[str, Any]:
    """A compiled flow as JSON data, without what depends on the machine that compiled it."""
    names = {compiled.package.object: "<package>"}
    for digest, entry in compiled.objects.items():
        if entry.kind == "command":
            names[digest] = f"<command-{_step_of(entry.text or '')}>"
    for digest in list(names):
        names[compiled.objects[digest].sha256] = names[digest]
    text = json.dumps(json.loads(compiled.to_json()), indent=1, ensure_ascii=False)
    for digest, name in names.items():
        text = text.replace(f"/{digest[:2]}/{digest}", f"/../{name}").replace(digest, name)
    minor = compiled.shape.python
    for found, name in {
        compiled.package.metaflow: "<metaflow-code>",
        f"python:{minor}": "python:<python>",
        f'"python": "{minor}"': '"python": "<python>"',
        f'\\"python_version\\":\\"{minor}\\"': '\\"python_version\\":\\"<python>\\"',
        f'"metaflow": "{compiled.metaflow}"': '"metaflow": "<metaflow>"',
        f'"metaflow.version": "{compiled.metaflow}"': '"metaflow.version": "<metaflow>"',
        f'\\"metaflow_version\\":\\"{compiled.metaflow}\\"': '\\"metaflow_version\\":\\"<metaflow>\\"',
    }.items():
        text = text.replace(found, name)
    data: dict[str, Any] = json.loads(text)
    data["objects"]["<package>"]["size"] = "<package>"
    if "airflow" in data:
        data["airflow"]["code"] = "<airflow-code>"
    for placeholder in data["placeholders"].values():
        placeholder["sites"].sort()  # those of objects come in the order of the digests that were taken out
    return data


def _step_of(command: str) -> str:
    """The step that a command runs."""
    words = command.split()
    return words[max(index for index, word in enumerate(words) if word == "step") + 1]
