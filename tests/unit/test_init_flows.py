"""Finding the flows of a repository: by reading its files, without running them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flowinfra.start.flows import find_flows
from flowinfra.start.shared import Shared
from tests.unit.sources import STEPS, source


def write(folder: Path, **files: str) -> None:
    """Write modules: `a__b` is `a/b.py`."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def flow(name: str = "SmallFlow", head: str = "", decorators: str = "") -> str:
    return source(name=name, head=head, decorators=decorators)


def names(folder: Path, *only: str) -> dict[str, str]:
    return {each.file: each.name for each in find_flows(folder, only).flows}


def test_several_flows_in_a_folder_and_folders_in_folders(tmp_path: Path) -> None:
    write(
        tmp_path, flows__a=flow("A"), flows__b=flow("B"), flows__deep__er__c=flow("C"), top=flow("Top"), tools="X = 1"
    )
    found = {"flows/a.py": "A", "flows/b.py": "B", "flows/deep/er/c.py": "C", "top.py": "Top"}
    assert names(tmp_path) == found
    assert names(tmp_path, "flows/*.py", "top.py") == {
        file: found[file] for file in ("flows/a.py", "flows/b.py", "top.py")
    }
    assert names(tmp_path, "flows/deep") == {"flows/deep/er/c.py": "C"}


@pytest.mark.parametrize(
    ("head", "base"),
    [
        ("from metaflow import FlowSpec as Spec", "Spec"),
        ("import metaflow", "metaflow.FlowSpec"),
        ("import metaflow as mf", "mf.FlowSpec"),
        ("from acme.base import AcmeFlow", "AcmeFlow"),
        ("from acme.base import AcmeFlow as Base", "Base"),
        ("from acme import base", "base.AcmeFlow"),
        ("from acme.more import Grandchild", "Grandchild"),
    ],
)
def test_however_the_base_class_is_called(head: str, base: str, tmp_path: Path) -> None:
    write(
        tmp_path,
        acme__base=f"from metaflow import *\nclass AcmeFlow(FlowSpec):\n{STEPS}",
        acme__more="from acme.base import AcmeFlow\nclass Grandchild(AcmeFlow): pass\n",
        f=f"{head}\nclass F({base}):\n    pass\nif __name__ == '__main__':\n    F()\n",
    )
    found = find_flows(tmp_path)
    assert [(each.file, each.name) for each in found.flows] == [("f.py", "F")]
    # the base classes are no flows to deploy, and no mistakes, where something is made of them
    passed_over = {each.partition(":")[0] for each in found.passed_over}
    unused = {"acme/base.py", "acme/more.py"} - ({"acme/base.py"} if "AcmeFlow" in head + base else set())
    assert passed_over <= unused


def test_a_project_flow_by_itself_or_by_its_base(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=f"from metaflow import *\n@project(name='p')\nclass Base(FlowSpec):\n{STEPS}",
        a=flow("A", decorators='@project(name="p")'),
        b="from base import Base\nclass B(Base): pass\nB()\n",
        c="import metaflow\n@metaflow.project(name='x')\nclass C(metaflow.FlowSpec): pass\nC()\n",
        d=flow("D", decorators="@schedule(daily=True)"),
    )
    assert {each.name: each.project for each in find_flows(tmp_path).flows} == {
        "A": True,
        "B": True,
        "C": True,
        "D": False,
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (flow().replace("    SmallFlow()\n", "    pass\n"), "never starts SmallFlow; end the file with `if __name__"),
        (flow("A") + "\nclass B(FlowSpec): pass\nB()\n", "starts more than one flow (A, B); keep one flow per file"),
        (flow() + "\n  x = (\n", "is not Python that this interpreter reads: line "),
        ("# FlowSpec\n\0", "is not Python that this interpreter reads: "),
    ],
)
def test_a_file_that_is_passed_over_says_why(text: str, why: str, tmp_path: Path) -> None:
    write(tmp_path, odd=text, right=flow("Right"))
    found = find_flows(tmp_path)
    assert [each.name for each in found.flows] == ["Right"]
    [words] = found.passed_over
    assert words.startswith(f"odd.py: {why}")


def test_a_name_that_a_stack_would_read_as_a_glob(tmp_path: Path) -> None:
    (tmp_path / "f[1].py").write_text(flow())
    assert find_flows(tmp_path).passed_over == (
        "f[1].py: its name has characters of a glob (`*`, `?`, `[`); rename it",
    )


def test_nothing_is_run(tmp_path: Path) -> None:
    write(tmp_path, f=f"open({str(tmp_path / 'run')!r}, 'w')\n{flow()}")
    assert names(tmp_path) == {"f.py": "SmallFlow"}
    assert not (tmp_path / "run").exists()


def test_what_git_ignores_is_no_flow(tmp_path: Path) -> None:
    write(tmp_path, flows__a=flow("A"), build__b=flow("B"), scratch=flow("C"), gone=flow("D"))
    (tmp_path / ".gitignore").write_text("build/\nscratch.py\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    (tmp_path / "gone.py").unlink()
    write(tmp_path, flows__new=flow("New"))
    assert names(tmp_path) == {"flows/a.py": "A", "flows/new.py": "New"}
    # a project in a folder of the repository
    assert names(tmp_path / "flows") == {"a.py": "A", "new.py": "New"}


def test_a_folder_that_git_ignores_is_as_one_outside_of_git(tmp_path: Path) -> None:
    write(tmp_path, scratch__a=flow("A"))
    (tmp_path / ".gitignore").write_text("scratch/\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert names(tmp_path) == {}
    assert names(tmp_path / "scratch") == {"a.py": "A"}


def test_outside_of_git_environments_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, a=flow("A"), env__lib__b=flow("B"), node_modules__c=flow("C"))
    write(tmp_path / ".hidden", d=flow("D"))
    (tmp_path / "env" / "pyvenv.cfg").touch()
    assert names(tmp_path) == {"a.py": "A"}


class TestSharedCode:
    def of(self, folder: Path, file: str) -> Shared:
        return {each.file: each.shared for each in find_flows(folder).flows}[file]

    def test_packages_and_modules_at_the_top_also_by_each_other(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            flows__a__flow=flow(head="import rules\nimport acme.tools\nimport json\n"),
            flows__a__rules="import settings\n",
            flows__b__flow=flow("B"),
            acme__tools="from shapes import area\n",
            acme__more__data="",
            shapes="",
            settings="",
            unused="",
        )
        assert self.of(tmp_path, "flows/a/flow.py") == Shared(None, ("acme", "settings.py", "shapes.py"))
        assert self.of(tmp_path, "flows/b/flow.py") == Shared()

    def test_a_src_layout(self, tmp_path: Path) -> None:
        write(tmp_path, flows__a=flow(head="from acme import tools"), src__acme__tools="")
        assert self.of(tmp_path, "flows/a.py") == Shared("src", ("src/acme",))

    def test_what_lies_beside_the_flow_is_packaged_anyway(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            top=flow(head="import acme"),
            flows__a=flow(head="import tools"),
            acme__b="",
            flows__tools="",
            tools="",
        )
        assert self.of(tmp_path, "top.py") == Shared()
        assert self.of(tmp_path, "flows/a.py") == Shared()

    def test_a_folder_of_flows_is_not_shared_code(self, tmp_path: Path) -> None:
        write(tmp_path, flows__a__flow=flow(head="from flows.b import flow"), flows__b__flow=flow("B"))
        assert self.of(tmp_path, "flows/a/flow.py") == Shared()
