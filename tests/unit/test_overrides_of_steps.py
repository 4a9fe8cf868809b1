"""A stack's override of a step makes what Metaflow makes of a flow that says the same by plain decorators.

Whatever way the flow itself says something of the step, on all targets, with each supported Metaflow.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import CompileError
from flowinfra.targets import TARGETS, shape_of
from flowinfra.targets.argo.names import STEP
from flowinfra.targets.step_functions.states import step_of, submitting_states
from tests.unit.expanded import expanded
from tests.unit.golden import document
from tests.unit.test_versions import VERSIONS, python_with
from tests.unit.ways import LATE_WAYS, Said, plain_flow, said_flow

# the pause that the flow's @retry asks for, which only Argo and Airflow make
pytestmark = pytest.mark.filterwarnings("ignore:.*minutes_between_retries:flowinfra.compiler.compile.CompileWarning")

COMPUTE = {"step-functions": "batch", "argo": "kubernetes", "airflow": "kubernetes"}

ANYWHERE: Said = {
    "retry": {"times": 1, "minutes_between_retries": 3},
    "timeout": {"minutes": 20},
    "environment": {"vars": {"KEPT": "k", "CHANGED": "no"}},
    "resources": {"cpu": 3, "memory": 9000, "gpu": 2},
}
OF_COMPUTE: dict[str, dict[str, Any]] = {
    "batch": {"image": "own:1", "queue": "own", "memory": 8000, "shared_memory": 64},
    "kubernetes": {"image": "own:1", "memory": 8000, "disk": 20000, "node_selector": {"kept": "k", "changed": "no"}},
}
WRONG: Said = {
    "retry": {"times": 4},
    "timeout": {"hours": 7},
    "environment": {"vars": {"WRONG": "w"}},
    "resources": {"cpu": 8, "memory": 64000},
}

OVERRIDES: dict[str, tuple[Any, Said]] = {
    "cpu": (2.0, {"resources": {"cpu": 2.0}, "kubernetes": {"cpu": 2.0}}),
    "memory": (700, {"resources": {"memory": 700}, "batch": {"memory": 700}, "kubernetes": {"memory": 700}}),
    "gpu": (1, {"resources": {"gpu": 1}}),
    "retries": (2, {"retry": {"times": 2}}),
    "timeout": (600, {"timeout": {"hours": 0, "minutes": 0, "seconds": 600}}),
    "environment": (
        {"CHANGED": "it's $HOME", "ADDED": "a"},
        {"environment": {"vars": {"CHANGED": "it's $HOME", "ADDED": "a"}}},
    ),
    "image": ("new:2", {"compute": {"image": "new:2"}}),
}
"""Override → its value, and what a flow with plain decorators would say of the step instead."""

OF_TARGET: dict[str, dict[str, Any]] = {
    "step-functions": {"queue": "big"},
    "airflow": {
        "disk": 30000,
        "gpu_vendor": "amd",
        "node_selector": {"changed": "yes", "added": "a"},
        "qos": "Guaranteed",
        "secrets": ["database"],
        "service_account": "other",
    },
    "argo": {
        "disk": 30000,
        "gpu_vendor": "amd",
        "node_selector": {"changed": "yes", "added": "a"},
        "qos": "Guaranteed",
        "secrets": ["database"],
        "service_account": "other",
        "tolerations": [{"key": "arch", "operator": "Equal", "value": "amd"}],
        "annotations": {"note": "n"},
        "labels": {"team": "t"},
        "extended_resources": {"vendor.com/device": 1},
        "image_pull_policy": "Always",
        "image_pull_secrets": ["registry"],
        "persistent_volume_claims": {"claim": "/mnt"},
        "port": 8080,
        "security_context": {"run_as_user": 1000},
        "shared_memory": 128,
        "use_tmpfs": True,
        "tmpfs_path": "/other",
        "tmpfs_size": 64,
    },
}
"""Target → overrides that are attributes of its compute decorator, by the same name."""

NEWER = {"2.17": {"extended_resources"}, "2.18": {"extended_resources"}, "2.19": set[str]()}
"""Attributes of @kubernetes that a minor does not have."""

UNINITIALISED = {"2.17": {"timeout", "kubernetes"}, "2.18": {"timeout", "kubernetes", "batch"}, "2.19": set[str]()}
"""Decorators that Metaflow itself cannot use when a mutator adds them in its second phase."""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "minor", [pytest.param(one, marks=[pytest.mark.versions] if one != "2.19" else []) for one in VERSIONS]
)
def test_an_override_is_what_the_flow_could_have_said(minor: str, target: str, tmp_path: Path) -> None:
    python = sys.executable if minor == "2.19" else python_with(VERSIONS[minor])
    compute = COMPUTE[target]
    said = {**ANYWHERE, compute: OF_COMPUTE[compute]}
    mine = {key: value for key, value in OF_TARGET[target].items() if key not in NEWER[minor]}
    table = {
        **{key: (value, renamed(meant, compute)) for key, (value, meant) in OVERRIDES.items()},
        **{key: (value, {compute: {key: value}}) for key, value in mine.items()},
    }
    late = UNINITIALISED[minor]
    wrong: Said = {**WRONG, compute: {"image": "wrong:1"}}
    text, names = said_flow(said, wrong, table, late)
    overrides = {name: {key: table[key][0]} for name in names for key in [name.partition("_")[2]]}
    found = steps_of(compiled(tmp_path / "said", text, target, python, overrides), target)

    def by_hand(name: str) -> Said:
        way, _, key = name.partition("_")
        before = {} if way == "nothing" else {k: v for k, v in said.items() if way not in LATE_WAYS or k not in late}
        if way == "overlate" and late:
            before.update({k: wrong[k] for k in late if k in wrong})
        return merged(before, table[key][1])

    plain = plain_flow({name: by_hand(name) for name in names}, said)
    expected = steps_of(compiled(tmp_path / "plain", plain, target, python, {}), target)
    differing = {name: diff(found[name], expected[name]) for name in names if found[name] != expected[name]}
    assert not differing


def renamed(meant: Said, compute: str) -> Said:
    """What is meant for a target: `compute` is its compute decorator, another target's is nothing to it."""
    return {
        (compute if name == "compute" else name): attributes
        for name, attributes in meant.items()
        if name in {"compute", compute} or name not in set(COMPUTE.values())
    }


def merged(said: Said, meant: Said) -> Said:
    """What a flow says with what an override means: mappings key by key, everything else in place of the flow's."""
    result = copy.deepcopy(said)
    for name, attributes in meant.items():
        if name == "batch" and "resources" in meant and "batch" not in said:
            continue  # its defaults are no larger than what @resources says
        own = result.setdefault(name, {})
        for key, value in attributes.items():
            own[key] = {**own[key], **value} if isinstance(value, dict) and isinstance(own.get(key), dict) else value
    return result


def compiled(folder: Path, text: str, target: str, python: str, overrides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    folder.mkdir()
    (folder / "flow.py").write_text(text)
    request = CompileRequest(folder / "flow.py", target, shape_of(target, {"steps": overrides}), python=python)
    return document(compile_flow(request))


def steps_of(flow: dict[str, Any], target: str) -> dict[str, Any]:
    """Step → what is deployed of it, but for the words of its command, and what the flow says of it."""
    if target == "step-functions":
        part = flow["step_functions"]
        jobs = {key: job["properties"] for key, job in part["job_definitions"].items()}
        deployed = {
            step_of(state): [state, without_shared(jobs[key])]
            for state in submitting_states(expanded(part["definition"], jobs))
            for key, job in part["job_definitions"].items()
            if step_of(state) in job["steps"]
        }
    elif target == "argo":
        deployed = {
            template["metadata"]["annotations"][STEP]: template
            for template in flow["argo"]["workflow_template"]["spec"]["templates"]
            if STEP in template.get("metadata", {}).get("annotations", {})
        }
    else:
        deployed = flow["airflow"]["dag"]["states"]
    return {
        name: [without_commands(deployed[name]), {key: of for key, of in step.items() if key != "decorators"}]
        for name, step in flow["flow"]["steps"].items()
    }


def without_shared(job: dict[str, Any]) -> dict[str, Any]:
    """A job definition without what stands in the jobs that are made from it."""
    shared = {"environment", "resourceRequirements", "parameters", "retryStrategy", "timeout"}
    container = {key: item for key, item in job["containerProperties"].items() if key not in shared}
    return {**{key: item for key, item in job.items() if key not in shared}, "containerProperties": container}


def without_commands(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: without_commands(v) for k, v in data.items() if k not in {"command", "Command", "cmds"}}
    return [without_commands(one) for one in data] if isinstance(data, list) else data


def diff(found: Any, expected: Any, path: str = "") -> list[str]:
    """Where two data differ, a line each."""
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = sorted({*found, *expected})
        return [line for key in keys for line in diff(found.get(key), expected.get(key), f"{path}.{key}")]
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for place, (one, other) in pairs for line in diff(one, other, f"{path}[{place}]")]
    return [] if found == expected else [f"{path}: found {found!r}, expected {expected!r}"]


@pytest.mark.versions
def test_what_this_metaflow_does_not_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"steps\.end: this Metaflow's @kubernetes has no attribute 'extended_res"):
        compiled(
            tmp_path / "flow",
            plain_flow({}, {}),
            "argo",
            python_with(VERSIONS["2.18"]),
            {"end": {"extended_resources": {"a/b": 1}}},
        )
