"""A compile opens no socket, starts no program, writes nothing, and sees only what is declared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowinfra.compiler import compile_flow, process
from flowinfra.errors import CompileError
from tests.unit.constructs import Construct
from tests.unit.sources import STEPS, request, write_flow

NETWORK = "A compile uses no network: values from outside are declared in `env`, or read in a step."
PROGRAM = "A compile starts no programs: declare what the flow needs in `env`, or do it in a step."
WRITE = "A compile writes nothing: do it in a step."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 9))", NETWORK),
        ("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))", NETWORK),
        ("import socket; socket.getaddrinfo('example.com', 443)", NETWORK),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')", NETWORK),
        ("import requests; requests.get('http://127.0.0.1:9/')", NETWORK),
        ("import subprocess; subprocess.run(['touch', 'ran'])", PROGRAM),
        ("import os; os.system('touch ran')", PROGRAM),
        ("import os; os.popen('touch ran').read()", PROGRAM),
        ("import os; os.posix_spawn('/usr/bin/touch', ['touch', 'ran'], {})", PROGRAM),
        ("import os; os.fork()", PROGRAM),
        ("open('ran', 'w')", WRITE),
        ("import os; os.open('ran', os.O_CREAT | os.O_RDWR)", WRITE),
        ("import os; os.mkdir('ran')", WRITE),
        ("import os; os.rename('data.txt', 'ran')", WRITE),
        ("import os; os.remove('data.txt')", WRITE),
        ("import os; os.rename('folder', os.path.join(os.environ['HOME'], 'ran'))", WRITE),
        ("import os; os.link('data.txt', 'ran')", WRITE),
        ("import os; os.truncate('data.txt', 0)", WRITE),
        ("import pathlib; pathlib.Path('ran').touch()", WRITE),
        ("import os; os.symlink('data.txt', 'ran')", WRITE),
        ("import shutil; shutil.rmtree('folder')", WRITE),
        ("import os; os.chmod('data.txt', 0o777)", WRITE),
        ("import sqlite3; sqlite3.connect('ran').execute('create table t (x)')", WRITE),
    ],
)
def test_effects_at_import_are_refused(line: str, message: str, tmp_path: Path) -> None:
    flow = write_flow(tmp_path, head=line)
    (tmp_path / "data.txt").write_text("kept")
    (tmp_path / "folder").mkdir()
    before = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    with pytest.raises(CompileError) as caught:
        compile_flow(request(flow))
    text = str(caught.value)
    assert text.startswith(f"{flow}: when its module was imported, it ")
    assert f"at {flow}:2. " in text
    assert text.endswith(message)
    assert {path.name: path.stat().st_mode for path in tmp_path.iterdir()} == before


def test_a_refusal_cannot_be_caught_by_the_flow(tmp_path: Path) -> None:
    head = "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9))\nexcept BaseException:\n    pass"
    with pytest.raises(CompileError, match="opened a network connection"):
        compile_flow(request(write_flow(tmp_path, head=head)))


def test_reading_is_no_effect(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("one two")
    head = "import os, pathlib, tempfile, socket\nWORDS = pathlib.Path(__file__).with_name('words.txt').read_text()"
    body = f"    words = Parameter('words', default=WORDS + str(os.path.exists('x')) + socket.gethostname()[:0]){STEPS}"
    compiled = compile_flow(request(write_flow(tmp_path, head=head, body=body)))
    assert compiled.flow.parameters["words"].default == "one twoFalse"


def test_scratch_files_are_no_effect(tmp_path: Path) -> None:
    head = """
import os, shutil, sqlite3, tempfile
with tempfile.TemporaryFile() as file:
    file.write(b'x')
with tempfile.TemporaryDirectory() as folder:
    os.symlink(__file__, os.path.join(folder, 'link'))
    os.mkdir(os.path.join(folder, 'deep'))
    os.truncate(shutil.copy(__file__, os.path.join(folder, 'deep')), 0)
sqlite3.connect(':memory:').execute('create table t (x)')
"""
    compile_flow(request(write_flow(tmp_path, head=head)))


def test_what_a_flow_sees_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "PULUMI_CONFIG_PASSPHRASE",
        "PULUMI_ACCESS_TOKEN",
        "GITHUB_TOKEN",
        "METAFLOW_PROFILE",
        "METAFLOW_DEFAULT_DATASTORE",
        "METAFLOW_DEBUG_SUBCOMMAND",
        "PYTHONPATH",
        "FLOWINFRA_CACHE",
        "SOMETHING",
    ):
        monkeypatch.setenv(name, str(tmp_path / "leaked"))
    monkeypatch.setenv("USER", "leaked")
    monkeypatch.setenv("LOGNAME", "leaked")
    body = f"    seen = Parameter('seen', default=repr(sorted(os.environ.items())).replace('flowinfra--', '')){STEPS}"
    flow = write_flow(tmp_path, head="import os", body=body)
    seen = dict(eval(compile_flow(request(flow, env={"DECLARED": "yes"})).flow.parameters["seen"].default))
    assert "leaked" not in repr(seen)
    assert seen.pop("DECLARED") == "yes"
    assert [name for name in seen if not name.startswith("METAFLOW_")] == [
        "AWS_EC2_METADATA_DISABLED",
        "HOME",
        "LANG",
        "LC_ALL",
        "PATH",
        "PYTHONHASHSEED",
        "PYTHONUNBUFFERED",
        "PYTHONUSERBASE",
        "PYTHONUTF8",
        "TMPDIR",
        "TZ",
    ]


def test_no_argument_and_no_input_reaches_the_flow(tmp_path: Path) -> None:
    body = f"    seen = Parameter('seen', default=repr(sys.stdin.read())){STEPS}"
    compiled = compile_flow(request(write_flow(tmp_path, head="import sys", body=body)))
    assert compiled.flow.parameters["seen"].default == "''"


COMMAND = "from flowinfra.cli import main; main()"
UNSHARE = shutil.which("unshare")


@pytest.mark.skipif(os.geteuid() != 0 or UNSHARE is None, reason="needs root to make a network namespace")
def test_compiles_where_there_is_no_network_at_all(tmp_path: Path) -> None:
    """Not even a loopback interface that is up."""
    flow = Construct("include_file").request().flow
    command = [str(UNSHARE), "--net", sys.executable, "-c", COMMAND, "compile", "flow.py"]
    env = {**os.environ, "FLOWINFRA_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=flow.parent)
    assert done.returncode == 0, done.stderr


STRACE = shutil.which("strace")


@pytest.mark.skipif(STRACE is None, reason="strace watches the system calls")
def test_no_socket_is_opened_and_no_program_started(tmp_path: Path) -> None:
    """Seen from outside: the kernel's view of parent and child, not our own audit hook's."""
    log = tmp_path / "calls"
    flow = Construct("include_file").request().flow
    command = [str(STRACE), "-f", "-qq", "-e", "trace=%network,execve", "-o", str(log)]
    env = {**os.environ, "FLOWINFRA_CACHE": str(tmp_path / "cache")}
    subprocess.run(
        [*command, sys.executable, "-c", COMMAND, "compile", "flow.py"],
        check=True,
        stdout=subprocess.PIPE,
        env=env,
        cwd=flow.parent,
    )
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines() if "resumed" not in line]
    # the C library asks a local name service (AF_UNIX) for the user's name
    assert [call for call in calls if "AF_INET" in call] == []
    started = [call for call in calls if call.startswith("execve(") and call.endswith("= 0")]
    names = [call.split('"')[1] for call in started]
    assert [name for name in names if "git" not in name] == [sys.executable, sys.executable]


def test_coverage_reaches_the_child_where_it_is_measured_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "COVERAGE_PROCESS_CONFIG"
    monkeypatch.setenv(name, "what coverage.py says")
    assert process._base_environment(tmp_path)[name] == "what coverage.py says"
    monkeypatch.delenv(name)
    assert name not in process._base_environment(tmp_path)
