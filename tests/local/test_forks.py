"""A job's `python` is a fork of one server, and what a new interpreter would be."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowinfra.local import wiring
from flowinfra.local.forks import launcher as launchers
from flowinfra.local.runner import Isolation
from tests.local.support import Aws

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux can tell how a fork ends")

SAYS = "import os, sys, json; print(json.dumps([{}]))"
ALL = """
import json, os, sys, signal
main = sys.modules["__main__"]
print(json.dumps([
    sys.argv, sys.path, str(sys.flags), sys.warnoptions, os.getcwd(), sorted(os.environ.items()), os.umask(0),
    f"GROUP {os.getpgrp()}", __name__, __spec__ and __spec__.name, __package__, __doc__, __annotations__,
    type(__loader__).__name__, sorted(vars(main)),
    globals().get("__file__"), sys.stdin.read(), sorted(os.listdir("/proc/self/fd")), str(signal.getsignal(2)),
    str(signal.getsignal(15)), sys.stdout.line_buffering, sys.stdout.encoding, str(sys.excepthook),
]))
"""
LINES = [
    "$python all.py a -b 'c d' < input",
    '$python -c "$(cat all.py)" a -b < input',
    "$python -m all a -b < input",
    "$python ./deeper/../all.py < input",
    "PYTHONPATH=deeper:/nowhere: $python all.py < input",
    "umask 077; cd deeper; $python ../all.py < /dev/null",
    "$python all.py < input 5< input 7> other",
    "trap '' INT; $python all.py < input",
    "$python -c 'import sys; sys.exit(7)'",
    "$python -c 'import sys; sys.exit(\"told\")'",
    "$python -c '1/0'",
    "$python raises.py",
    "$python -m raises",
    "$python -c 'import os; os.kill(os.getpid(), 15)'",
    "$python -c 'import os; os.abort()'",
    "$python -c 'import atexit; atexit.register(print, \"at the end\")'",
    "$python -c 'import threading, time; threading.Timer(0.1, print, [\"a thread\"]).start()'",
    "$python -c 'def'",
    "$python nosuch.py",
    "$python deeper",
    "$python -c 'import json, requests; print(json.mine, requests.mine)'",
    "$python hides/main.py",
    "cd hides; $python -m main",
    "PYTHONPATH=hides $python -c 'import requests; print(requests.mine)'",
    "PYTHONHASHSEED=0 $python -c 'print(hash(\"a\"))'",
    "PYTHONPATH=customized $python -c 'print(1)'",
    "$python -W error -c 'print(1)'",
    "echo 'print(2)' | $python",
    "echo 'print(2)' | $python -",
    "$python -c 'print(\"out\")' | $python -c 'import sys; print(sys.stdin.read())'",
    '$python -c \'import subprocess, sys; print(subprocess.check_output([sys.executable, "-c", "print(3)"]))\'',
    "$python -c 'import multiprocessing as m; p = m.Pool(2); print(p.map(abs, [-1, 2])); p.close(); p.join()'",
]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder for the launcher; the path of a socket may not be long."""
    folder = Path(tempfile.mkdtemp(prefix="forks"))
    launcher = folder / "python"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launchers, "FOLDER", str(folder / "server"))
        launcher.write_text(launchers.launcher(sys.executable, Isolation.ROOT))
    launcher.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs."""
    folder = tmp_path_factory.mktemp("work")
    for name, text in {
        "all.py": ALL,
        "raises.py": "def f():\n    raise ValueError('told')\nf()\n",
        "input": "from the file\n",
        "deeper/x": "",
        "hides/requests.py": "mine = 'hidden'",
        "hides/main.py": "import requests\nprint(requests.mine)\n",
        "customized/sitecustomize.py": "print('customized')",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def run(home: Path, work: Path) -> Run:
    """Runs a script of the shell as an attempt is run: in a process group of its own, which is ended with it."""

    def run(script: str, python: Path | str = home / "python") -> subprocess.CompletedProcess[str]:
        shutil.rmtree(home / "server", ignore_errors=True)
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "python": str(python)}
        words = ["bash", "-c", script]
        with subprocess.Popen(
            words, cwd=work, env=env, text=True, stdout=-1, stderr=-1, stdin=subprocess.DEVNULL, start_new_session=True
        ) as process:
            try:
                out, err = process.communicate(timeout=120)
            finally:
                # where no server was started, nothing is left of it
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run


@pytest.fixture(scope="module")
def told(run: Run, home: Path, work: Path) -> list[list[list[str]]]:
    """Of the interpreter and of the launcher: code, output and errors of each line."""
    answers = []
    for python in (sys.executable, str(home / "python")):
        script = ["export _"]
        for number, line in enumerate(LINES):
            (work / f"line{number}").write_text(line)
            script.append(f"bash line{number} >out{number} 2>err{number} </dev/null; echo $? >code{number}")
        run("\n".join(script), python)
        files = [[f"{kind}{number}" for kind in ("code", "out", "err")] for number in range(len(LINES))]
        answers.append([[(work / name).read_text() for name in each] for each in files])
    return answers


@pytest.mark.parametrize("number", range(len(LINES)), ids=LINES)
def test_it_is_what_a_new_interpreter_is(told: list[list[list[str]]], home: Path, number: int) -> None:
    interpreter, fork = ([_comparable(text, home) for text in answers[number]] for answers in told)
    assert fork == interpreter


def _comparable(text: str, home: Path) -> str:
    for python in (str(home / "python"), sys.executable):
        text = text.replace(python, "PYTHON")
    return re.sub(r'"GROUP \d+"|: line \d+: +\d+ ', "", text)


def test_it_is_a_fork_that_has_the_modules_already(run: Run, home: Path) -> None:
    line = "$python -c 'import sys; print(\"boto3\" in sys.modules, sys.executable)'"
    assert run(f"{line}; {line}").stdout.splitlines() == [f"True {home / 'python'}"] * 2


def test_metaflow_is_imported_once_for_those_who_would_import_it_alike(run: Run, work: Path) -> None:
    (work / "code/metaflow").mkdir(parents=True)
    text = (
        "import os\nwith open(os.environ['LOG'], 'a') as f: print('imported', file=f)\nSAW = os.getenv('METAFLOW_X')\n"
    )
    (work / "code/metaflow/__init__.py").write_text(text)
    line = '$python -c \'import os, metaflow; print(metaflow.SAW, os.getenv("METAFLOW_X"), os.getenv("MF_ATTEMPT"))\''
    script = f"""
        export PYTHONPATH=$PWD/code: LOG=$PWD/log
        METAFLOW_X=1 MF_ATTEMPT=a {line}
        METAFLOW_X=1 MF_ATTEMPT=b {line}
        wc -l < log
        METAFLOW_X=2 {line}
        cd deeper; METAFLOW_X=1 {line}
        wc -l < ../log
    """
    assert run(script).stdout.split() == [*"11a", *"11b", "1", *"22", "None", *"11", "None", "3"]


def test_a_metaflow_that_fails_fails_where_it_is_seen(run: Run, work: Path) -> None:
    (work / "fails/metaflow").mkdir(parents=True)
    (work / "fails/metaflow/__init__.py").write_text("raise ImportError('told')")
    done = run("export PYTHONPATH=$PWD/fails; $python -c 'import metaflow'; $python -c 'print(1)'")
    assert (done.stdout, done.stderr.splitlines()[-1]) == ("1\n", "ImportError: told")


TERMINATED = """
import signal, sys, time
def handle(*_):
    print("asked to end", flush=True)
    end.append(1)
end = []
signal.signal(signal.SIGTERM, handle)
print("ready", flush=True)
while not end: time.sleep(0.02)
time.sleep(0.5)
sys.exit(3)
"""


@pytest.mark.parametrize("whom", ["$!", "0"], ids=["process", "group"])
def test_a_signal_arrives_once(run: Run, work: Path, whom: str) -> None:
    (work / "waits.py").write_text(TERMINATED)
    done = run(f"""
        trap : TERM
        $python -c 1
        $python waits.py > out &
        until grep -q ready out; do sleep 0.05; done
        kill -TERM {whom}
        while kill -0 $! 2>/dev/null; do wait $!; code=$?; done
        cat out; echo $code
    """)
    assert done.stdout.split("\n") == ["ready", "asked to end", "3", ""]


def test_a_fork_ends_with_the_process_that_it_is_for(run: Run) -> None:
    done = run("""
        $python -c 'import os, time; print(os.getpid(), flush=True); time.sleep(100)' > out &
        until grep -q . out; do sleep 0.05; done
        kill -KILL $!; wait $!
        for i in $(seq 100); do kill -0 $(cat out) 2>/dev/null || break; sleep 0.05; done
        echo $i
    """)
    assert int(done.stdout) < 100


def test_nothing_is_left_of_an_attempt(run: Run) -> None:
    pid = int(run("$python -c 'import os; print(os.getppid())'").stdout)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_a_server_it_is_the_interpreter(run: Run, home: Path) -> None:
    assert run(f"touch {home}/server; $python -c 'import sys; print(\"boto3\" in sys.modules)'").stdout == "False\n"


def test_the_python_of_a_job_is_a_fork(aws: Aws) -> None:
    if wiring.current().isolation is Isolation.NONE:
        pytest.skip("jobs have no /tmp of their own here")
    job = aws.ended_job(aws.submit(aws.define("python", "-c", "import sys; print('boto3' in sys.modules)")))
    assert aws.output(job) == ["True"]


def test_where_tmp_is_shared_there_is_none() -> None:
    assert launchers.launcher("/a b/python", Isolation.NONE) == "#!/bin/sh\nexec '/a b/python' \"$@\"\n"
