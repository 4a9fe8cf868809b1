"""Every change that is made to what Metaflow would have sent. Closed list; see docs/mends.md for the reasons.

Each mend is a pure function on recorded text or data. Nothing else in the compiler alters what was recorded, other than
putting it into canonical form (sorted JSON, code package packed reproducibly).
"""

from __future__ import annotations

import json
import re
from typing import Any

_EXPORT = re.compile(
    r"python -m metaflow\.plugins\.aws\.step_functions\.set_batch_environment parameters (?P<file>[a-z]{10}) "
    r"&& \. `pwd`/(?P=file)"
)
_LEFT = re.compile(r"set_batch_environment (?!parent_tasks parent_tasks\.sh )")
_PARENTS = re.compile(r"set_batch_environment parent_tasks (?P<file>[a-z]{10}) && \. `pwd`/(?P=file)")
_DOWNLOAD = re.compile(r'download_file\("[^"]+", "[^"]+", "job\.tar"\)')
_DOWNLOAD_FAILED = re.compile(r"mflog '(Failed to download code package from )s3://\S+( [^']*)'")
_SIGN = re.compile(r"\$(?=[$(])")
"""What Kubernetes changes in variables and commands: `$(NAME)`, and `$$` (k8s.io/kubernetes/third_party/forked/golang/
expansion)."""

# One line of Python for the task's shell: no single quote, backslash or $ may stand in it.
QUOTED_EXPORT = (
    "python -c '"
    "import json,os,shlex;e=os.environ;"
    'p=json.loads(e.get("METAFLOW_DEFAULT_PARAMETERS","{}"));'
    'p.update(json.loads(e.get("METAFLOW_PARAMETERS","{}")));'
    'open("parameters.sh","w",encoding="utf-8").writelines('
    '"export METAFLOW_INIT_%s=%s;"%(n,shlex.quote(v if isinstance(v,str) else json.dumps(v))) '
    'for k,v in p.items() for n in [k.upper().replace("-","_")] if n.isascii() and ("_"+n).isidentifier())'
    "' && . `pwd`/parameters.sh"
)
"""Exports the parameters of a run, by shell quoting."""


def kept_from_kubernetes(text: str) -> str:
    """A text of which Kubernetes makes the one that is given; it takes `$$` for `$`, and `$(NAME)` for a variable."""
    return _SIGN.sub("$$", text)


def quote_parameters(command: str) -> str:
    r"""Parameters reach the task as they were given.

    Metaflow writes `export NAME=<json>` to a file that the shell sources: `$(id)`, `$HOME` and backticks in a value are
    executed, and non-ASCII characters arrive as `\\uXXXX`. The same export is written here with shell quoting; a name
    in the trigger's input that is not the name of a variable, which the shell would execute too, is left out.
    """
    return _EXPORT.sub(lambda _: QUOTED_EXPORT, command)


def name_parent_tasks(command: str) -> str:
    """The file that a join sources has a fixed name; Metaflow draws ten random letters for each deploy."""
    return _PARENTS.sub("set_batch_environment parent_tasks parent_tasks.sh && . `pwd`/parent_tasks.sh", command)


def plain_environment(entries: list[dict[str, str]], python: str) -> list[dict[str, str]]:
    """Each variable once (Metaflow repeats some), and no trace of the machine that compiled.

    METAFLOW_VERSION holds the full build string of the compiling interpreter and its platform; the task has its own.
    """
    last = {entry["Name"]: entry for entry in entries}
    return [
        {**entry, "Value": plain_version(entry["Value"], python)} if name == "METAFLOW_VERSION" else entry
        for name, entry in last.items()
    ]


def plain_version(value: str, python: str) -> str:
    """METAFLOW_VERSION without the machine that compiled; `python`: minor of its interpreter."""
    found = json.loads(value)
    kept = {key: item for key, item in found.items() if key not in ("platform", "python_version_code")}
    return json.dumps({**kept, "python_version": python}, sort_keys=True, separators=(",", ":"))


def name_package(command: str) -> str:
    """A command names the code package by METAFLOW_CODE_URL, which each task has: it is the same for any package."""
    command = _DOWNLOAD.sub('download_file(*os.environ["METAFLOW_CODE_URL"][5:].split("/", 1), "job.tar")', command)
    return _DOWNLOAD_FAILED.sub(r'mflog "\1$METAFLOW_CODE_URL\2"', command)


def name_step(command: str, step: str) -> str:
    """A command names its step by METAFLOW_STEP_NAME, which each task has: it is the same for any step."""
    command = command.replace(
        f"/sfn-$METAFLOW_RUN_ID/{step}/$AWS_BATCH_JOB_ID ",
        "/sfn-$METAFLOW_RUN_ID/$METAFLOW_STEP_NAME/$AWS_BATCH_JOB_ID ",
    )
    return command.replace(f" step {step} --run-id ", " step $METAFLOW_STEP_NAME --run-id ")


def mend_command(command: str) -> str:
    """All mends of a step's command.

    Raises ValueError where Metaflow writes one of these files in a way that the mends do not fit.
    """
    mended = name_parent_tasks(quote_parameters(command))
    if _LEFT.search(mended):
        raise ValueError("its tasks export their parameters or parents in another way")
    return mended


def quotes_parameters(command: str) -> bool:
    """True for the command of a start step whose parameters arrive quoted."""
    return QUOTED_EXPORT in command


def mend_state(state: dict[str, Any], python: str) -> dict[str, Any]:
    """All mends of a state that submits a Batch job."""
    parameters = state["Parameters"]
    overrides, step = parameters["ContainerOverrides"], parameters["Parameters"]["metaflow.step_name"]
    mended = {
        **overrides,
        "Command": [name_step(name_package(mend_command(word)), step) for word in overrides["Command"]],
        "Environment": plain_environment(overrides["Environment"], python),
    }
    return {**state, "Parameters": {**state["Parameters"], "ContainerOverrides": mended}}
