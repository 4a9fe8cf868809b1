"""What goes into a code package: Metaflow's own walk, widened and narrowed by `package:`, without what git ignores."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, blob_path, compile_flow, process, unreviewed_files
from flowinfra.compiler import package as packing
from flowinfra.compiler.package import compress
from flowinfra.errors import CompileError, FlowInfraError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.shape import Shape
from flowinfra.targets import shape_of
from tests.unit.sources import STEPS, source

NAMES = ["a.py", "B.PY", "größe.py", ".hidden.py", ".py", "notes.md", "data.SQL", "with space.py", "x.py.txt", "r.R"]
FOLDERS = ["sub", "Sub", "sub/deep", ".hid", "__pycache__", "_escape_trampolines", "grün", "x.py", "sub/.hid/in"]


@pytest.fixture(autouse=True)
def _own_cache(cache: Path) -> None:
    """Compiles of these tests are theirs alone."""


def lay_out(folder: Path, names: Iterable[str], text: str = "") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], cwd=folder, check=True)


def content(compiled: CompiledFlow) -> dict[str, tuple[bytes, bool]]:
    """User's files of a package, with whether they can be run."""
    stored = blob_path(compiled.objects[compiled.package.object].sha256).read_bytes()
    return members(stored)


def members(archive: bytes) -> dict[str, tuple[bytes, bool]]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
        return {
            entry.name: (file.read(), bool(entry.mode & 0o100))
            for entry in packed
            if not entry.name.startswith(".mf_") and (file := packed.extractfile(entry))
        }


def random_tree(folder: Path, dice: random.Random) -> None:
    """Files, links to files and folders, loops, of all kinds of names."""
    places = ["", *(name for name in FOLDERS if dice.random() < 0.8)]
    for place in places:
        for name in dice.sample(NAMES, 4):
            path = folder / place / name
            if not path.exists() and not any(part.is_file() for part in path.parents):
                lay_out(folder, [str(Path(place) / name)], f"# {place}/{name}")
                path.chmod(dice.choice([0o644, 0o755, 0o600]))
    lay_out(folder, ["big.py"], "#" * 3_000_000)
    lay_out(folder.parent, ["outside/o.py", "outside/more/p.py", "outside/.q/r.py"], "# outside")
    targets = ["outside", "outside/more", "outside/o.py", "flows", "flows/sub", "flows/a.py", "flows/link0"]
    for count, target in enumerate(dice.sample(targets, 5)):
        link = folder / dice.choice([place for place in places if (folder / place).is_dir()]) / f"link{count}"
        aim = folder.parent / target
        if aim.exists() and link.parent.is_dir():
            (link if aim.is_dir() else link.with_suffix(".py")).symlink_to(aim)


@pytest.mark.parametrize("seed", range(4))
def test_a_package_holds_what_metaflows_own_does(seed: int, tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    lay_out(flows, ["flow.py"], source())
    dice = random.Random(seed)
    random_tree(flows, dice)
    suffixes = dice.sample([".md", ".sql", ".txt"], dice.randint(0, 2))
    words = ["--no-pylint", "--metadata=local", "--datastore=local", f"--package-suffixes={','.join(suffixes)}"]
    subprocess.run(
        [sys.executable, "flow.py", *(words if suffixes else words[:-1]), "package", "save", str(tmp_path / "p.tgz")],
        cwd=flows,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "USER": "ann"},
        check=True,
        capture_output=True,
    )
    theirs = members((tmp_path / "p.tgz").read_bytes())
    shape = Shape(package_suffixes=tuple(suffixes))
    ours = content(compile_flow(CompileRequest(flow=flows / "flow.py", root=tmp_path, shape=shape)))
    assert len(theirs) > 8
    assert ours == theirs


class Repository:
    """A repository with flows in folders of their own and a package that they share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        lay_out(folder, ["flows/fraud/flow.py"], source())
        lay_out(
            folder,
            [
                *("flows/fraud/rules.py", "flows/fraud/query.sql", "flows/growth/flow.py", "ci/run.py", "setup.py"),
                *("common/__init__.py", "common/tools.py", "common/data.yaml", "common/deep/more.txt"),
                *("common/.env", "common/.cache/x.py", "src/lib/one.py", "src/lib/two.csv"),
            ],
        )

    def request(self, **shape: object) -> CompileRequest:
        options = shape_of("step-functions", {f"package_{key}": value for key, value in shape.items()})
        return CompileRequest(flow=self.folder / "flows/fraud/flow.py", root=self.folder, shape=options)

    def packed(self, **shape: object) -> set[str]:
        """Names in the package beside the flow's own modules."""
        return {*compile_flow(self.request(**shape)).package.files} - {"flow.py", "rules.py"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


COMMON = {"common/__init__.py", "common/tools.py", "common/data.yaml", "common/deep/more.txt"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, set()),
        ({"include": ["common"]}, COMMON),
        ({"include": ["common/*.yaml", "flows/fraud/*.sql"]}, {"common/data.yaml", "query.sql"}),
        ({"include": ["common"], "exclude": ["**/*.txt"]}, COMMON - {"common/deep/more.txt"}),
        ({"include": ["common"], "exclude": ["*.yaml", "common/deep"]}, COMMON - {"common/deep/more.txt"}),
        ({"include": ["common/.env"]}, {"common/.env"}),
        ({"root": "src"}, {"lib/one.py"}),
        ({"root": "src", "suffixes": [".csv"]}, {"lib/one.py", "lib/two.csv"}),
        ({"root": "src", "include": ["src/lib/*.csv"]}, {"lib/two.csv"}),
        (
            {"root": ".", "exclude": ["flows", "ci", "setup.py"]},
            {"common/__init__.py", "common/tools.py", "src/lib/one.py"},
        ),
    ],
)
def test_package_says_what_more_goes_in(repository: Repository, options: dict[str, object], expected: set[str]) -> None:
    packed = repository.packed(**options)
    # an exclude that names the flow's folder leaves the flow's file
    assert packed == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"include": ["../sql/*.sql"]}, "package.include: '../sql/*.sql' lies outside of"),
        ({"include": ["/abs/*.sql"]}, "package.include: found '/abs/*.sql', allowed: a path from"),
        ({"include": ["comon"]}, "package.include: 'comon' does not exist"),
        ({"include": ["common/*.jsn"]}, "package.include: 'common/*.jsn' matches no file"),
        ({"root": "lib"}, "package.root: 'lib' does not exist; give a folder"),
        ({"root": "setup.py"}, "package.root: 'setup.py' is a file; give a folder"),
        ({"root": "/src"}, "package.root: found '/src', allowed: a path from"),
        ({"root": "src", "include": ["common"]}, "package.include: 'common' lies outside of"),
        ({"suffixes": ["yaml"]}, "package.suffixes: found 'yaml', allowed: an ending with its dot"),
        ({"exclude": ["/x"]}, "package.exclude: found '/x'"),
    ],
)
def test_what_cannot_be_packaged_is_refused(repository: Repository, options: dict[str, object], words: str) -> None:
    with pytest.raises(FlowInfraError) as raised:
        repository.packed(**options)
    text = str(raised.value)
    assert words in text
    assert text.startswith("flows/fraud/flow.py: ")


def test_all_mistakes_at_once(repository: Repository) -> None:
    with pytest.raises(FlowInfraError) as raised:
        repository.packed(include=["nothing", "/abs"], suffixes=["md"])
    assert len(raised.value.errors) == 3


def test_a_project_below_the_repository_packs_from_above(repository: Repository) -> None:
    (repository.folder / "infra").mkdir()
    shape = Shape(package_root="..", package_include=("../common/*.py",))
    flow = repository.folder / "infra" / "../flows/fraud/flow.py"
    made = compile_flow(CompileRequest(flow=flow, root=repository.folder / "infra", shape=shape))
    assert {"common/__init__.py", "common/tools.py", "rules.py"} < {*made.package.files}
    assert "common/data.yaml" not in made.package.files


def test_links_are_followed_as_metaflow_does(repository: Repository) -> None:
    (repository.folder / "src" / "shared").symlink_to("../common")
    (repository.folder / "src" / "back").symlink_to("..")
    assert {"shared/tools.py", "lib/one.py", "back/common/tools.py"} <= repository.packed(root="src")


def test_a_flow_that_is_a_link_has_what_is_beside_the_link(tmp_path: Path) -> None:
    lay_out(tmp_path, ["common/flow.py"], source(head="import settings"))
    lay_out(tmp_path, ["common/settings.py", "common/other.py"], "X = 1")
    lay_out(tmp_path, ["teams/a/settings.py", "teams/a/own.py"], "X = 2")
    (tmp_path / "teams/a/flow.py").symlink_to("../../common/flow.py")
    compiled = compile_flow(CompileRequest(flow=tmp_path / "teams/a/flow.py", root=tmp_path))
    assert {name: body for name, (body, _) in content(compiled).items() if name != "flow.py"} == {
        "settings.py": b"X = 2",
        "own.py": b"X = 2",
    }


def test_what_git_ignores_stays_out_unless_it_is_named(repository: Repository) -> None:
    folder = repository.folder
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("*_local.py\nbuild/\n/flows/fraud/made/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "all")
    lay_out(
        folder,
        [
            *("common/secrets_local.py", "common/build/x.py", "flows/fraud/secrets_local.py", "flows/fraud/made/m.py"),
            *("build/generated.py", "flows/fraud/new.py"),
        ],
    )
    (folder / "flows/fraud/linked.py").symlink_to("../../common/secrets_local.py")
    assert repository.packed(include=["common"]) == {*COMMON, "new.py"}
    assert repository.packed(root=".", exclude=["src", "ci", "setup.py", "flows"]) == {
        "common/__init__.py",
        "common/tools.py",
    }
    named = ["common/secrets_local.py", "build", "flows/fraud/made"]
    assert repository.packed(include=named) == {"common/secrets_local.py", "build/generated.py", "made/m.py", "new.py"}
    made = repository.request(include=named)
    assert unreviewed_files([(compile_flow(made), made)]) == [
        ["packaged, but not in git: build/generated.py, common/secrets_local.py, made/m.py, new.py"]
    ]


def test_a_folder_that_git_ignores_itself_is_as_one_outside_of_git(repository: Repository) -> None:
    git(repository.folder, "init", "-q")
    (repository.folder / ".gitignore").write_text("/flows/\n")
    assert "rules.py" in compile_flow(repository.request()).package.files


def test_the_cache_sees_gitignore_and_links(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[object] = []
    record = process.record

    def recorded(*args: Any) -> Any:
        runs.append(args)
        return record(*args)

    monkeypatch.setattr(process, "record", recorded)
    folder = repository.folder
    git(folder, "init", "-q")
    (folder / "src" / "shared").symlink_to("../common")
    lay_out(folder, ["other/tools.py"], "X = 1")
    lay_out(folder, ["other/__init__.py"])

    def again() -> set[str] | None:
        """What is packed if that took a child process."""
        before = len(runs)
        packed = repository.packed(root="src")
        return packed if len(runs) > before else None

    full = {"lib/one.py", "shared/__init__.py", "shared/tools.py"}
    assert again() == full
    assert again() is None
    (folder / ".gitignore").write_text("tools.py\n")
    assert again() == full - {"shared/tools.py"}
    assert again() is None
    (folder / ".gitignore").write_text("*.log\n")
    # what was made before is there still
    assert again() is None
    (folder / "src" / "shared").unlink()
    (folder / "src" / "shared").symlink_to("../other")
    assert again() == full
    lay_out(folder, ["other/new.py"])
    assert again() == {*full, "shared/new.py"}
    lay_out(folder, ["common/unrelated.py"])
    assert again() is None


def test_files_that_vanish_after_the_walk_do_no_harm(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = repository.folder
    lay_out(folder, ["common/metaflow.s3.x1/part.py", "flows/fraud/metaflow.s3.x2/part.py"])
    read = packing.pack

    def late(*args: object) -> object:
        for name in ("common/metaflow.s3.x1", "flows/fraud/metaflow.s3.x2"):
            for file in (folder / name).iterdir():
                file.unlink()
            (folder / name).rmdir()
        return read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("flowinfra.compiler.assemble.pack", late)
    assert repository.packed(include=["common"]) == COMMON


def broken_link(file: Path) -> None:
    file.symlink_to("nowhere.py")


@pytest.mark.parametrize(("make", "words"), [(broken_link, "is a link to nowhere.py"), (os.mkfifo, "is not a file")])
def test_what_cannot_be_read_is_said(repository: Repository, make: Callable[[Path], None], words: str) -> None:
    make(repository.folder / "flows/fraud/odd.py")
    with pytest.raises(CompileError, match=rf"^flows/fraud/flow\.py: flows/fraud/odd\.py: .*{words}"):
        repository.packed()
    assert repository.packed(exclude=["flows/fraud/odd.py"]) == set()


def test_where_the_flow_runs(tmp_path: Path) -> None:
    """As `python flows/fraud/flow.py` in the project's folder, or in another one that is named."""
    body = f"""
    settings = Config("settings", default="config/fraud.json")
    points = IncludeFile("points", default="data/c.csv")
    words = Parameter("words", default=open("data/c.csv").read())
{STEPS}"""
    lay_out(tmp_path, ["flows/fraud/flow.py"], source(body=body))
    for folder, limit in ((tmp_path, 1), (tmp_path / "flows/fraud", 2), (tmp_path / "other", 3)):
        lay_out(folder, ["config/fraud.json"], f'{{"limit": {limit}}}')
        lay_out(folder, ["data/c.csv"], f"row {limit}")
    for working, limit in ((None, 1), ("flow", 2), ("other", 3), ("flows/fraud", 2)):
        made = compile_flow(CompileRequest(flow=tmp_path / "flows/fraud/flow.py", root=tmp_path, folder=working))
        assert made.flow.configs["settings"] == {"limit": limit}
        assert made.flow.parameters["words"].default == f"row {limit}"
        included = made.flow.parameters["points"].included
        assert included is not None
        assert blob_path(made.objects[included].sha256).read_bytes() == compress(f"row {limit}".encode())
    with pytest.raises(CompileError, match=r"working_folder: 'none' does not exist; give a folder by its path from"):
        compile_flow(CompileRequest(flow=tmp_path / "flows/fraud/flow.py", root=tmp_path, folder="none"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("queue.py", "the installed module 'queue', which Metaflow or its libraries need"),
        # what tasks import alone
        ("calendar.py", "the installed module 'calendar'"),
        ("requests/__init__.py", "the installed module 'requests'"),
        ("metaflow/__init__.py", "Metaflow"),
    ],
)
def test_a_module_that_hides_what_metaflow_needs_is_refused(tmp_path: Path, name: str, words: str) -> None:
    lay_out(tmp_path, ["flow.py"], source())
    lay_out(tmp_path, [name], "X = 1")
    with pytest.raises(CompileError) as raised:
        compile_flow(CompileRequest(flow=tmp_path / "flow.py", root=tmp_path))
    assert str(raised.value).startswith(f"flow.py: {name}: would be imported in place of {words}")


def test_a_module_that_hides_what_nobody_needs_is_none_of_our_business(tmp_path: Path) -> None:
    lay_out(tmp_path, ["flow.py"], source(head="import test"))
    lay_out(tmp_path, ["test.py", "antigravity.py", "os.py", "queue/data.py"], "X = 1")
    compiled = compile_flow(CompileRequest(flow=tmp_path / "flow.py", root=tmp_path))
    assert {"test.py", "antigravity.py", "os.py"} < {*compiled.package.files}


@pytest.mark.parametrize(
    "body",
    [
        'c = Config("c", default="conf/c.json")',
        'c = IncludeFile("c", default="conf/c.json")',
        'c = Parameter("c", default=open("conf/c.json").read())',
    ],
)
def test_a_file_that_is_not_there_is_told_with_where_it_was_looked_for(tmp_path: Path, body: str) -> None:
    lay_out(tmp_path, ["flows/a/flow.py"], source(body=f"    {body}{STEPS}"))

    def words() -> str:
        with pytest.raises(CompileError) as raised:
            compile_flow(CompileRequest(flow=tmp_path / "flows/a/flow.py", root=tmp_path))
        return str(raised.value)

    looked = "; it was looked for in the project's folder, where the flow is compiled (`working_folder`)"
    assert words().endswith(f"{looked}; write its path from there")
    lay_out(tmp_path, ["flows/a/conf/c.json"], "{}")
    assert words().endswith(
        f"{looked}, and is beside the flow: write 'flows/a/conf/c.json', or give `working_folder: flow` (on the "
        "command line --working-folder flow)"
    )
