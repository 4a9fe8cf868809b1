"""Finding and building the programs of the tests' Kubernetes cluster, with a `go` of the test's own."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tools.bootstrap import cluster
from tools.bootstrap.cluster import (
    ARGO_WORKFLOWS,
    KUBERNETES,
    OLDER_ARGO_WORKFLOWS,
    RELEASES,
    Program,
    Release,
    Source,
)
from tools.bootstrap.go import GoModule
from tools.bootstrap.output import SetupError

SUM = "h1:right"
GO = """#!/bin/sh
case "$1 $2" in
  "version ") echo go version go1.99.0 linux/amd64 ;;
  "mod download") cat "$HOME/download.json" ;;
  "list "*) echo example.org/thing ;;
  "build "*)
    while [ "$1" != -o ]; do shift; done
    cat added.txt copied.txt > "$2"; chmod +x "$2" ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but that `go`, and an empty cache."""
    write(tmp_path / "path" / "go", GO)
    module = tmp_path / "module"
    for name in ("go.mod", "there.txt", "manifests/a.yaml"):
        (module / name).parent.mkdir(parents=True, exist_ok=True)
        (module / name).write_text(f"{name}\ngo 1.24.0\n")
        (module / name).chmod(stat.S_IREAD)
    (tmp_path / "download.json").write_text(json.dumps({"Dir": str(module), "Sum": SUM}))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(cluster.REQUIRED_VARIABLE, raising=False)
    monkeypatch.setattr(cluster, "why_not", lambda: None)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def release(checksum: str = SUM) -> Release:
    source = Source("example.org/thing", checksum, copied={"copied.txt": "there.txt"}, written={"added.txt": "added\n"})
    return Release(
        "thing", "1.2.3", (Program("thing", "./cmd", ("--version",)),), "", source, manifests={"manifests": "all"}
    )


def test_versions_are_those_of_go_mod() -> None:
    assert [each.version for each in RELEASES if each.name == "kubernetes"] == [KUBERNETES.version]
    assert KUBERNETES.version.startswith("1.")
    assert {each.folder.name for each in RELEASES} >= {f"argo-workflows-{ARGO_WORKFLOWS.version}"}


def test_built_in_a_copy_with_what_the_module_lacks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thing = release()
    monkeypatch.setattr(cluster, "RELEASES", (thing,))
    with pytest.raises(SetupError, match=r"Not built: thing\. Run `make cluster-tools`"):
        cluster.programs()
    cluster.prepare_cluster()
    assert cluster.programs() == {"thing": thing.folder / "bin" / "thing"}
    assert (thing.folder / "bin" / "thing").read_text() == "added\nthere.txt\ngo 1.24.0\n"
    assert thing.manifest("all/a.yaml").exists()
    assert sorted(path.name for path in thing.folder.iterdir()) == ["bin", "manifests"]
    (home / "path" / "go").unlink()
    cluster.prepare_cluster()


def test_built_with_files_that_the_folder_of_its_module_lacks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is, here, what `go` is told of them."""
    script = GO.replace("while [", 'while [ "$1" != -overlay ]; do shift; done; overlay=$2; while [')
    write(home / "path" / "go", script.replace("cat added.txt copied.txt", 'cat "$overlay"'))
    module = GoModule(home / "module")

    def embedded(go: str, folder: Path) -> dict[str, Path]:
        assert Path(go) == home / "path" / "go"
        (folder / "made.json").write_text("{}")
        return {"schema.json": folder / "made.json"}

    thing = replace(release(), source=None, module=module, manifests={}, embedded=embedded)
    monkeypatch.setattr(cluster, "RELEASES", (thing,))
    cluster.prepare_cluster()
    [(name, made)] = json.loads((thing.folder / "bin" / "thing").read_text())["Replace"].items()
    assert name == str(module.folder / "schema.json")
    assert Path(made).name == "made.json"
    assert [path.name for path in thing.folder.iterdir()] == ["bin"]


def test_an_older_release_runs_with_the_newer_ones_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(release: Release, program: Program) -> Path:
        return Path(release.version) / program.name

    monkeypatch.setattr(Release, "find", found)
    monkeypatch.setattr(Release, "is_prepared", True)
    for argo, version in ((ARGO_WORKFLOWS, ARGO_WORKFLOWS.version), (OLDER_ARGO_WORKFLOWS, "3.7.18")):
        programs = cluster.programs(argo)
        assert {str(programs[name].parent) for name in ("workflow-controller", "argoexec")} == {version}
        assert programs["argo"].parent == Path(ARGO_WORKFLOWS.version)


def test_manifests_alone_are_copied_without_a_build(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "RELEASES", (release(),))
    cluster.prepare_cluster()
    (home / "module" / "there.txt").unlink()  # without which it cannot be built
    more = replace(release(), manifests={"manifests": "all", "go.mod": "go.mod"})
    monkeypatch.setattr(cluster, "RELEASES", (more,))
    cluster.prepare_cluster()
    assert more.is_prepared


def test_another_content_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "RELEASES", (release("h1:other"),))
    with pytest.raises(SetupError, match=r"example\.org/thing v1\.2\.3 is not what it was: h1:right, not h1:other"):
        cluster.prepare_cluster()


@pytest.mark.parametrize(("version", "taken"), [("v1.2.9", True), ("1.2.3", True), ("v1.20.0", False), ("none", False)])
def test_installed_ones_of_the_same_minor_version_are_taken(home: Path, version: str, taken: bool) -> None:
    write(home / "path" / "thing", f"#!/bin/sh\necho thing: {version}\n")
    thing = release()
    assert (thing.find(thing.programs[0]) is not None) == taken


def test_one_that_cannot_tell_its_version_is_not_taken(home: Path) -> None:
    write(home / "path" / "thing", "#!/bin/sh\necho 1.2.3\n")
    assert release().find(replace(release().programs[0], asks=())) is None


@pytest.mark.parametrize("reason", ["it needs Linux, this is Plan 9", None])
def test_where_it_cannot_run_it_is_left_out_unless_required(
    home: Path, reason: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "RELEASES", (release(),))
    monkeypatch.setattr(cluster, "why_not", lambda: reason)
    (home / "path" / "go").unlink()
    monkeypatch.setenv("PATH", str(home / "path"))
    cluster.prepare_cluster()
    said = capsys.readouterr().out
    assert (reason or "Go, which could build it, is not on PATH") in said
    assert "The tests that need it will be skipped." in said
    monkeypatch.setenv(cluster.REQUIRED_VARIABLE, "1")
    with pytest.raises(SetupError):
        cluster.prepare_cluster()
