"""Other flows that the code names are found where a task would read them, and nowhere else."""

from __future__ import annotations

import pytest

from flowinfra.compiler.other_flows import named_flows


def package(**files: str) -> dict[str, bytes]:
    """Python files of a code package, by path with `__` for `/`."""
    return {
        (name.replace("__", "/") if "/" not in name else name) + ".py": text.encode() for name, text in files.items()
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('from metaflow import Flow\nFlow("Train").latest_run', ["Train"]),
        ('from metaflow import *\ndef f():\n    return Run("Train/12"), Task("Other/1/a/2")', ["Other", "Train"]),
        ('import metaflow as mf\nmf.Flow("Train")', ["Train"]),
        ('import metaflow.client\nmetaflow.client.Step("Train/1/a")', ["Train"]),
        ('from metaflow import client\nclient.Run("Train/1")', ["Train"]),
        ('def f():\n    from metaflow import Flow as F\n    F("Train")', ["Train"]),
        ('from metaflow import Flow\nNAME = "Train"\nFlow(NAME)', ["Train"]),
        ('from metaflow import Run\nRun(f"Train/{n}"), Run("Fit/%s" % n), Run("Cut/" + n)', ["Cut", "Fit", "Train"]),
        ('from metaflow import Flow\nFlow("Own"), Flow(name), Flow(f"{a}/1"), Flow(f"Tr{a}"), Flow("Tr" + a)', []),
        ('from prefect import Flow\nFlow("Train")', []),
        ('"""from metaflow import Flow; Flow("Train")"""', []),
        ("this is no Python", []),
    ],
)
def test_names_in_the_flows_file(text: str, names: list[str]) -> None:
    assert list(named_flows(package(flow=text), "flow.py", "Own")) == names


def test_what_the_file_imports_is_looked_through_and_nothing_else() -> None:
    reads = 'from metaflow import Flow\nFlow("{}")'
    files = {
        "flow": "import near\nfrom shared.models import load\nfrom shared import more",
        "near": reads.format("Near"),
        "beside": reads.format("Beside"),
        "shared____init__": "",
        "shared__models": "from . import deep\nfrom ..near import x" + "\n" + reads.format("Models"),
        "shared__deep": reads.format("Deep"),
        "shared__more": reads.format("More"),
        "shared__unused": reads.format("Unused"),
    }
    files["shared/__init__"] = files.pop("shared____init__")
    assert named_flows(package(**files), "flow.py", "Own") == ("Deep", "Models", "More", "Near")
