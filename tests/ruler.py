"""What AWS's own matching engine of EventBridge says of patterns: tools/event-ruler, a program of one file.

It needs Java 11, and Maven once, which puts the engine into the cache folder; a test without them is skipped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.bootstrap.files import ROOT, cache_folder, locked

_SOURCE = ROOT / "tools" / "event-ruler"
_PATIENCE = 300


def asked(pairs: Sequence[tuple[str, str]]) -> list[bool | str]:
    """Whether the event of each pair matches its pattern; a text where the pattern is refused."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("no judge: there is no Java")
    command = [java, "-cp", f"{_engine()}/*", str(_SOURCE / "Judge.java")]
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if "UnsupportedClassVersionError" in done.stderr or "Could not find or load main class" in done.stderr:
        pytest.skip(f"no judge: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    answers: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(pairs)
    return answers


def _engine() -> Path:
    """The folder of the engine's jars."""
    project = _SOURCE / "pom.xml"
    folder = cache_folder() / f"event-ruler-{hashlib.sha256(project.read_bytes()).hexdigest()[:12]}"
    cache_folder().mkdir(parents=True, exist_ok=True)
    with locked(cache_folder() / ".event-ruler-lock", "EventBridge's matching engine"):
        if folder.is_dir():
            return folder
        maven = shutil.which("mvn")
        if maven is None:
            pytest.skip("no judge: there is no Maven to get EventBridge's matching engine with")
        new = folder.with_suffix(".new")
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={new}"]
        done = subprocess.run(
            [maven, "-q", "-B", "-f", str(project), *goal],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(f"no judge: Maven does not get EventBridge's matching engine: {done.stdout[-500:]}")
        new.rename(folder)
    return folder
