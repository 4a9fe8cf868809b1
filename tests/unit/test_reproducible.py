"""One flow, many circumstances, the same bytes: of the CompiledFlow and of the bundle with the code package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.components.airflow import IDENTITY
from tests.unit.interpreters import interpreter
from tests.unit.sources import STEPS, source

COMMAND = "from flowinfra.cli import main; main()"
DAG_FILE = """
import json, pathlib, sys
from flowinfra import read_bundle
from flowinfra.targets.airflow.bound import bind
sys.stdout.buffer.write(
    bind(read_bundle(pathlib.Path(sys.argv[1])), json.loads(sys.argv[2]), {"computed": "ann"}).file.encode()
)
"""
FLOW = source(
    head="import helper\nfrom package import module",
    decorators='@project(name="demo")\n@schedule(daily=True)',
    body=f"""
    settings = Config("settings", default="settings.json")
    words = IncludeFile("words", default="words.txt")
    kinds = Parameter("kinds", default=", ".join({{"x", "y", "z"}} | set(helper.NAMES)))
    computed = Parameter("computed", default=lambda context: context.user_name)
{STEPS}""",
)
FILES = {
    "flow.py": FLOW,
    "helper.py": 'NAMES = {"ä", "b", "c", "d"}\n',
    "package/__init__.py": "",
    "package/module.py": "X = 1\n",
    "settings.json": '{"limit": 1, "name": "grün"}',
    "words.txt": "ein Wort\n",
}


def lay_out(folder: Path, names: list[str]) -> Path:
    """Write the flow's files in an order; `folder/flow.py` is the flow."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(FILES[name], encoding="utf-8")
    return folder / "flow.py"


class Place:
    """Where a compile happens: a flow, a cache and variables, all of which a test may change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.flow = lay_out(folder / "flows", list(FILES))
        self.cache = folder / "cache"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder / "home")}
        self.python = sys.executable
        self.before: list[str] = []
        self.options: list[str] = []
        self.run: dict[str, object] = {}

    def bundle(self) -> bytes:
        """Compile with the command, as a user would; the bundle's bytes."""
        out = self.folder / "out" / "name.flow"
        out.parent.mkdir(exist_ok=True)
        words = ["compile", str(self.flow), "--branch", "main", "-o", str(out), *self.options]
        done = subprocess.run(
            [*self.before, self.python, "-c", COMMAND, *words],
            env={**self.env, "FLOWINFRA_CACHE": str(self.cache)},
            cwd=self.flow.parent,
            capture_output=True,
            text=True,
            **self.run,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stderr
        return out.read_bytes()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Place(tmp_path_factory.mktemp("reference")).bundle()


@pytest.fixture
def place() -> Iterator[Place]:
    """Not in pytest's own folder, which every pytest process closes to other users."""
    with tempfile.TemporaryDirectory() as folder:
        yield Place(Path(folder))


def git(folder: Path, *arguments: str) -> None:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, env=own, check=True, capture_output=True)


def another_path(place: Place) -> None:
    place.flow = place.flow.parent.rename(place.folder / "grün and spaces") / "flow.py"


def another_order_and_time(place: Place) -> None:
    shutil.rmtree(place.flow.parent)
    lay_out(place.flow.parent, list(FILES)[::-1])
    for file in place.flow.parent.rglob("*"):
        os.utime(file, (86400, 86400))


def another_user(place: Place) -> None:
    place.env |= {"USER": "bob", "LOGNAME": "bob", "USERNAME": "bob", "HOME": str(place.folder / "bob")}


def nobody(place: Place) -> None:
    """Another user of the system, with an interpreter that lies where everybody may read it."""
    base = shutil.which(f"python{sys.version_info[0]}.{sys.version_info[1]}", path="/usr/local/bin:/usr/bin")
    if os.geteuid() != 0 or base is None or shutil.which("setpriv") is None:
        pytest.skip("needs root, who may become another user by setpriv, and an interpreter that is the system's")
    place.folder.chmod(0o711)
    place.python = interpreter(place.folder / "venv", {}, base)
    # not by subprocess, which would fork this process with the threads that gRPC has in it
    place.before = ["setpriv", "--reuid=nobody", "--clear-groups"]
    (place.folder / "out").mkdir()
    (place.folder / "out").chmod(0o777)
    place.cache.mkdir()
    place.cache.chmod(0o777)


def private_files(place: Place) -> None:
    for file in place.flow.parent.rglob("*"):
        file.chmod(0o700 if file.is_dir() else 0o600)
    place.run["umask"] = 0o077


def turkish(place: Place) -> None:
    place.env |= {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Asia/Tokyo"}


def plain_c(place: Place) -> None:
    place.env |= {"LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "7", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def full_shell(place: Place) -> None:
    """Variables, profiles and settings of somebody who works with Metaflow and Pulumi in other accounts."""
    home = Path(place.env["HOME"])
    config = {
        "METAFLOW_DEFAULT_DATASTORE": "local",
        "METAFLOW_S3_ENDPOINT_URL": "http://leaked",
        "METAFLOW_USER": "leak",
    }
    for file in (
        home / ".metaflowconfig" / "config.json",
        home / ".metaflowconfig" / "config_work.json",
        place.folder / ".metaflow" / "config.json",
        place.flow.parent / ".metaflow" / "config.json",
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(config))
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text("[default]\nregion = leaked-1\n")
    place.env |= {
        **config,
        "METAFLOW_PROFILE": "work",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://leaked",
        "METAFLOW_DEBUG_SUBCOMMAND": "1",
        "METAFLOW_SERVICE_AUTH_KEY": "leaked",
        "METAFLOW_HOME": str(home),
        "METAFLOW_RUNTIME_NAME": "leaked",
        "METAFLOW_PRODUCTION_TOKEN": "leaked",
        "AWS_PROFILE": "leaked",
        "AWS_REGION": "leaked-1",
        "AWS_ENDPOINT_URL": "http://leaked",
        "AWS_ACCESS_KEY_ID": "leaked",
        "PULUMI_CONFIG_PASSPHRASE": "leaked",
        "PULUMI_STACK": "leaked",
        "GIT_DIR": "/nonexistent",
        "PYTHONPATH": str(place.folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(place.folder),
    }


def with_pylint(place: Place) -> None:
    place.options = ["--python", interpreter(place.folder / "venv", {"pylint/__init__.py": "raise SystemExit('ran')"})]


def committed(place: Place) -> None:
    git(place.flow.parent, "init", "-q", "-b", "main")
    git(place.flow.parent, "add", ".")
    git(place.flow.parent, "commit", "-q", "-m", "first")


def committed_twice_and_dirty(place: Place) -> None:
    committed(place)
    (place.flow.parent / "notes.md").write_text("a second commit")
    git(place.flow.parent, "add", ".")
    git(place.flow.parent, "commit", "-q", "-m", "second")
    git(place.flow.parent, "checkout", "-q", "-b", "other")
    (place.flow.parent / "notes.md").write_text("not committed")


def with_byte_code(place: Place) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(place.flow.parent)], check=True)


@pytest.mark.parametrize(
    "circumstance",
    [
        another_path,
        another_order_and_time,
        another_user,
        nobody,
        private_files,
        turkish,
        plain_c,
        full_shell,
        with_pylint,
        committed,
        committed_twice_and_dirty,
        with_byte_code,
    ],
)
def test_same_bytes(circumstance: Callable[[Place], None], place: Place, expected: bytes) -> None:
    circumstance(place)
    assert place.bundle() == expected


def dag_file(bundle: bytes, place: Place, seed: str) -> bytes:
    """The DAG file that a bundle gives, made in a process of its own."""
    path = place.folder / "bound.flow"
    path.write_bytes(bundle)
    done = subprocess.run(
        [sys.executable, "-c", DAG_FILE, str(path), json.dumps(IDENTITY)],
        env={**place.env, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
    )
    return done.stdout


def test_same_dag_for_airflow_whatever_the_circumstances(place: Place, tmp_path: Path) -> None:
    plain = Place(tmp_path)
    plain.options = place.options = ["-t", "airflow"]
    for circumstance in (another_order_and_time, another_path, another_user, turkish, full_shell):
        circumstance(place)
    place.env["PYTHONHASHSEED"] = "7"
    bundle = plain.bundle()
    assert place.bundle() == bundle
    file = dag_file(bundle, plain, "0")
    assert b'"dag_id": "demo.test.main.SmallFlow"' in file
    assert dag_file(bundle, place, "7") == file


def test_same_bytes_with_and_without_cache(place: Place, expected: bytes) -> None:
    assert place.bundle() == expected
    assert place.bundle() == expected
    shutil.rmtree(place.cache)
    time.sleep(1.1)  # gzip, zip and tar write times in seconds
    assert place.bundle() == expected


def test_what_does_matter_is_noticed(place: Place, expected: bytes) -> None:
    (place.flow.parent / "helper.py").write_text(FILES["helper.py"] + "# edited\n", encoding="utf-8")
    assert place.bundle() != expected


def test_nothing_is_left_behind(place: Place, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.flow.parent.rglob("*")}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    place.env["TMPDIR"] = str(temporary)
    place.bundle()
    assert {path: path.stat().st_mtime_ns for path in place.flow.parent.rglob("*")} == before
    assert list(temporary.iterdir()) == []
    assert not Path(place.env["HOME"]).exists()
