"""The repository itself: the lock, the pinned tools and set-up, what no tracked file may name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import tomli

from flowinfra.targets.argo import releases
from tools.bootstrap import cluster, environment, files, go, kubernetes_provider, pulumi
from tools.bootstrap.output import SetupError, run_shown

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)

# In pieces, so that this file does not name them either.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("registry", "npmjs", "org"),
        ("npmjs", "com"),
        ("conda", "anaconda", "org"),
        ("crates", "io"),
    )
]


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required_names(requirements: list[str | dict[str, str]]) -> set[str]:
    names: set[str] = set()
    for requirement in requirements:
        if isinstance(requirement, dict):
            names |= required_names(PROJECT["dependency-groups"][requirement["include-group"]])
        else:
            found = re.match(r"[A-Za-z0-9._-]+", requirement)
            assert found is not None
            names.add(canonical(found[0]))
    return names


class TestLock:
    def test_every_pin_has_hashes(self) -> None:
        entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)
        assert len([entry for entry in entries if entry]) > 50
        assert [entry for entry in entries if entry and "--hash=sha256:" not in entry] == []

    def test_names_no_address_and_no_path(self) -> None:
        assert "://" not in LOCK
        assert not re.search(r"^--?[a-z]", LOCK, re.MULTILINE), "an option such as --find-links"
        assert not re.search(r"(?:^|\s)/", LOCK)

    def test_covers_what_the_project_declares(self) -> None:
        declared = required_names(
            [
                *PROJECT["project"]["dependencies"],
                *chain.from_iterable(PROJECT["project"]["optional-dependencies"].values()),
                *PROJECT["dependency-groups"]["dev"],
                *PROJECT["build-system"]["requires"],
            ]
        )
        locked = {name for name, _ in PINNED.findall(LOCK)}
        assert declared - locked == set()

    def test_what_is_installed_is_the_lock_without_two_large_extras(self) -> None:
        wanted = environment.wanted_of(LOCK)
        locked = {name for name, _ in PINNED.findall(LOCK)}
        assert locked - {name for name, _ in PINNED.findall(wanted)} == environment.LEFT_OUT
        left_out = set(LOCK.splitlines()) - set(wanted.splitlines())
        assert {line.strip()[:7] for line in left_out} <= {"pulumi-", "--hash="}

    def test_sdk_is_of_the_release_that_the_cli_is_built_from(self) -> None:
        assert dict(PINNED.findall(LOCK))["pulumi"] == go.CLI_MODULE.pulumi_version
        assert f"pulumi=={go.CLI_MODULE.pulumi_version}" in PROJECT["dependency-groups"]["dev"]

    def test_kubernetes_sdk_is_of_the_release_of_the_provider_that_is_built(self) -> None:
        assert dict(PINNED.findall(LOCK))["pulumi-kubernetes"] == kubernetes_provider.VERSION
        assert f"pulumi-kubernetes=={kubernetes_provider.VERSION}" in PROJECT["dependency-groups"]["dev"]

    def test_argo_is_of_the_releases_that_users_are_told_of(self) -> None:
        built = [go.numbers(argo.version)[:2] for argo in (cluster.ARGO_WORKFLOWS, cluster.OLDER_ARGO_WORKFLOWS)]
        assert built == [releases.NEWEST, releases.OLDEST]


class TestTrackedFiles:
    def test_name_no_package_registry(self) -> None:
        found = re.compile("|".join(map(re.escape, REGISTRIES)).encode())
        naming = [path for path in tracked_files() if found.search(path.read_bytes())]
        assert naming == []

    def test_name_no_folder_of_this_machine(self) -> None:
        # A folder directly under / (a container's /app) is too common a word to look for.
        folders = [str(path) for path in (ROOT, Path.home()) if len(path.parts) > 2]
        for folder in [*folders, str(files.cache_folder())]:
            naming = [path for path in tracked_files() if folder.encode() in path.read_bytes()]
            assert naming == [], folder


@pytest.fixture
def executables(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def write_executable(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class TestInstalledPulumi:
    def test_none(self, executables: Path) -> None:
        assert pulumi.installed_pulumi(str(executables)) == (None, "no pulumi on PATH")

    def test_a_working_one(self, executables: Path) -> None:
        write_executable(executables / "pulumi", "echo v3.251.1-beta")
        write_executable(executables / "pulumi-language-python", "")
        found, words = pulumi.installed_pulumi(str(executables))
        assert found == executables / "pulumi"
        assert words == f"{executables / 'pulumi'}, version v3.251.1"

    def test_language_host_beside_what_a_link_points_to(self, executables: Path) -> None:
        links = executables.parent / "links"
        links.mkdir()
        write_executable(executables / "pulumi", "echo v3.300.0")
        write_executable(executables / "pulumi-language-python", "")
        (links / "pulumi").symlink_to(executables / "pulumi")
        found, _ = pulumi.installed_pulumi(str(links))
        assert found == links / "pulumi"

    @pytest.mark.parametrize(
        ("program", "host", "words"),
        [
            ("echo v3.250.0", False, "has no pulumi-language-python beside it"),
            ("echo v3.100.0", True, "is version v3.100.0, flowinfra needs 3.220.0 or newer"),
            ("exit 3", True, "does not print a version"),
            ("echo hello", True, "does not print a version"),
        ],
    )
    def test_one_that_is_no_use(self, executables: Path, program: str, host: bool, words: str) -> None:
        write_executable(executables / "pulumi", program)
        if host:
            write_executable(executables / "pulumi-language-python", "")
        found, said = pulumi.installed_pulumi(str(executables))
        assert found is None
        assert words in said

    def test_what_set_up_provides_is_not_taken_for_installed(
        self, executables: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = [str(files.VENV / "bin"), "", str(executables), "/usr/bin"]
        monkeypatch.setenv("PATH", os.pathsep.join(path))
        assert pulumi.foreign_path(executables) == "/usr/bin"


class TestGo:
    def test_missing(self, executables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(executables))
        with pytest.raises(SetupError, match=r"not on PATH.\nInstall Go [0-9.]+ or newer"):
            go.go_command(go.CLI_MODULE, "Pulumi", pulumi.INSTEAD_OF_GO)

    def test_too_old(self, executables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_executable(executables / "go", "echo go version go1.19.8 linux/amd64")
        monkeypatch.setenv("PATH", str(executables))
        with pytest.raises(SetupError, match=r"too old to build Pulumi: go version go1\.19\.8"):
            go.go_command(go.CLI_MODULE, "Pulumi", pulumi.INSTEAD_OF_GO)

    def test_refuses_the_module(self, executables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_executable(executables / "go", "echo 'go.mod requires go >= 1.99' >&2; exit 1")
        monkeypatch.setenv("PATH", str(executables))
        with pytest.raises(SetupError, match=r"cannot build Pulumi: go.mod requires go >= 1\.99"):
            go.go_command(go.CLI_MODULE, "Pulumi", pulumi.INSTEAD_OF_GO)

    def test_modules_name_their_versions(self) -> None:
        for module in (go.CLI_MODULE, go.HOST_MODULE):
            assert go.numbers(module.go_version) >= (1, 21)
            assert go.numbers(module.pulumi_version) > (3, 0)

    def test_nothing_is_built_where_all_is_there(self, executables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in pulumi.EXECUTABLES:
            write_executable(executables / name, "")
        monkeypatch.setenv("PATH", "")
        pulumi.build_pulumi(executables, "no pulumi on PATH")
        assert not (executables / ".lock").exists()

    def test_scripts_alone_are_copied_and_nothing_is_built(
        self, executables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        built, sdk = executables / "built", executables / "sdk"
        built.mkdir()
        for name, folder in pulumi.SCRIPTS.items():
            (sdk / folder).mkdir(parents=True)
            (sdk / folder / name).write_text(f"of the SDK: {name}")
        for name in pulumi.EXECUTABLES[:-1]:
            write_executable(built / name, "")
        program = f"""case "$*" in
            version) echo go version go9.0 linux/amd64 ;;
            "mod download -json {go.PULUMI}/sdk/v3") echo '{{"Dir": "{sdk}"}}' ;;
            *) exit 1 ;;
        esac"""
        write_executable(executables / "go", program)
        monkeypatch.setenv("PATH", str(executables))
        pulumi.build_pulumi(built, "no pulumi on PATH")
        launcher = built / "pulumi-resource-pulumi-python"
        assert launcher.read_text() == "of the SDK: pulumi-resource-pulumi-python"
        assert os.access(launcher, os.X_OK)
        assert "of the SDK" not in (built / "pulumi-language-python-exec").read_text()
        assert capsys.readouterr().out == ""
        launcher.unlink()
        (executables / "go").unlink()
        with pytest.raises(SetupError, match="pulumi-resource-pulumi-python is not installed, and Go"):
            pulumi.build_pulumi(built, "no pulumi on PATH")

    def test_build_without_go_leaves_nothing_that_looks_built(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "")
        with pytest.raises(SetupError, match="Go, which could build it, is not on PATH"):
            pulumi.build_pulumi(tmp_path / "bin", "no pulumi on PATH")
        assert [path.name for path in (tmp_path / "bin").iterdir()] == [".lock"]


class TestReplacing:
    def test_a_failed_write_changes_nothing(self, tmp_path: Path) -> None:
        target = tmp_path / "pulumi"
        target.write_text("old")

        def fail() -> None:
            with files.replacing(target) as path:
                path.write_text("half")
                raise SetupError("stopped")

        with pytest.raises(SetupError):
            fail()
        assert [path.name for path in tmp_path.iterdir()] == ["pulumi"]
        assert target.read_text() == "old"


class TestLocked:
    def test_a_second_one_waits_and_says_so(self, tmp_path: Path) -> None:
        held = "import sys; from pathlib import Path; from tools.bootstrap.files import locked\n"
        held += "with locked(Path(sys.argv[1]), 'Pulumi'): print('has it', flush=True)"
        with files.locked(tmp_path / ".lock", "Pulumi"):
            second = subprocess.Popen(
                [sys.executable, "-c", held, tmp_path / ".lock"], cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            assert second.stdout is not None
            assert second.stdout.readline() == "Waiting for another set-up that is preparing Pulumi.\n"
        assert second.communicate()[0] == "has it\n"


class TestRunShown:
    def test_output_is_shown_only_on_failure(self, capfd: pytest.CaptureFixture[str]) -> None:
        run_shown([sys.executable, "-c", "print('quiet')"], "thing", str)
        assert "quiet" not in capfd.readouterr().out
        with pytest.raises(SetupError, match=r"ended with code 3:\n  \| the reason"):
            run_shown([sys.executable, "-c", "print('the reason'); exit(3)"], "thing", str)


class TestSetupScript:
    def test_names_what_it_found_where_no_python_fits(self, executables: Path) -> None:
        write_executable(executables / "python3", "echo Python 3.9.1; exit 1")
        result = subprocess.run(
            [ROOT / "tools" / "setup"],
            env={"PATH": os.defpath, "PYTHON": str(executables / "python3")},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 1
        assert "error: no usable Python found" in result.stderr
        assert "Python 3.9.1" in result.stderr
        assert "needs Python 3.10 to 3.13" in result.stderr
        assert "Traceback" not in result.stderr

    def test_names_each_python_that_it_looked_for(self, tmp_path: Path) -> None:
        for tool in ("bash", "dirname", "head"):
            found = shutil.which(tool)
            assert found is not None
            (tmp_path / tool).symlink_to(found)
        setup = subprocess.run([ROOT / "tools" / "setup"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
        assert setup.returncode == 1
        assert "  python3: not found\n" in setup.stderr
        assert "  python3.10: not found\n" in setup.stderr


def test_readme_teaches_the_test_command_that_ci_runs() -> None:
    assert "make test" in (ROOT / "README.md").read_text()
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "run: .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
