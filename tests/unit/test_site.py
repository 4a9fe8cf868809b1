"""The site of guides and references: it is built strictly, has every public name and command, and loads nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import flowinfra

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://git.example/acme/flowinfra"


def required() -> None:
    """Skip the test where there is no mkdocs; with FLOWINFRA_REQUIRE_SITE=1 it fails."""
    if find_spec("mkdocs") is None:
        reason = "no mkdocs: `make setup` installs it"
        if os.environ.get("FLOWINFRA_REQUIRE_SITE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def build(folder: Path, repository: str) -> Path:
    required()
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "FLOWINFRA_REPOSITORY": repository}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    return build(tmp_path_factory.mktemp("site"), REPOSITORY)


def html(site: Path, page: str) -> str:
    return (site / page / "index.html").read_text(encoding="utf-8")


def pages(site: Path) -> list[tuple[str, str]]:
    """Name and text of each page."""
    return [(path.relative_to(site).as_posix(), path.read_text(encoding="utf-8")) for path in site.rglob("*.html")]


def test_every_public_name_has_its_entry(site: Path) -> None:
    ids = set(re.findall(r'id="flowinfra\.(\w+)"', html(site, "reference/python")))
    assert ids == set(flowinfra.__all__)


def test_every_key_of_a_component_has_its_entry(site: Path) -> None:
    text = html(site, "reference/python")
    known = {*flowinfra.StepFunctionsFlowArgs.__annotations__, *flowinfra.PlatformArgs.__annotations__}
    ids = set(re.findall(r'id="flowinfra\.(?:StepFunctionsFlowArgs|PlatformArgs)\.(\w+)"', text))
    assert {"flow", "distributed_map"} <= known
    # a word of Python's own, which no class can declare: the page says it in words
    assert known - ids == {"with"}
    assert "<code>with</code>" in text


def test_every_command_has_its_help(site: Path) -> None:
    required()
    from tools.site.commands import helps

    text = html(site, "commands")
    commands = [" ".join(words) for words, _ in helps()]
    assert {"flowinfra", "flowinfra compile", "flowinfra local run", "flowinfra preview-stack down"} <= set(commands)
    assert [each for each in commands if f'id="{each.replace(" ", "-")}"' not in text] == []
    assert "Usage: flowinfra local run" in text


def test_files_that_are_no_pages_are_linked_in_the_repository(site: Path) -> None:
    text = html(site, "stacks")
    assert f'href="{REPOSITORY}/tree/main/stacks"' in text
    assert f'href="{REPOSITORY}/blob/main/stacks/schema.json"' in text


def test_the_readme_is_the_first_page(site: Path) -> None:
    assert 'href="stacks/"' in html(site, ".")


def test_markdown_is_read_as_github_reads_it(site: Path) -> None:
    """Fences in lists and escaped bars in tables are where the two differ."""
    assert [name for name, text in pages(site) if "```" in text or re.search(r"<code>[^<]*\\\|", text)] == []


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    loads = re.compile(r'<(?:script|img|link|iframe)\b[^>]*(?:src|href)="?https?:[^"> ]*')
    assert [(name, loads.findall(text)) for name, text in pages(site) if loads.search(text)] == []


def test_without_an_address_of_the_repository_such_links_are_text(tmp_path: Path) -> None:
    text = html(build(tmp_path / "site", ""), "stacks")
    assert "<code>stacks/schema.json</code>" in text
    assert "schema.json</code></a>" not in text


def test_links_are_rewritten_outside_of_code_alone(tmp_path: Path) -> None:
    required()
    from tools.site.pages import site_links

    (tmp_path / "stacks").mkdir()
    code = "```\n[f](../../stacks)\n```\n"
    source = f"[a](../../README.md#x) [`b`](../../stacks) [c](../gone.txt) [d](#here) [e](https://e.example)\n{code}"
    links = f"[a](../index.md#x) [`b`](r/tree/main/stacks) [c](../gone.txt) [d](#here) [e](https://e.example)\n{code}"
    assert site_links(source, "docs/sub/page.md", tmp_path, "r") == links


@pytest.mark.parametrize(("variable", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_mkdocs(variable: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.find_spec", lambda name: None)
    monkeypatch.setenv("FLOWINFRA_REQUIRE_SITE", variable)
    with pytest.raises(outcome, match="no mkdocs"):
        required()


def test_continuous_integration_requires_mkdocs() -> None:
    assert "export FLOWINFRA_REQUIRE_SITE=1\n" in (ROOT / ".ci" / "run").read_text()
