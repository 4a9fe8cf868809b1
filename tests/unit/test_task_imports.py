"""What a flow's tasks will import is checked when it is compiled: a repository with a package of one's own."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.cli.bundle import command as bundle
from flowinfra.compiler import CompileRequest, compile_flow, compile_flows
from flowinfra.compiler.cache import put_blob
from flowinfra.compiler.compile import CompileWarning
from flowinfra.compiler.imports import Verdict, judge
from flowinfra.compiler.needs import Need, Needs
from flowinfra.components.source import Deployment
from flowinfra.errors import CompileError, ConfigError, Problems
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.lock import Lock, LockedEnvironment, LockedPackage
from flowinfra.model.shape import Shape
from flowinfra.program.deploy import checked_flows
from flowinfra.stack.loading import stored_stack
from flowinfra.targets import shape_of
from tests.unit.interpreters import interpreter

HEAD = "from metaflow import FlowSpec, step\n"
STEPS = """
class FraudFlow(FlowSpec):
    @step
    def start(self):
        {start}
        self.next(self.end)

    @step
    def end(self):
        {end}

if __name__ == "__main__":
    FraudFlow()
"""
EDITABLE_FINDER = """
import sys
from importlib.machinery import PathFinder

MAPPING = {"acme_found": FOLDER + "/acme_found"}

class _Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            return PathFinder.find_spec(name, [MAPPING[name].rpartition("/")[0]])

def install():
    sys.meta_path.append(_Finder)
"""


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository `acme-ml`, and its interpreter: with it as an editable install in the three ways that there are."""
    root = tmp_path_factory.mktemp("acme") / "acme-ml"
    for name in ("acme_common", "acme_found", "src/acme_src"):
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text("from . import tools\n")
        (root / name / "tools.py").write_text("import colour_of_none\n" if name == "acme_found" else "import json\n")
    (root / "src/elsewhere").mkdir()
    (root / "src/elsewhere/sibling.py").write_text("")
    metadata = "Metadata-Version: 2.1\nName: {}\nVersion: 1\n"
    modules = {
        "acme-src.pth": f"{root / 'src'}\n",
        "acme_src-1.dist-info/METADATA": metadata.format("acme-src"),
        "acme_src-1.dist-info/direct_url.json": json.dumps(
            {"url": (root / "src").as_uri(), "dir_info": {"editable": True}}
        ),
        "plain.pth": f"{root}\n",
        "__editable___acme_found_1_finder.py": f"FOLDER = {str(root)!r}\n{EDITABLE_FINDER}",
        "__editable__.acme_found-1.pth": "import __editable___acme_found_1_finder as f; f.install()\n",
        "colour_of_none.py": "",
        "frames/__init__.py": "",
        "frames/core.py": "",
        "Frames_ML-2.dist-info/METADATA": metadata.format("Frames-ML") + "Requires-Dist: arrays>=1\n",
        "Frames_ML-2.dist-info/RECORD": "frames/__init__.py,,\nframes/core.py,,\n",
        "arrays.py": "",
        "arrays-1.dist-info/METADATA": metadata.format("arrays"),
        "arrays-1.dist-info/RECORD": "arrays.py,,\n",
        "cloud/one/__init__.py": "",
        "cloud_one-1.dist-info/METADATA": metadata.format("cloud-one"),
        "cloud_one-1.dist-info/RECORD": "cloud/one/__init__.py,,\n",
    }
    return root, interpreter(root.parent / "venv", modules)


@pytest.fixture
def compiled(acme: tuple[Path, str], tmp_path: Path) -> Any:
    return Compiling(*acme, tmp_path / "flows" / "fraud")


class Compiling:
    def __init__(self, root: Path, python: str, folder: Path) -> None:
        self.root, self.python, self.folder = root, python, folder
        self.warnings: list[str] = []

    def request(
        self,
        head: str = "",
        start: str = "pass",
        end: str = "pass",
        files: Mapping[str, str] | None = None,
        **shape: Any,
    ) -> CompileRequest:
        declared = {key: shape.pop(key) for key in ("image_packages", "step_image_packages") if key in shape}
        flow = self.folder / "fraud_flow.py"
        for path, text in {"fraud_flow.py": HEAD + head + STEPS.format(start=start, end=end), **(files or {})}.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        shape_ = shape_of("step-functions", shape)
        return CompileRequest(flow, shape=shape_, python=self.python, root=self.folder.parents[1], **declared)

    def __call__(self, head: str = "", **keys: Any) -> CompiledFlow:
        self.warnings = []
        return compile_flow(self.request(head, **keys), self.warnings.append)

    def errors(self, head: str = "", **keys: Any) -> list[str]:
        with pytest.raises((CompileError, Problems)) as raised:
            self(head, **keys)
        return [str(error) for error in raised.value.errors]


def test_what_every_task_has(compiled: Compiling) -> None:
    compiled(
        "import json, boto3, requests, botocore.client, metaflow.cards\nfrom metaflow import current\nimport helper\n"
        "from sub import part\nfrom sub.part import WORD\n",
        start="import sqlite3, helper, urllib3; from sub import part",
        files={"helper.py": "from sub import part\n", "sub/__init__.py": "", "sub/part.py": "WORD = 1\n"},
    )
    assert compiled.warnings == []


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("acme_src", "by the editable install of acme-src"),
        ("acme_common", r"by plain\.pth of the interpreter's site-packages"),
        ("acme_found", r"by __editable___acme_found_1_finder of the interpreter's site-packages"),
    ],
)
def test_an_editable_install(compiled: Compiling, module: str, why: str) -> None:
    errors = compiled.errors(f"from {module} import tools\n")
    found = [error for error in errors if f"its tasks import '{module}'" in error]
    assert len(found) == 1
    assert found[0].startswith("flows/fraud/fraud_flow.py:2: ")
    assert "__init__.py is importable here " in found[0]
    assert re.search(why, found[0])
    name = "acme-src" if module == "acme_src" else module.replace("_", "-")
    assert f"`image_packages: [{name}]`" in found[0]
    assert "Package it: `package: {" in found[0]


def test_what_an_unpackaged_module_needs_is_told_with_it(compiled: Compiling) -> None:
    first, second = compiled.errors("import acme_found\n")
    assert "'acme_found'" in first
    assert "acme_found/tools.py:1: its tasks import 'colour_of_none'" in second
    compiled("import acme_found\n", image_packages=["acme-found"])
    assert compiled.warnings == []


def test_a_folder_that_the_flow_puts_on_the_path(compiled: Compiling) -> None:
    head = f"import sys\nsys.path.append({str(compiled.root / 'src/elsewhere')!r})\nimport sibling\n"
    [error] = compiled.errors(head)
    assert error.startswith("flows/fraud/fraud_flow.py:4: its tasks import 'sibling', which is not in the code package")
    assert "the flow puts" in error
    # a folder inside the package is where it was
    inside = "import os, sys\nsys.path.append(os.path.join(os.path.dirname(__file__), 'lib'))\nimport inner, deep.er\n"
    compiled(inside, files={"lib/inner.py": "", "lib/deep/er.py": ""})
    assert compiled.warnings == []


def test_a_module_beside_the_flow_that_is_left_out(compiled: Compiling) -> None:
    files = {"helper.py": "", "sub/__init__.py": "", "sub/part.py": "", "fast.abi3.so": ""}
    errors = compiled.errors(
        "import helper\nfrom sub import part\n",
        start="import fast",
        files=files,
        package_exclude=("flows/fraud/helper.py", "flows/fraud/sub/part.py"),
    )
    assert [error.partition(": ")[0] for error in errors] == [
        "flows/fraud/fraud_flow.py:2",
        "flows/fraud/fraud_flow.py:3",
        "flows/fraud/fraud_flow.py:8",
    ]
    assert "left out of it" in errors[0]
    assert "'sub.part'" in errors[1]
    assert "Metaflow packages no compiled modules" in errors[2]


def test_a_distribution_that_nothing_declares(compiled: Compiling) -> None:
    errors = compiled.errors("import frames.core\n", end="import arrays; import cloud.one as one; import nowhere")
    assert [error.partition(", which")[0] for error in errors] == [
        "flows/fraud/fraud_flow.py:2: its tasks import 'frames' (Frames-ML)",
        "flows/fraud/fraud_flow.py:12: step end imports 'arrays'",
        "flows/fraud/fraud_flow.py:12: step end imports 'cloud.one'",
        "flows/fraud/fraud_flow.py:12: step end imports 'nowhere'",
    ]
    assert "the image python:3." in errors[0]
    assert "`image_packages: [frames-ml]` (on the command line --image-package frames-ml)" in errors[0]


def test_an_image_of_ones_own_is_trusted_with_a_warning(compiled: Compiling) -> None:
    compiled("import frames\n", end="import nowhere", image="acme/ml:3")
    [warning] = compiled.warnings
    assert warning.startswith("flows/fraud/fraud_flow.py:2: its tasks import 'frames' (Frames-ML); flows/")
    assert "so the image acme/ml:3 must have them" in warning
    assert "`image_packages: [frames-ml, nowhere]`" in warning
    # one's own code is in no image by itself
    assert len(compiled.errors("import acme_src\n", image="acme/ml:3")) == 1


@pytest.mark.parametrize(
    "entries",
    [
        ["frames-ml", "nowhere"],
        ["Frames_ML>=2 ; python_version > '3'", "nowhere"],
        ["frames", "arr*", "no*"],
        ["*"],
        ["FILE"],
    ],
)
def test_image_packages(compiled: Compiling, entries: list[str], tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# all of it\n--index-url https://x.test\n-r more.in\nnowhere==1 \\\n  --hash=sha256:aa\n")
    (tmp_path / "more.in").write_text("Frames.ML[all]==2.0  # comment\n-r requirements.txt\n")
    keys = {"image_packages": [str(file) if entry == "FILE" else entry for entry in entries]}
    plain = compiled("import json\n")
    # what comes with a package is there, too
    compiled("import frames, arrays\n", end="import nowhere", **keys)
    assert compiled.warnings == []
    assert compiled("import json\n", **keys) == plain


def test_image_packages_of_a_step(compiled: Compiling) -> None:
    head, keys = "", {"start": "import frames", "end": "import frames"}
    [error] = compiled.errors(head, **keys, step_image_packages={"start": ["frames-ml"]})
    assert "fraud_flow.py:11: step end imports 'frames'" in error
    compiled(head, **keys, image_packages=["frames-ml"], step_image_packages={"start": ["*"]})
    with pytest.raises(
        ConfigError, match=r"steps.train.image_packages: the flow has no step 'train' \(it has: start, end"
    ):
        compiled(head, **keys, step_image_packages={"train": ["frames-ml"]})


@pytest.mark.parametrize(
    ("entry", "words"),
    [("==", "found '==', allowed: a requirement"), ("gone/requirements.txt", "gone/requirements.txt does not exist")],
)
def test_image_packages_that_are_none(compiled: Compiling, entry: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"flows/fraud/fraud_flow.py: image_packages: .*{words}"):
        compiled(image_packages=[entry])


OPTIONAL = {
    "guarded": "try:\n    import frames\nexcept ImportError:\n    frames = None\n",
    "suppressed": "from contextlib import suppress\nwith suppress(ImportError):\n    import frames\n",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import frames, acme_common\n",
    "not here": "import sys\nif sys.platform == 'nowhere':\n    import winreg, nowhere\n",
    "one of both": "try:\n    import frames\nexcept ModuleNotFoundError:\n    import json as frames\n",
    "in place of what is there": "try:\n    import json\nexcept ImportError:\n    import frames\n",
}


@pytest.mark.parametrize("head", OPTIONAL.values(), ids=OPTIONAL)
def test_imports_that_tasks_do_without(compiled: Compiling, head: str) -> None:
    compiled(head)
    assert compiled.warnings == []


def test_neither_of_both(compiled: Compiling) -> None:
    [error] = compiled.errors("try:\n    import nowhere\nexcept ImportError:\n    import arrays\n")
    assert "fraud_flow.py:5: its tasks import 'arrays'" in error
    [error] = compiled.errors(
        "try:\n    import arrays\nexcept ImportError as e:\n    raise SystemExit('install it') from e\n"
    )
    assert "fraud_flow.py:3: its tasks import 'arrays'" in error


def test_what_may_be_imported_is_a_warning(compiled: Compiling) -> None:
    files = {"helper.py": "def plot():\n    import frames\n\nasync def far():\n    from acme_src import tools\n"}
    compiled(
        "import helper\ntry:\n    import acme_common\nexcept ImportError:\n    pass\n",
        end="\n        ".join(("if self.input:", "    import arrays")),
        files=files,
    )
    assert [
        warning.partition(", which is not")[0].partition(", which the")[0] for warning in sorted(compiled.warnings)
    ] == [
        "flows/fraud/fraud_flow.py:17: step end imports 'arrays' on a condition",
        "flows/fraud/fraud_flow.py:4: its tasks import 'acme_common', and do without it where it is not there",
        "flows/fraud/helper.py:2: its tasks import 'frames' (Frames-ML) when plot() is called",
        "flows/fraud/helper.py:5: its tasks import 'acme_src' when far() is called",
    ]


def test_imports_by_a_call(compiled: Compiling) -> None:
    errors = compiled.errors(
        "import importlib\nimportlib.import_module('frames.core')\n", start="x = __import__('acme_src.tools')"
    )
    assert ["'frames'" in error for error in errors] == [True, False]
    assert "step start imports 'acme_src'" in errors[1]


def test_a_steps_import_reaches_that_steps_tasks_alone(compiled: Compiling) -> None:
    files = {"helper.py": "import frames\n", "base.py": HEAD + "class Base(FlowSpec):\n    pass\n"}
    [error] = compiled.errors(start="import helper", files=files)
    assert "flows/fraud/helper.py:1: step start imports 'frames'" in error


def test_steps_of_a_base_class(compiled: Compiling) -> None:
    base = (
        HEAD
        + "class Base(FlowSpec):\n    @step\n    def start(self):\n        import frames\n        self.next(self.end)\n"
    )
    text = HEAD + "from base import Base\nclass F(Base):\n    @step\n    def end(self):\n        pass\nF()\n"
    [error] = compiled.errors(files={"base.py": base, "fraud_flow.py": text})
    assert "flows/fraud/base.py:5: step start imports 'frames'" in error


@pytest.mark.parametrize("target", ["argo", "airflow"])
def test_other_targets(compiled: Compiling, target: str) -> None:
    request = replace(compiled.request("import frames\n"), target=target)
    with pytest.raises(CompileError, match="which the image python:3"):
        compile_flow(request)


def test_the_cache_keeps_what_is_needed_and_not_what_is_declared(compiled: Compiling) -> None:
    request, cached = compiled.request("import frames\n", image="acme/ml:3"), []

    def run(image_packages: list[str]) -> tuple[CompiledFlow, list[str]]:
        warnings: list[str] = []
        each = replace(request, image_packages=image_packages)
        [made] = compile_flows([each], progress=lambda _, hit: cached.append(hit), warn=warnings.append)
        return made, warnings

    # what is written while it is compiled is not kept
    while not cached or not cached[-1]:
        first, warnings = run([])
        assert len(warnings) == 1
        assert len(cached) < 5
    assert run(["frames-ml"]) == (first, [])
    assert cached[-1]


def test_without_a_listener_a_warning_is_pythons(compiled: Compiling) -> None:
    with pytest.warns(CompileWarning, match="nothing declares"):
        compile_flow(compiled.request("import frames\n", image="acme/ml:3"))


def stack_of(compiled: Compiling, **keys: Any) -> Path:
    """A project with the flow in a stack `prod`."""
    compiled.request("import frames\n")
    root = compiled.folder.parents[1]
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    (root / "stacks").mkdir()
    (root / "images.txt").write_text("frames-ml\n")
    flow = {"flow": "flows/fraud/fraud_flow.py", "python": compiled.python, "image": "acme/ml:3", **keys}
    platform = {"bucket": "bkt", "queue": "jobs", "region": "us-east-1", "account": "123456789012"}
    config = {"flowinfra:platform": platform, "flowinfra:flows": [flow]}
    (root / "stacks" / "Pulumi.prod.yaml").write_text(json.dumps({"config": config}))
    return root


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, True),
        ({"image_packages": ["images.txt"]}, False),
        ({"steps": {"start": {"image_packages": ["images.txt"]}, "end": {"image_packages": ["*"]}}}, False),
    ],
)
def test_in_a_stack(compiled: Compiling, keys: dict[str, Any], told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preview says it, and `flowinfra bundle`, whatever folder they are run from."""
    root = stack_of(compiled, **keys)
    warnings: list[str] = []
    stack = stored_stack(root, "prod")
    [flow] = checked_flows(stack, Deployment("shop", "prod", root), warnings.append).flows
    assert [warning.startswith("flows/fraud/fraud_flow.py:2: its tasks import") for warning in warnings] == [
        True
    ] * told
    monkeypatch.chdir(root)
    bundled = CliRunner().invoke(bundle, ["prod", "-o", "bundles"], catch_exceptions=False)
    assert bundled.exit_code == 0
    assert ("the image acme/ml:3 must have it" in bundled.stderr) == told
    assert flow.compiled.digest in (root / "bundles" / "Pulumi.prod.yaml").read_text()


def test_on_the_command_line(compiled: Compiling) -> None:
    request = compiled.request("import frames\n")
    words = [str(request.flow), "--python", compiled.python]
    done = CliRunner().invoke(main, ["compile", *words])
    assert done.exit_code == 1
    assert "its tasks import 'frames' (Frames-ML), which the image python:" in done.stderr
    done = CliRunner().invoke(main, ["compile", *words, "--image", "acme/ml:3"])
    assert (done.exit_code, done.stderr.startswith("warning: ")) == (0, True)
    done = CliRunner().invoke(main, ["compile", *words, "--image-package", "frames-ml"])
    assert (done.exit_code, done.stderr) == (0, "")


def test_locked_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheels say which modules they have, conda's packages say their names; what a lock lacks no image makes good."""
    monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "cache"))
    flow = tmp_path / "flow.py"
    flow.write_text(HEAD + STEPS.format(start="pass", end="pass"))
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as content:
        content.writestr("yaml/__init__.py", "")
        content.writestr("_yaml_fast.cpython-311-x86_64-linux-gnu.so", "")
    digest = hashlib.sha256(wheel.getvalue()).hexdigest()
    put_blob(digest, wheel.getvalue())
    keys = "conda/pypi.test/PyYAML-6.0-py3-none-any.whl", "conda/conda.test/python-dateutil-2.9.0-py_0.conda"
    lock = Lock(
        flow="FraudFlow",
        metaflow="2",
        environment="pypi",
        python="3.11.1",
        steps={},
        environments={"a": LockedEnvironment(conda=keys[1:], pypi=keys[:1]), "b": LockedEnvironment(conda=keys[1:])},
        packages={key: LockedPackage(url="https://x.test/y", sha256=digest, size=1) for key in keys},
    )
    request = CompileRequest(flow, image_packages=["*"], shape=Shape(environment="local"))
    compiled = compile_flow(request)

    def verdict(*modules: str) -> Verdict:
        imports = [Need(name, str(flow), 3, None, None, True, False, (), None, {"kind": "absent"}) for name in modules]
        return judge(request, compiled, Needs(tuple(imports), {"start": "a", "end": "b"}, ()), lock)

    assert verdict("dateutil_of_none").errors != []
    assert verdict("python_dateutil") == Verdict([], [])
    [error] = verdict("nowhere").errors
    assert str(error) == (
        f"{flow}:3: its tasks import 'nowhere', which is not in the locked environment: add it to the step's @pypi or "
        "@conda, and lock again with `flowinfra lock`"
    )
    # the wheel has it; of conda's packages nobody can say
    for module in ("yaml", "_yaml_fast"):
        found = verdict(module)
        assert found.errors == []
        [warning] = found.warnings
        assert f"step end imports '{module}', which may not be in the locked environment" in warning
