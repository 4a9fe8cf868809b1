"""Values of a request that Metaflow's command would not take as they are: told in words, before it is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pulumi
import pytest
from pydantic import ValidationError

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import CompileError
from flowinfra.model.shape import metadata_of
from flowinfra.targets import compiled_flow, shape_of
from tests.unit.sources import STEPS, request, write_flow


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"query": "a=b"}, "batch_tags.query: found 'a=b', allowed: up to 256 letters, digits, spaces and _.:/+-@, "),
        ({"a=b": "c"}, "batch_tags: found the key 'a=b', allowed: 1 to 128 letters, "),
        ({"a": "b,c"}, "batch_tags.a: found 'b,c', allowed: "),
        ({"aws:a": "b"}, "batch_tags: found the key 'aws:a', allowed: "),
        ({"a": "x" * 257}, "batch_tags.a: found 'xxx"),
    ],
)
def test_a_tag_of_jobs_that_cannot_be_given_is_refused(tmp_path: Path, tags: dict[str, str], words: str) -> None:
    with pytest.raises(CompileError, match=f"^{re.escape(str(tmp_path / 'flow.py'))}: {re.escape(words)}"):
        compile_flow(request(write_flow(tmp_path), batch_tags=tags))


PARSER = """
def words(text):
    return dict(line.split(" = ") for line in text.splitlines())
"""
CONFIG = f"    settings = Config('settings', default_value='depth = 1', parser=words)\n{STEPS}"


@pytest.mark.parametrize("value", [{"depth": 2}, ["depth"], 7])
def test_a_config_with_a_parser_takes_text(tmp_path: Path, value: object) -> None:
    path = write_flow(tmp_path, body=CONFIG, head=PARSER)
    message = (
        f"{path}: configs.settings: the flow reads this Config with its own parser (words), which takes text, and "
    )
    with pytest.raises(
        CompileError, match=f"^{re.escape(message)}found {re.escape(repr(value))}: give the path of a file"
    ):
        compile_flow(request(path, configs={"settings": value}))


def test_a_file_of_a_config_with_a_parser(tmp_path: Path) -> None:
    (tmp_path / "settings.txt").write_text("depth = 2")
    path = write_flow(tmp_path, body=CONFIG, head=PARSER)
    compiled = compile_flow(CompileRequest(path, config_files={"settings": tmp_path / "settings.txt"}))
    assert compiled.flow.configs == {"settings": {"depth": "2"}}


def test_a_target_that_does_not_exist_is_refused_wherever_it_is_named(tmp_path: Path) -> None:
    flow = write_flow(tmp_path)
    words = re.escape(f"{flow}: unknown target 'cron'; known: step-functions, argo, airflow")
    with pytest.raises(CompileError, match=f"^{words}$"):
        compile_flow(CompileRequest(flow, "cron"))
    with pytest.raises(CompileError, match=f"^{words}$"):
        shape_of("cron", {}, str(flow))


def test_compiled_data_of_a_target_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="unknown target 'cron'; known: step-functions, argo, airflow"):
        compiled_flow({"target": "cron"})


@pytest.mark.parametrize(
    ("service_url", "metadata"),
    [(None, "local"), ("", "local"), ("https://m", "service"), (pulumi.Output.from_input("x"), "service")],
    ids=["none", "empty", "text", "late"],
)
def test_a_platform_with_a_service_has_its_metadata_there(service_url: object, metadata: str) -> None:
    assert metadata_of(service_url) == metadata
