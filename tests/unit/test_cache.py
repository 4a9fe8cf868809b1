"""The compile cache is keyed by the content of what a compile read: it is never stale, and never in the way."""

from __future__ import annotations

import hashlib
import json
import os
import py_compile
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow, compile_flows, process
from flowinfra.compiler import cache as compile_store
from flowinfra.errors import CompileError, ToolError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets import compiled_flow
from tests.unit.sources import STEPS, request, source, write_flow

HEAD = """
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "elsewhere"))
import beside, outside
"""
BODY = f"""
    settings = Config("settings", default="settings.json")
    words = IncludeFile("words", default="words.txt")
    declared = os.environ.get("DECLARED", "absent")
{STEPS}
"""


class Compiler:
    """Compiles one flow again and again, and knows whether the cache was used."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "flows"
        self.runs = 0
        flow = write_flow(self.folder, head=HEAD, body=BODY)
        self.write("beside.py", "X = 1")
        self.write("../elsewhere/outside.py", "X = 1")
        self.write("settings.json", '{"limit": 1}')
        self.write("words.txt", "one")
        self.request = replace(request(flow, env={"DECLARED": "1"}), image_packages=("outside",))
        record = process.record

        def counted(*args: object) -> process.Answer:
            self.runs += 1
            return record(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(process, "record", counted)

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def __call__(self, changed: CompileRequest | None = None) -> CompiledFlow:
        return compile_flow(changed or self.request)

    def again(self, changed: CompileRequest | None = None) -> bool:
        """Compile; True if that took a child process."""
        before = self.runs
        self(changed)
        return self.runs > before


@pytest.fixture
def compiler(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    made = Compiler(tmp_path, monkeypatch)
    made()
    assert made.runs == 1
    return made


def test_cached_result_is_the_same(compiler: Compiler) -> None:
    cached = compiler()
    assert compiler.runs == 1
    assert cached.to_json() == compiled_flow(json.loads(cached.to_json())).to_json()
    assert list(cached.flow.steps) == ["start", "end"]


REPEATED = """
    @step
    def start(self):
        self.next(self.train)

    @step
    def train(self):
        self.more = "yes"
        self.next({"yes": self.train, "no": self.report}, condition="more")

    @step
    def report(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_step_that_repeats_itself_stands_at_its_place_also_from_the_cache(cache: Path, tmp_path: Path) -> None:
    asked = request(write_flow(tmp_path / "flows", body=REPEATED), target="argo")
    cold, warm = compile_flow(asked), compile_flow(asked)
    assert list(cold.flow.steps) == ["start", "train", "report", "end"]
    assert list(warm.flow.steps) == list(cold.flow.steps)
    assert warm == cold


def test_a_change_of_what_was_read_compiles_anew(compiler: Compiler) -> None:
    for path, text in [
        ("beside.py", "X = 2"),
        ("../elsewhere/outside.py", "X = 2"),
        ("settings.json", '{"limit": 2}'),
        ("words.txt", "two"),
        ("new.py", "X = 1"),
        ("package/new.py", "X = 1"),
        ("outside.py", "X = 3  # comes to shadow the other"),
        ("flow.py", source(head=HEAD, body=BODY + "\n    more = 1\n")),
    ]:
        compiler.write(path, text)
        assert compiler.again(), path
    assert not compiler.again()


def test_a_file_that_is_gone_is_noticed(compiler: Compiler) -> None:
    (compiler.folder / "../elsewhere/outside.py").unlink()
    with pytest.raises(CompileError, match="outside"):
        compiler()


def test_a_change_of_the_same_size_at_the_same_time_is_noticed(compiler: Compiler) -> None:
    file = compiler.folder / "beside.py"
    status = file.stat()
    file.write_text("X = 9")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.stat().st_size == status.st_size
    assert compiler.again()


def test_byte_code_beside_a_module_is_not_believed(compiler: Compiler) -> None:
    flow = write_flow(compiler.folder, head="import value", body=f"    got = Parameter('got', default=value.X){STEPS}")
    value = compiler.folder / "value.py"
    value.write_text("X = 'old'")
    status = value.stat()
    py_compile.compile(str(value))
    value.write_text("X = 'new'")
    os.utime(value, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert compile_flow(request(flow)).flow.parameters["got"].default == "new"


def test_going_back_needs_no_compile(compiler: Compiler) -> None:
    first = compiler()
    compiler.write("beside.py", "X = 2")
    second = compiler()
    assert second != first
    compiler.write("beside.py", "X = 1")
    assert compiler() == first
    assert compiler.runs == 2


@pytest.mark.filterwarnings("ignore:.*reads the variable DECLARED, which nobody declares")
def test_other_options_are_another_entry(compiler: Compiler) -> None:
    for env in ({"DECLARED": "2"}, {}, {"DECLARED": "1", "TZ": "Europe/Berlin"}):
        assert compiler.again(replace(compiler.request, env=env)), env
        assert not compiler.again(replace(compiler.request, env=env)), env
    # whoever reads no variable of that name is not concerned
    assert not compiler.again(replace(compiler.request, env={"DECLARED": "1", "OTHER": "1"}))
    for change in ({"tags": ("a",)}, {"max_workers": 5}, {"settings": {"METAFLOW_X": "1"}}):
        shape = compiler.request.shape.model_copy(update=change)
        assert compiler.again(replace(compiler.request, shape=shape)), change
        assert not compiler.again(replace(compiler.request, shape=shape)), change
    assert not compiler.again()


def test_a_config_file_is_known_by_its_content(compiler: Compiler, tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_text('{"limit": 7}')
    with_file = replace(compiler.request, config_files={"settings": given})
    assert compiler.again(with_file)
    assert not compiler.again(with_file)
    given.write_text('{"limit": 8}')
    assert compiler.again(with_file)


def test_time_stamps_mean_nothing(compiler: Compiler) -> None:
    for file in compiler.folder.parent.rglob("*"):
        os.utime(file, (1, 1))
    assert not compiler.again()
    for file in compiler.folder.parent.rglob("*"):
        file.touch()
    assert not compiler.again()


def test_files_that_nobody_reads_mean_nothing(compiler: Compiler) -> None:
    compiler.write("../unrelated.py", "X = 1")
    compiler.write("__pycache__/beside.cpython-311.pyc", "")
    compiler.write(".hidden", "")
    assert not compiler.again()


def entries(cache: Path) -> list[Path]:
    return list((cache / "entries").iterdir())


def test_results_are_not_taken_from_files_that_changed_during_the_compile(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = Compiler(tmp_path, monkeypatch)
    later = time.time() + 60
    os.utime(compiler.folder / "beside.py", (later, later))
    assert compiler.again()
    assert compiler.again()
    os.utime(compiler.folder / "beside.py", (1, 1))
    assert compiler.again()
    assert not compiler.again()


NOTES = {"imports": ["beside the result"]}


@pytest.fixture
def stored(cache: Path, tmp_path: Path) -> Callable[[], bytes | None]:
    """An entry that needs one file and one blob; called, it says what the cache finds."""
    read = tmp_path / "read.py"
    read.write_text("X = 1")
    compile_store.put_blob("0" * 64, b"a package")
    compile_store.remember(
        "key", {str(read): compile_store.Reads().file(str(read))}, [], b"result", ["0" * 64], {}, NOTES
    )

    def found() -> bytes | None:
        entry = compile_store.find("key", compile_store.Reads(), {})
        assert entry is None or entry[1] in (NOTES, None)
        return entry and entry[0]

    return found


def test_an_entry_is_found(stored: Callable[[], bytes | None]) -> None:
    assert stored() == b"result"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"[{}]",
        b"[null]",
        b'[{"files": {}, "folders": {}, "blobs": [], "result": 1}]',
        b"\xff",
    ],
)
def test_a_damaged_entry_is_no_entry(stored: Callable[[], bytes | None], cache: Path, damage: bytes) -> None:
    [entry] = entries(cache)
    entry.write_bytes(damage)
    assert stored() is None
    compile_store.remember("key", {}, [], b"result", [], {})
    assert stored() == b"result"


@pytest.mark.parametrize("content", [None, b"", b"a packag", b"result+"])
def test_a_damaged_blob_is_no_blob_and_is_replaced(
    stored: Callable[[], bytes | None], cache: Path, content: bytes | None
) -> None:
    for path in (cache / "blobs").iterdir():
        good = path.read_bytes()
        path.unlink() if content is None else path.write_bytes(content)
        assert stored() is None, path
        compile_store.put_blob(path.name, good)
        assert stored() == b"result"


def test_an_edited_result_is_none(stored: Callable[[], bytes | None], cache: Path) -> None:
    (cache / "blobs" / hashlib.sha256(b"result").hexdigest()).write_bytes(b"RESULT")
    assert stored() is None


def test_another_compiler_does_not_take_the_entries(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_store, "compiler_fingerprint", lambda: "another version")
    assert compiler.again()


@pytest.mark.parametrize("changed", ["compiler/package.py", "compiler/driver/overrides.py", "model/compiled.py"])
def test_each_module_of_the_compiler_makes_it_another_one(tmp_path: Path, changed: str) -> None:
    source = Path(compile_store.__file__).parents[1]
    for part in ("compiler", "model"):
        shutil.copytree(source / part, tmp_path / part)
    before = compile_store.compiler_fingerprint(tmp_path)
    compile_store.compiler_fingerprint.cache_clear()
    with (tmp_path / changed).open("a") as file:
        file.write("# another version\n")
    assert compile_store.compiler_fingerprint(tmp_path) != before


def test_a_failed_compile_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    flow = write_flow(tmp_path / "flows", head="import missing_module")
    with pytest.raises(Exception, match="missing_module"):
        compile_flow(request(flow))
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ToolError, match="set FLOWINFRA_CACHE to a folder that can"):
        compile_flow(request(write_flow(tmp_path / "flows")))


def test_place_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWINFRA_CACHE", "/own")
    assert compile_store.cache_root() == Path("/own")
    monkeypatch.delenv("FLOWINFRA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert compile_store.cache_root() == Path("/xdg/flowinfra/compile")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    own = {"darwin": "Library/Caches"}.get(sys.platform, ".cache")
    assert compile_store.cache_root() == Path("/home/ann") / own / "flowinfra/compile"


def test_many_flows_share_what_they_read_and_report_progress(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    names = ["first", "second"]
    for name in names:
        (folder).mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(source(name=f"{name.title()}Flow"))
    requests = [request(folder / f"{name}.py") for name in names]
    seen: list[tuple[str, bool]] = []

    def progress(one: CompileRequest, cached: bool) -> None:
        seen.append((one.flow.stem, cached))

    assert [flow.flow.name for flow in compile_flows(requests, progress=progress)] == ["FirstFlow", "SecondFlow"]
    assert sorted(seen) == [("first", False), ("second", False)]
    seen.clear()
    compile_flows(requests, progress=progress)
    assert sorted(seen) == [("first", True), ("second", True)]


def test_processes_may_share_a_cache(cache: Path, tmp_path: Path) -> None:
    flow = write_flow(tmp_path / "flows")
    script = (
        "import sys; from pathlib import Path; from flowinfra.compiler import *;"
        "flow = Path(sys.argv[1]);"
        "print(compile_flow(CompileRequest(flow=flow, folder='flow')).digest)"
    )
    command = [sys.executable, "-c", script, str(flow)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    digests = {process.communicate()[0].strip() for process in running}
    assert {process.returncode for process in running} == {0}
    assert digests == {compile_flow(request(flow)).digest}
    assert len(entries(cache)) == 1
    assert [path for path in cache.rglob(".*") if path.is_file()] == []
