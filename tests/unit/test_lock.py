"""`flowinfra lock` with Metaflow's own solving: micromamba is a stand-in, pip is real, packages come from loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowinfra.cli.lock import command
from flowinfra.compiler import CompileRequest, blob_path, compile_flow, read_bundle, write_bundle
from flowinfra.compiler.fetch import fetch_packages
from flowinfra.compiler.lock import lock_command, lock_flow
from flowinfra.errors import CompileError, LockError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.lock import Lock
from flowinfra.model.shape import Shape
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.reading import step_containers
from tests.locked_flow import FLOW, PYTHON, Locked, conda_only, env_flow, locked_flow, stock, use_solver
from tests.package_site import Site, serve
from tests.unit.components.compiled import for_step_functions
from tests.unit.expanded import step_commands

# the flow makes sure that the solver's variable does not reach it
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*reads the variable PIP_INDEX_URL:flowinfra.compiler.compile.CompileWarning"
)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with locked_flow(tmp_path_factory.mktemp("lock")) as found:
        yield found


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A solver that must not be started, and sources that are not there."""
    program = tmp_path / "bin" / "micromamba"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho a solver was started >&2\nexit 70\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CONDA_CHANNELS", "http://127.0.0.1:9/channel")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")


@pytest.fixture
def solver(locked: Locked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site and a cache of the test's own."""
    use_solver(locked.site, tmp_path / "home", monkeypatch)
    monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "cache"))
    return locked.site


def archive(compiled: CompiledFlow) -> dict[str, bytes]:
    content = gzip.decompress(blob_path(compiled.objects[compiled.package.object].sha256).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        return {m.name: packed.extractfile(m).read() for m in packed if m.isfile()}  # type: ignore[union-attr]


class TestLock:
    def test_has_a_steps_requirements_with_what_metaflow_adds(self, locked: Locked) -> None:
        steps = locked.lock.steps
        assert set(steps) == {"start", "middle"}, "end has disabled=True"
        assert steps["start"].pypi == {"six": "1.16.0", "boto3": ">=1.14.0", "requests": ">=2.21.0"}
        assert steps["start"].conda == {}
        assert steps["middle"].conda == {"zlib": "1.3.1", "boto3": ">=1.14.0", "requests": ">=2.21.0"}
        assert {step.python for step in steps.values()} == {PYTHON}

    def test_has_each_package_once_with_address_and_digest(self, locked: Locked) -> None:
        names = {key.rsplit("/", 1)[-1]: package for key, package in locked.lock.packages.items()}
        assert set(names) == {
            f"python-{PYTHON}-linux64_0.conda",
            "openssl-3.4.0-linux64_0.conda",
            "pip-25.0-noarch_0.conda",
            "zlib-1.3.1-linux64_0.conda",
            "boto3-1.40.0-noarch_0.conda",
            "requests-2.32.0-noarch_0.conda",
            "six-1.16.0-py3-none-any.whl",
            "boto3-1.40.0-py3-none-any.whl",
            "requests-2.32.0-py3-none-any.whl",
        }
        zlib = names["zlib-1.3.1-linux64_0.conda"]
        assert zlib.url == f"{locked.site.channel}/linux-64/zlib-1.3.1-linux64_0.conda"
        assert zlib.sha256 == hashlib.sha256(b"zlib 1.3.1 linux-64").hexdigest()
        assert zlib.size == len(b"zlib 1.3.1 linux-64")

    def test_keys_are_where_tasks_look(self, locked: Locked) -> None:
        # bootstrap.py loads `path` from METAFLOW_DATASTORE_SYSROOT_S3/conda
        assert f"conda/{locked.site.host}/channel/linux-64/zlib-1.3.1-linux64_0.conda" in locked.lock.packages

    def test_packages_are_in_the_cache(self, locked: Locked) -> None:
        for package in locked.lock.packages.values():
            stored = (locked.cache / "blobs" / package.sha256).read_bytes()
            assert hashlib.sha256(stored).hexdigest() == package.sha256

    def test_names_no_path_of_the_machine(self, locked: Locked) -> None:
        text = locked.file.read_text()
        assert str(locked.request.flow.parent) not in text
        assert str(locked.home) not in text
        assert str(locked.cache) not in text

    def test_holds_no_credentials(self, locked: Locked) -> None:
        assert "secret" not in locked.file.read_text()

    def test_command_says_what_was_locked(self, locked: Locked) -> None:
        assert locked.said == f"{locked.file}: 2 environments of 2 steps, 9 packages, 0.0 MB\n"

    def test_is_formatted_for_review(self, locked: Locked) -> None:
        text = locked.file.read_text()
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"

    def test_leaves_nothing_beside_the_flow_but_the_lock(self, locked: Locked) -> None:
        assert {path.name for path in locked.request.flow.parent.iterdir()} == {"flow.py", "flow.lock.json"}
        assert not list(locked.home.glob(".m*")), "the user's own micromamba and Metaflow folders are left alone"

    @pytest.mark.usefixtures("solver")
    def test_is_the_same_from_a_mac_with_another_folder_home_and_cache(
        self, locked: Locked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MAMBA_PLATFORM", "osx-arm64")
        request = replace(env_flow(tmp_path / "mac"), python=interpreter(tmp_path, MAC))
        lock_flow(request)
        assert any("osx-arm64" in path for path in locked.site.asked), "pip runs in an environment of the own platform"
        assert (tmp_path / "mac" / "flow.lock.json").read_bytes() == locked.file.read_bytes()

    def test_keeps_what_is_still_asked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        def versions(lock: Lock | None, step: str) -> set[str]:
            assert lock is not None
            keys = lock.environments[lock.steps[step].environment].conda
            names = {key.rsplit("/", 1)[-1] for key in keys}
            return {name for name in names if name.startswith(("openssl", "zlib"))}

        two = FLOW.replace('@pypi(packages={"six": "1.16.0"})', '@conda(packages={"zlib": "1.3.2"})')
        with serve(tmp_path / "site") as site:
            stock(site)
            use_solver(site, tmp_path / "home", monkeypatch)
            request = env_flow(tmp_path / "project", lambda _: two)
            lock_flow(request)
            site.add_conda("openssl", "3.5.0")
            env_flow(tmp_path / "project", lambda _: two.replace('"zlib": "1.3.1"', '"zlib": "1.3"'))
            site.add_conda("zlib", "1.3")
            extended = lock_flow(request)
            upgraded = lock_flow(request, upgrade=True)
        assert versions(extended, "start") == {"openssl-3.4.0-linux64_0.conda", "zlib-1.3.2-linux64_0.conda"}
        assert versions(extended, "middle") == {"openssl-3.5.0-linux64_0.conda", "zlib-1.3-linux64_0.conda"}
        assert versions(upgraded, "start") == {"openssl-3.5.0-linux64_0.conda", "zlib-1.3.2-linux64_0.conda"}


MAC = "import platform; platform.system, platform.machine = lambda: 'Darwin', lambda: 'arm64'"
OTHER_PATCH_RELEASE = """
import collections
Version = collections.namedtuple("version_info", "major minor micro releaselevel serial")
sys.version_info = Version(*sys.version_info[:2], 99, "final", 0)
"""


def interpreter(folder: Path, difference: str) -> str:
    """A Python that takes itself for another one."""
    start, program = folder / "start.py", folder / "other-python"
    run = "import runpy; sys.argv = sys.argv[1:]; sys.path[0] = ''; runpy.run_path(sys.argv[0], run_name='__main__')"
    start.write_text(f"import sys\n{difference}\n{run}\n")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {start} "$@"\n')
    program.chmod(0o755)
    return str(program)


@pytest.mark.usefixtures("no_network")
class TestCompile:
    def test_puts_the_manifest_where_tasks_read_it(self, locked: Locked) -> None:
        manifest = json.loads(archive(compile_flow(locked.request))[".mf_meta/conda.manifest"])
        assert set(manifest) == set(locked.lock.environments)
        for id_, platforms in manifest.items():
            # bootstrap.py: json.load(f)[id_][architecture], then each package's path
            found = platforms["linux-64"]
            assert [f"conda/{p['path']}" for p in found["conda"]] == list(locked.lock.environments[id_].conda)
            if locked.lock.environments[id_].pypi is None:
                assert "pypi" not in found
            else:
                assert [f"conda/{p['path']}" for p in found["pypi"]] == list(locked.lock.environments[id_].pypi or ())

    def test_steps_start_in_their_environment(self, locked: Locked) -> None:
        compiled = compile_flow(locked.request)
        commands = step_commands(for_step_functions(compiled).step_functions)
        for name, step in locked.lock.steps.items():
            command = commands[name]
            assert f"python -m metaflow.plugins.pypi.bootstrap EnvFlow {step.environment} s3" in command
            assert f"$MF_ARCH/{step.environment}/bin/python -s flow.py" in command
        assert "bootstrap" not in commands["end"]

    def test_steps_on_argo_start_in_their_environment(self, locked: Locked) -> None:
        compiled = compile_flow(replace(locked.request, target="argo"))
        assert isinstance(compiled, ArgoCompiled)
        containers = {each.step: each.container for each in step_containers(compiled.argo.workflow_template)}
        for name, step in locked.lock.steps.items():
            command = containers[name]["command"][-1]
            assert f"python -m metaflow.plugins.pypi.bootstrap EnvFlow {step.environment} s3" in command
            assert f"$MF_ARCH/{step.environment}/bin/python -s flow.py" in command
        assert "bootstrap" not in containers["end"]["command"][-1]
        ours, theirs = (archive(each)[".mf_meta/conda.manifest"] for each in (compiled, compile_flow(locked.request)))
        assert ours == theirs, "one lock serves both targets"
        keys = {entry.key for entry in compiled.objects.values() if entry.kind == "environment"}
        assert keys == locked.lock.packages.keys()

    def test_packages_are_objects_of_the_datastore(self, locked: Locked) -> None:
        objects = [entry for entry in compile_flow(locked.request).objects.values() if entry.kind == "environment"]
        assert {entry.key: (entry.sha256, entry.size) for entry in objects} == {
            key: (package.sha256, package.size) for key, package in locked.lock.packages.items()
        }
        assert not any(entry.gzip for entry in objects)
        assert all(blob_path(entry.sha256).is_file() for entry in objects)

    def test_is_the_same_from_another_folder_and_without_the_cache(
        self, locked: Locked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = compile_flow(locked.request).to_json()
        fresh = tmp_path / "cache"
        shutil.copytree(locked.cache / "blobs", fresh / "blobs")
        monkeypatch.setenv("FLOWINFRA_CACHE", str(fresh))
        monkeypatch.setenv("HOME", str(tmp_path))
        assert compile_flow(locked.copy(tmp_path / "elsewhere")).to_json() == first

    @pytest.mark.parametrize("difference", [MAC, OTHER_PATCH_RELEASE], ids=["mac", "patch-release"])
    def test_is_the_same_on_another_machine(self, locked: Locked, tmp_path: Path, difference: str) -> None:
        request = replace(locked.copy(tmp_path / "elsewhere"), python=interpreter(tmp_path, difference))
        assert compile_flow(request).to_json() == compile_flow(locked.request).to_json()

    def test_conda_and_pypi_take_the_same_lock(self, locked: Locked) -> None:
        compiled = compile_flow(replace(locked.request, shape=Shape(environment="conda")))
        assert [entry.kind for entry in compiled.objects.values()].count("environment") == len(locked.lock.packages)

    def test_takes_a_lock_from_elsewhere(self, locked: Locked, tmp_path: Path) -> None:
        request = env_flow(tmp_path / "project")
        compiled = compile_flow(replace(request, lock=locked.file))
        assert compiled.to_json() == compile_flow(locked.request).to_json()

    def test_a_bundle_holds_the_packages(self, locked: Locked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        compiled = compile_flow(locked.request)
        write_bundle(compiled, tmp_path / "env.flow")
        monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "fresh"))
        assert read_bundle(tmp_path / "env.flow") == compiled
        assert all(blob_path(package.sha256).is_file() for package in locked.lock.packages.values())

    def test_a_package_that_no_step_asks_for_any_more_is_left_out(self, locked: Locked, tmp_path: Path) -> None:
        request = locked.copy(
            tmp_path / "project",
            conda_only,
        )
        keys = [entry.key for entry in compile_flow(request).objects.values() if entry.kind == "environment"]
        assert keys
        assert not any(key.endswith(".whl") for key in keys)


class TestLockThatDoesNotFit:
    @pytest.mark.usefixtures("no_network")
    def test_none(self, tmp_path: Path) -> None:
        request = env_flow(tmp_path)
        with pytest.raises(LockError) as raised:
            compile_flow(request)
        assert str(raised.value) == (
            f"{request.flow}: steps start, middle run in environments of their own, and there is no lock "
            f"{tmp_path}/flow.lock.json. Solve them once, with network, and commit the lock: "
            f"flowinfra lock {request.flow} --environment pypi"
        )

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('"six": "1.16.0"', '"six": "1.17.0"', "step start: six 1.16.0 → 1.17.0."),
            ('"six": "1.16.0"', '"six": "1.16.0", "attrs": ""', "step start: attrs is new."),
            ('{"six": "1.16.0"}', "{}", "step start: six is gone."),
            ('{"zlib": "1.3.1"}', '{"zlib": "1.3.1"}, python="3.9.1"', f"step middle: python {PYTHON} → 3.9.1."),
            ("@conda(disabled=True)", '@conda(packages={"zlib": "1.3"})', "step end: is not locked."),
            ("@pypi", "@conda", "step start: @pypi → @conda."),
        ],
    )
    @pytest.mark.usefixtures("no_network")
    def test_changed(self, locked: Locked, tmp_path: Path, old: str, new: str, said: str) -> None:
        request = locked.copy(tmp_path / "project", lambda text: text.replace(old, new))
        with pytest.raises(LockError) as raised:
            compile_flow(request)
        assert f"is not as {tmp_path}/project/flow.lock.json has it: {said} " in str(raised.value)
        assert f"Lock it again: flowinfra lock {request.flow} --environment pypi" in str(raised.value)

    @pytest.mark.usefixtures("no_network")
    def test_changed_after_it_was_compiled(self, locked: Locked, tmp_path: Path) -> None:
        request = locked.copy(tmp_path / "project")
        compile_flow(request)
        (tmp_path / "project" / "flow.lock.json").unlink()
        with pytest.raises(LockError, match="there is no lock"):
            compile_flow(request)

    def test_the_command_repeats_the_options(self, tmp_path: Path) -> None:
        request = env_flow(tmp_path)
        shape = Shape(environment="conda", decospecs=("conda:packages={'a': '1'}",), configs={"size": {"n": 1}})
        assert lock_command(
            replace(request, shape=shape, python=sys.executable, lock=tmp_path / "prod.json", env={"REGION": "eu"})
        ) == (
            f"flowinfra lock {request.flow} --environment conda --with 'conda:packages={{'\"'\"'a'\"'\"': "
            f"'\"'\"'1'\"'\"'}}' --config-value size '{{\"n\": 1}}' --env REGION --python {sys.executable} "
            f"-o {tmp_path}/prod.json"
        )

    def test_environment_local(self, tmp_path: Path) -> None:
        request = env_flow(tmp_path)
        with pytest.raises(CompileError) as raised:
            compile_flow(replace(request, shape=Shape()))
        assert "give `environment: pypi`" in str(raised.value)
        assert f"flowinfra lock {request.flow}" in str(raised.value)


class TestFetch:
    @pytest.mark.usefixtures("solver")
    def test_brings_the_packages_to_another_machine(self, locked: Locked, tmp_path: Path) -> None:
        request = locked.copy(tmp_path / "project")
        with pytest.raises(LockError) as raised:
            compile_flow(request)
        count = len(locked.lock.packages)
        assert f"{count} packages of {tmp_path}/project/flow.lock.json are not in the cache" in str(raised.value)
        assert f"flowinfra lock {request.flow} --fetch" in str(raised.value)
        lines: list[str] = []
        assert fetch_packages(locked.lock, lines.append) == count
        assert "six-1.16.0-py3-none-any.whl (0.0 MB)" in lines
        assert fetch_packages(locked.lock, lines.append) == 0
        assert compile_flow(request).target == "step-functions"

    @pytest.mark.usefixtures("solver")
    def test_a_package_that_was_compiled_with_and_then_removed(self, locked: Locked, tmp_path: Path) -> None:
        request = locked.copy(tmp_path / "project")
        fetch_packages(locked.lock, lambda _line: None)
        compile_flow(request)
        blob_path(next(iter(locked.lock.packages.values())).sha256).unlink()
        with pytest.raises(LockError, match="1 packages of"):
            compile_flow(request)

    @pytest.mark.usefixtures("cache")
    def test_other_bytes_are_refused(self, tmp_path: Path) -> None:
        with serve(tmp_path / "site") as site:
            site.add_conda("zlib", "1.3.1")
            lock = one_package(f"{site.channel}/linux-64/zlib-1.3.1-linux64_0.conda", sha256="0" * 64)
            with pytest.raises(LockError, match="gave other bytes than were locked"):
                fetch_packages(lock, lambda _line: None)
        assert not blob_path("0" * 64).exists()

    @pytest.mark.usefixtures("cache")
    def test_a_package_that_is_gone(self, tmp_path: Path) -> None:
        with serve(tmp_path / "site") as site:
            lock = one_package(f"{site.channel}/linux-64/gone-1-linux64_0.conda")
            with pytest.raises(LockError, match=f"gone-1-linux64_0.conda: {site.host} answered 404"):
                fetch_packages(lock, lambda _line: None)
        with pytest.raises(LockError, match=f"gone-1-linux64_0.conda: cannot be fetched from {site.host}"):
            fetch_packages(lock, lambda _line: None)


def one_package(url: str, sha256: str = "1" * 64) -> Lock:
    key = "conda/" + url.removeprefix("http://")
    data: dict[str, Any] = {
        "flow": "F",
        "metaflow": "2",
        "environment": "pypi",
        "python": "3.11.1",
        "steps": {"start": {"environment": "abc", "python": "3.11.1", "conda": {"zlib": "1"}}},
        "environments": {"abc": {"conda": [key]}},
        "packages": {key: {"url": url, "sha256": sha256, "size": 1}},
    }
    return Lock.model_validate(data)


class TestSolverThatFails:
    def refused(self, request: CompileRequest) -> str:
        with pytest.raises(LockError) as raised:
            lock_flow(request)
        assert not request.flow.with_name("flow.lock.json").exists()
        return str(raised.value)

    @pytest.mark.usefixtures("solver")
    def test_no_such_conda_package(self, tmp_path: Path) -> None:
        request = env_flow(
            tmp_path / "project", lambda text: conda_only(text).replace('"zlib": "1.3.1"', '"nowhere": "1"')
        )
        said = self.refused(request)
        assert "its environments could not be solved. Micromamba ran into an error" in said
        assert "nothing provides requested nowhere ==1" in said

    @pytest.mark.usefixtures("solver")
    def test_no_such_wheel(self, tmp_path: Path) -> None:
        request = env_flow(tmp_path / "project", lambda text: text.replace('"six": "1.16.0"', '"six": "9.9"'))
        assert "Unable to find a binary distribution compatible with six==9.9 for linux-64" in self.refused(request)

    @pytest.mark.usefixtures("solver")
    def test_no_network(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONDA_CHANNELS", "http://user:secret@127.0.0.1:9/channel")
        said = self.refused(env_flow(tmp_path / "project", conda_only))
        assert "Could not download http://***@127.0.0.1:9/channel/linux-64/repodata.json" in said
        assert "secret" not in said

    def test_no_micromamba(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        tools = tmp_path / "bin"
        tools.mkdir()
        # what Metaflow downloads with
        for name in ("curl", "tar"):
            (tools / name).write_text(f"#!/bin/sh\necho {name}: no network >&2\nexit 6\n")
            (tools / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tools))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.delenv("METAFLOW_PATH_TO_MICROMAMBA", raising=False)
        said = self.refused(replace(env_flow(tmp_path / "project"), python=sys.executable))
        assert "there is no micromamba here" in said
        assert "Put micromamba on PATH or name it in METAFLOW_PATH_TO_MICROMAMBA" in said
        assert "Nothing was written" in said

    def test_the_flows_module_still_has_no_network(self, solver: Site, tmp_path: Path) -> None:
        request = env_flow(
            tmp_path / "project",
            lambda text: text.replace(
                "import os", f"import os, urllib.request; urllib.request.urlopen('{solver.url}')"
            ),
        )
        with pytest.raises(CompileError, match="it opened a network connection"):
            lock_flow(request)


class TestCredentials:
    def test_in_a_packages_address_are_refused(
        self, solver: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = solver.folder / "t" / "tk-secret"
        token.mkdir(parents=True, exist_ok=True)
        shutil.copytree(solver.folder / "channel", token / "channel", dirs_exist_ok=True)
        monkeypatch.setenv("CONDA_CHANNELS", f"{solver.url}/t/tk-secret/channel")
        request = env_flow(tmp_path / "project", conda_only)
        with pytest.raises(LockError) as raised:
            lock_flow(request)
        assert "cannot be locked: its address may hold a token" in str(raised.value)
        assert "tk-secret" not in str(raised.value)
        assert not request.flow.with_name("flow.lock.json").exists()


class TestCommand:
    def run(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(command, list(arguments))
        return result.exit_code, result.output if result.exception is None else str(result.exception)

    @pytest.mark.usefixtures("no_network")
    def test_nothing_to_lock(self, tmp_path: Path) -> None:
        flow = Path(__file__).resolve().parents[1] / "flows" / "linear" / "flow.py"
        code, output = self.run(str(flow), "-o", str(tmp_path / "lock.json"))
        assert code == 0
        assert output == f"{flow}: no step has @conda or @pypi packages: there is nothing to lock\n"
        assert not (tmp_path / "lock.json").exists()

    @pytest.mark.usefixtures("solver")
    def test_fetches(self, locked: Locked, tmp_path: Path) -> None:
        request = locked.copy(tmp_path / "project")
        code, output = self.run(str(request.flow), "--fetch")
        assert code == 0
        assert "9 of 9 packages fetched" in output
        code, output = self.run(str(request.flow), "--fetch")
        assert "0 of 9 packages fetched" in output

    def test_fetch_without_a_lock(self, tmp_path: Path) -> None:
        request = env_flow(tmp_path)
        code, output = self.run(str(request.flow), "--fetch")
        assert code == 1
        assert output.startswith(f"{tmp_path}/flow.lock.json: does not exist; make it with flowinfra lock ")
