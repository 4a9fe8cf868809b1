"""Every flow of the golden files compiles to the same bytes twice, with a stack's overrides of all that it has."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import compile_flow
from flowinfra.targets import TARGETS
from tests.unit.constructs import CONSTRUCTS, Construct
from tests.unit.golden import compiled as plain
from tests.unit.golden import golden_path
from tests.unit.test_overrides_of_flows import CRONS

OF_A_PROCESS = re.compile(r"0x[0-9a-f]{6,}|_unpacked_delayed_| object at |<function")
"""An address, or what Metaflow and Python write with one."""

VALUES: dict[str, Any] = {
    "str": "it's $HOME",
    "int": 7,
    "float": 2,
    "bool": True,
    "JSON": {"b": [1, None], "a": {"d": "ü", "c": 0.5}},
}

FILES = ("file", "file (bytes)")
"""Types of a parameter that includes a file, as text and as bytes."""

FLOWS = list({construct.flow or construct.name: construct for construct in reversed(CONSTRUCTS)}.values())
"""A construct of each flow."""


def overridden(construct: Construct, target: str) -> Construct:
    flow = plain(construct.name, target).flow
    step = {"cpu": 2.5, "memory": 5000, "retries": 2, "environment": {"ADDED": "it's $HOME"}, "image": "other:1"}
    values = {**VALUES, **dict.fromkeys(FILES, str(construct.request(target).flow))}
    parameters = {name: values[parameter.type] for name, parameter in flow.parameters.items()}
    more = {"steps": dict.fromkeys(flow.steps, step), "parameters": parameters, "schedule": CRONS[target]}
    return replace(construct, shape={**construct.shape, **more})


@pytest.mark.parametrize("construct", FLOWS, ids=[construct.name for construct in FLOWS])
def test_overridden_twice_it_is_the_same(construct: Construct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = next(target for target in TARGETS if golden_path(construct.name, target).is_file())
    found = []
    changed = overridden(construct, target)
    for place in ("one", "two"):
        # a cache of its own: each compile is a process of its own
        monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / place))
        compiled = compile_flow(changed.request(target))
        found.append(compiled.model_dump_json())
        assert [OF_A_PROCESS.findall(found[-1])] == [[]]
        assert {step.retries for step in compiled.flow.steps.values()} == {2}
        assert all(step.environment["ADDED"] == "it's $HOME" for step in compiled.flow.steps.values())
        assert compiled.flow.schedule is not None
    assert found[0] == found[1]
