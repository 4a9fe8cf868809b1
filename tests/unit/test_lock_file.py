"""The lock as a file: what it holds, and what is refused of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler.lock import read_lock
from flowinfra.errors import LockError
from flowinfra.model.lock import Lock, address_problem, redact

WHEEL = "conda/files.example/six/six-1.16.0-py3-none-any.whl"
PYTHON = "conda/conda.example/forge/linux-64/python-3.11.9-h1_0.conda"


def data() -> dict[str, Any]:
    return {
        "schema_version": 1,
        "flow": "EnvFlow",
        "metaflow": "2.19.39",
        "environment": "pypi",
        "platform": "linux-64",
        "python": "3.11.9",
        "steps": {
            "start": {"environment": "abc", "python": "3.11.9", "conda": {}, "pypi": {"six": "1.16.0"}},
        },
        "environments": {"abc": {"conda": [PYTHON], "pypi": [WHEEL]}},
        "packages": {
            PYTHON: {"url": f"https://{PYTHON.removeprefix('conda/')}", "sha256": "1" * 64, "size": 3},
            WHEEL: {"url": f"https://{WHEEL.removeprefix('conda/')}", "sha256": "2" * 64, "size": 4},
        },
    }


class TestManifest:
    def test_is_metaflows(self) -> None:
        assert Lock.model_validate(data()).manifest() == {
            "abc": {
                "linux-64": {
                    "conda": [
                        {
                            "path": "conda.example/forge/linux-64/python-3.11.9-h1_0.conda",
                            "url": "https://conda.example/forge/linux-64/python-3.11.9-h1_0.conda",
                        }
                    ],
                    "pypi": [
                        {
                            "path": "files.example/six/six-1.16.0-py3-none-any.whl",
                            "url": "https://files.example/six/six-1.16.0-py3-none-any.whl",
                            "require_build": False,
                        }
                    ],
                }
            }
        }

    def test_packages_of_some_environments(self) -> None:
        lock = Lock.model_validate(data())
        assert lock.keys_of({"abc"}) == [PYTHON, WHEEL]
        assert lock.keys_of(set()) == []


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "https://conda.example/forge/linux-64/x-1-0.conda",
            "http://127.0.0.1:8080/wheels/x-1+cu121-py3-none-any.whl",
            "https://files.example/t/x-1-py3-none-any.whl",
        ],
    )
    def test_that_can_be_locked(self, url: str) -> None:
        assert address_problem(url) is None

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("https://ann:secret@files.example/x.whl", "holds credentials"),
            ("https://secret@files.example/x.whl", "holds credentials"),
            ("https://conda.example/t/secret/forge/linux-64/x-1-0.conda", "may hold a token"),
            ("https://files.example/x.whl?X-Signature=secret", "may hold a token"),
            ("file:///home/ann/secret.whl", "not an http(s) address"),
            ("/home/ann/secret.whl", "not an http(s) address"),
            ("s3://secret/x.whl", "not an http(s) address"),
            ("git+https://git.example/secret@abc", "built from source"),
            ("git+ssh://git@git.example/secret", "built from source"),
        ],
    )
    def test_that_cannot(self, url: str, why: str) -> None:
        problem = address_problem(url)
        assert problem is not None
        assert why in problem
        assert "secret" not in problem

    def test_are_shown_without_credentials(self) -> None:
        text = "pip --index-url https://ann:secret@files.example/simple, https://conda.example/t/secret/forge"
        assert redact(text) == "pip --index-url https://***@files.example/simple, https://conda.example/t/***/forge"


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        for key in path[:-1]:
            found = found[key]
        found[path[-1]] = value

    return change


class TestFile:
    def test_absent(self, tmp_path: Path) -> None:
        assert read_lock(tmp_path / "flow.lock.json") is None

    def test_as_it_is_written(self, tmp_path: Path) -> None:
        lock = Lock.model_validate(data())
        file = tmp_path / "flow.lock.json"
        file.write_text(lock.to_json())
        assert read_lock(file) == lock
        assert lock.to_json() == json.dumps(data(), indent=2, sort_keys=True) + "\n"

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (put("schema_version", value=2), "has schema version 2, this flowinfra reads up to 1"),
            (put("surplus", value=1), "surplus: Extra inputs are not permitted"),
            (put("platform", value="osx-64"), "platform: Input should be 'linux-64'"),
            (put("environments", value={}), "environment abc of step start is missing"),
            (put("packages", WHEEL, "url", value="https://a:b@files.example/x.whl"), "its address holds credentials"),
            (put("packages", WHEEL, "sha256", value="abc"), "sha256: String should match pattern"),
            (put("environments", "abc", "pypi", value=["conda/other"]), "package conda/other of environment abc is"),
            (put("packages", "conda/../../x", value={}), "'conda/../../x' is not the key of a package"),
            (put("packages", "elsewhere/x", value={}), "packages.elsewhere/x"),
            (put("steps", "start", "pypi", value={"x": "@ https://a:b@h/x.whl"}), "an address with credentials"),
            (put("steps", "start", "pypi", value={"x": "@ file:///home/a/x.whl"}), "a file of one machine"),
        ],
    )
    def test_that_does_not_fit(self, tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str) -> None:
        found = data()
        change(found)
        file = tmp_path / "flow.lock.json"
        file.write_text(json.dumps(found))
        with pytest.raises(LockError) as raised:
            read_lock(file)
        assert str(raised.value).startswith(f"{file}: ")
        assert said in str(raised.value)

    @pytest.mark.parametrize("text", ["", "{", "<<<<<<< HEAD", '{"steps": {'])
    def test_that_is_no_json(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "flow.lock.json"
        file.write_text(text)
        with pytest.raises(LockError, match=r"cannot be read as a lock .*; delete it and lock again"):
            read_lock(file)

    @pytest.mark.parametrize("text", ["[]", "1", "null"])
    def test_that_is_no_lock(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "flow.lock.json"
        file.write_text(text)
        with pytest.raises(LockError, match="delete it and lock again"):
            read_lock(file)
