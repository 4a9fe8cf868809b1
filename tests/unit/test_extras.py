"""Packages that an extra brings: all of them are known, and without one a command says which extra to install."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from types import ModuleType

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flowinfra.clouds.kubernetes import Cluster
from flowinfra.components.source import Deployment
from flowinfra.engine.extras import EXTRAS, missing
from flowinfra.errors import MissingExtraError
from flowinfra.program.deploy import checked_flows
from flowinfra.stack.parsing import parse_stack
from tests.unit.test_imports import DRIVER, PACKAGE, imported

ROOT = Path(__file__).parents[2]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = [(extra, module) for extra, modules in EXTRAS.items() for module in modules]
BLOCKED = "import sys; sys.modules.update(dict.fromkeys({modules!r})); from flowinfra.cli import main; main({words!r})"


def brought(requirements: list[str]) -> set[str]:
    """Distributions that an installation of these has; of one that is not installed here, it alone."""
    found, waiting = set[str](), [Requirement(each) for each in requirements]
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in found:
            continue
        found |= {str(wanted), canonicalize_name(wanted.name)}
        with suppress(PackageNotFoundError):
            for line in requires(wanted.name) or ():
                each = Requirement(line)
                if each.marker is None or any(each.marker.evaluate({"extra": one}) for one in ("", *wanted.extras)):
                    waiting.append(each)
    return found


def homes(module: str) -> set[str]:
    """Distributions that have a module; one that is not installed here is called like it."""
    return {canonicalize_name(name) for name in packages_distributions().get(module, [module])}


def third_party() -> Iterator[tuple[str, str]]:
    """Each file with each module of somebody else's that it imports, by statement or by a written-out name."""
    for path in PACKAGE.rglob("*.py"):
        if DRIVER in path.parents or path.name.endswith("_child.py"):
            continue
        written = re.findall(r'import_module\("([\w.]+)"\)', path.read_text(encoding="utf-8"))
        for name in {each.split(".")[0] for each in [*imported(path), *written]}:
            # stubs are imported for type checkers alone
            if name not in {*sys.stdlib_module_names, "flowinfra", ""} and not name.startswith("mypy_boto3_"):
                yield path.relative_to(PACKAGE).as_posix(), name


def test_every_import_is_of_the_installation_or_of_an_extra() -> None:
    always, optional = brought(PROJECT["dependencies"]), {module for _, module in MODULES}
    found = {*third_party()}
    assert {"moto", "boto3", "pulumi_gcp"} <= {name for _, name in found}
    assert [each for each in sorted(found) if each[1] not in optional and not always & homes(each[1])] == []


def test_the_installation_for_aws_has_no_extra_in_it() -> None:
    always = brought(PROJECT["dependencies"])
    assert [module for _, module in MODULES if always & homes(module)] == []


def test_extras_are_those_of_the_package() -> None:
    declared = PROJECT["optional-dependencies"]
    assert {*declared} == {*EXTRAS}
    assert [(extra, module) for extra, module in MODULES if not brought(declared[extra]) & homes(module)] == []


@pytest.mark.parametrize(("extra", "module"), MODULES)
def test_what_lacks_one_names_the_extra_in_a_line(extra: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in EXTRAS[extra]:
        monkeypatch.setitem(sys.modules, each, ModuleType(each))
        sys.modules[each].__spec__ = ModuleSpec(each, None)
    assert missing(extra, "it") is None
    monkeypatch.setitem(sys.modules, module, None)
    name, what = module.replace("_", "-"), f"pip install 'flowinfra[{extra}]'"
    assert (
        str(missing(extra, "it")) == f"it needs the package {name}, which is not installed in this Python; run: {what}"
    )


@pytest.mark.parametrize("module", EXTRAS["kubernetes"])
def test_a_question_to_a_cluster(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'flowinfra\[kubernetes\]'"):
        Cluster("nowhere")


@pytest.mark.parametrize("module", EXTRAS["kubernetes"])
@pytest.mark.parametrize(
    ("target", "platform"),
    [
        ("argo", {"kubernetes": {"namespace": "flows"}}),
        ("airflow", {"airflow": {"namespace": "jobs", "dags": {"config_maps": "airflow"}}}),
    ],
)
def test_the_preview_of_a_stack(
    target: str, platform: dict[str, object], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    files = ["examples/flows/parameters/parameter_flow.py", "examples/flows/branches/branch_flow.py"]
    values = {"platform": {"bucket": "bkt", **platform}, "flows": [{"flow": each, "target": target} for each in files]}
    with pytest.raises(Exception, match="needs the package") as raised:
        checked_flows(parse_stack(values, "Pulumi.dev.yaml"), Deployment("p", "dev", ROOT), lambda _words: None)
    [line] = str(raised.value).splitlines()
    assert line.endswith("pip install 'flowinfra[kubernetes]'")


def blocked(modules: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    code = BLOCKED.format(modules=modules, words=list(words))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("module", EXTRAS["local"])
def test_the_embedded_aws(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWINFRA_LOCAL_HOME", str(tmp_path))
    done = blocked([module], "local", "start", "--port", "0")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: the embedded AWS needs the package {module.replace('_', '-')}, which is not installed in this Python; "
        "run: pip install 'flowinfra[local]'\n",
    )


def test_every_command_is_there_without_any_extra() -> None:
    code = BLOCKED.format(modules=[module for _, module in MODULES], words=["--help"]).replace(
        "main(['--help'])",
        "from flowinfra.cli import COMMANDS; [main([name, '--help'], standalone_mode=False) for name in COMMANDS]",
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_only_the_embedded_aws_imports_one_when_it_is_loaded() -> None:
    """Elsewhere the import stands where the extra has been asked for."""
    optional = {module for _, module in MODULES}
    found = []
    for path in PACKAGE.rglob("*.py"):
        if PACKAGE / "local" in path.parents or DRIVER in path.parents:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        loaded = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
        loaded += [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
        found += [(path.name, name) for name in loaded if name.split(".")[0] in optional]
    assert found == []
