"""`flowinfra:flows` by file, by glob, and both: one entry per flow, and no flow twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.errors import Problems
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.loading import stored_stack

PLATFORM = {"bucket": "bkt", "queue": "jobs"}
FILES = (
    "flows/score/score_flow.py",
    "flows/score/tables.py",
    "flows/train/train_flow.py",
    "flows/deep/er/deep_flow.py",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    for file in (*FILES, "flows/.hidden/hidden_flow.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "flows" / "folder_flow.py").mkdir()
    return tmp_path


def configure(project: Path, stack: str, *flows: dict[str, Any], **more: Any) -> None:
    config = {"flowinfra:platform": PLATFORM, "flowinfra:flows": list(flows)}
    config |= {f"flowinfra:{key}": value for key, value in more.items()}
    (project / "stacks").mkdir(exist_ok=True)
    (project / "stacks" / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}, sort_keys=False))


def read(project: Path, *flows: dict[str, Any], **more: Any) -> StackConfig:
    configure(project, "dev", *flows, **more)
    return stored_stack(project, "dev")


def names(flows: list[FlowConfig]) -> list[str]:
    return [flow.flow for flow in flows]


def problems(project: Path, *flows: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(Problems) as raised:
        read(project, *flows, **more)
    return [re.sub(r"^stacks/Pulumi\.dev\.yaml:[0-9]+: flowinfra:", "", str(error)) for error in raised.value.errors]


def test_a_glob_stands_for_each_file_with_the_entrys_keys(project: Path) -> None:
    flows = read(project, {"flow": "flows/*/*_flow.py", "max_workers": 3}).flows
    assert names(flows) == ["flows/score/score_flow.py", "flows/train/train_flow.py"]
    assert [flow.max_workers for flow in flows] == [3, 3]


def test_two_stars_go_across_folders_and_hidden_ones_are_left_alone(project: Path) -> None:
    assert names(read(project, {"flow": "./flows/**/*_flow.py"}).flows) == [
        "flows/deep/er/deep_flow.py",
        "flows/score/score_flow.py",
        "flows/train/train_flow.py",
    ]


def test_a_files_own_entry_goes_over_the_globs_and_keeps_its_place(project: Path) -> None:
    own = {"flow": "./flows/train/train_flow.py", "steps": {"fit": {"memory": 8192}}, "env": {"B": "2"}}
    glob = {"flow": "flows/*/*_flow.py", "with": ["retry"], "env": {"A": "1", "B": "1"}, "max_workers": 3}
    for flows in (read(project, own, glob).flows, read(project, glob, own).flows[::-1]):
        train, score = flows
        assert (train.with_, train.env, train.max_workers) == (["retry"], {"A": "1", "B": "2"}, 3)
        assert train.steps["fit"].memory == 8192
        assert (score.with_, score.env, score.steps) == (["retry"], {"A": "1", "B": "1"}, {})


def test_a_file_that_a_glob_matches_can_be_left_out(project: Path) -> None:
    flows = read(project, {"flow": "flows/score/*.py"}, {"flow": "flows/score/tables.py", "enabled": False}).flows
    assert [flow.flow for flow in flows if flow.enabled] == ["flows/score/score_flow.py"]


def test_one_file_may_be_several_flows(project: Path) -> None:
    file = "flows/score/score_flow.py"
    flows = read(project, {"flow": file}, {"flow": file, "name": "Second"}, {"flow": file, "branch": "b"}).flows
    assert [(flow.name, flow.branch) for flow in flows] == [(None, None), ("Second", None), (None, "b")]


def test_a_glob_that_matches_nothing(project: Path) -> None:
    (message,) = problems(project, {"flow": "flows/*_flow.py"})
    assert message.startswith("flows[0].flow: found 'flows/*_flow.py', which matches no file; it is looked for from ")


def test_a_glob_was_not_renamed(project: Path) -> None:
    (message,) = problems(project, {"flow": "flows/train/*.py", "renamed_from": "Train"})
    assert message.startswith("flows[0].renamed_from: found 'Train', but the entry's glob stands for several flows")


def test_a_glob_has_no_name(project: Path) -> None:
    (message,) = problems(project, {"flow": "flows/train/*.py", "name": "Train"})
    assert message == (
        "flows[0].name: found 'Train', but the entry's glob stands for several flows; "
        "name a flow in an entry of its own"
    )


def test_a_flow_twice(project: Path) -> None:
    found = problems(
        project,
        {"flow": "flows/train/train_flow.py"},
        {"flow": "flows/train/../train/train_flow.py", "max_workers": 3},
        {"flow": "flows/**/score_flow.py"},
        {"flow": "flows/*/*.py"},
    )
    assert found == [
        f"flows[{second}].flow: found '{path}' a second time, flows[{first}] has it already; "
        "leave one of them out, narrow the glob, or give one another `name` or `branch`"
        for second, first, path in [(1, 0, "flows/train/train_flow.py"), (3, 2, "flows/score/score_flow.py")]
    ]


def test_a_mistake_in_an_entry_with_a_glob_is_told_once_where_it_stands(project: Path) -> None:
    (message,) = problems(project, {"flow": "flows/*/*_flow.py", "schedle": {}})
    assert message.startswith("flows[0].schedle: unknown key 'schedle' (did you mean 'schedule'?)")


# mirrors


def mirror(project: Path, *flows: dict[str, Any], prod: tuple[dict[str, Any], ...]) -> list[FlowConfig]:
    configure(project, "prod", *prod)
    return read(project, *flows, mirrors="prod").flows


def test_a_mirror_of_globs_with_overrides_by_glob_and_file(project: Path) -> None:
    flows = mirror(
        project,
        {"flow": "flows/train/train_flow.py", "max_workers": 9},
        {"flow": "flows/*/*.py", "max_workers": 2, "image": "small"},
        prod=({"flow": "flows/*/*_flow.py", "with": ["retry"]},),
    )
    assert names(flows) == ["flows/score/score_flow.py", "flows/train/train_flow.py"]
    assert [(flow.max_workers, flow.image, flow.with_) for flow in flows] == [
        (2, "small", ["retry"]),
        (9, "small", ["retry"]),
    ]


def test_overrides_of_one_rank_for_one_flow_are_refused(project: Path) -> None:
    with pytest.raises(Problems) as raised:
        mirror(
            project,
            {"flow": "flows/train/train_flow.py", "max_workers": 1},
            {"flow": "./flows/train/train_flow.py", "max_workers": 2},
            {"flow": "flows/train/train_flow.py", "name": "Named", "max_workers": 3},
            prod=({"flow": "flows/train/train_flow.py", "name": "Named"},),
        )
    (message,) = map(str, raised.value.errors)
    assert "flows[1].flow: found 'flows/train/train_flow.py' a second time, flows[0] has it already" in message


def test_an_override_by_glob_for_no_flow_of_the_other_stack_is_refused(project: Path) -> None:
    with pytest.raises(
        Problems, match=r"flows\[0\].flow: found 'flows/deep/\*\*/\*.py', which is not a flow of the mir"
    ):
        mirror(project, {"flow": "flows/deep/**/*.py"}, prod=({"flow": "flows/train/train_flow.py"},))


def test_mistakes_are_told_of_the_file_that_they_are_in(project: Path) -> None:
    with pytest.raises(Problems) as raised:
        mirror(project, {"flow": "flows/train/train_flow.py"}, prod=({"flow": "flows/*/*_flow.py", "steps": 3},))
    (message,) = map(str, raised.value.errors)
    assert message == "stacks/Pulumi.prod.yaml:7: flowinfra:flows[0].steps: found 3, allowed: mapping"
    configure(project, "prod", {"flow": "flows/*/*_flow.py"})
    (message,) = problems(project, {"flow": "flows/score/score_flow.py", "parmeters": {}}, mirrors="prod")
    assert message.startswith("flows[0].parmeters: unknown key 'parmeters' (did you mean 'parameters'?)")
