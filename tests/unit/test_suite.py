"""The tests themselves: what would make a part of them disappear, or run twice, on a fresh clone."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.unit.metaflow_create import account

TESTS = Path(__file__).parents[1]


def test_no_two_test_modules_have_one_name() -> None:
    """pytest imports test modules by their base name: the second of two would be an error of collection."""
    names = Counter(path.name for path in TESTS.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_an_account_of_a_module_has_nothing_of_another_ones() -> None:
    """Both may be on one worker, in any order."""
    for _ in range(2):
        with account() as made:
            assert len(made.client("s3").list_buckets()["Buckets"]) == 1


GROUPED = """
import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.mark.parametrize("number", range(6))
def test_number(number): ...
"""


def test_tests_of_a_group_stay_on_one_worker(tmp_path: Path) -> None:
    """They share a deployment or a cluster, which would be made once more on the other worker."""
    (tmp_path / "test_grouped.py").write_text(GROUPED)
    words = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup", "--rootdir", str(tmp_path)]
    done = subprocess.run([*words, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=True)
    workers = re.findall(r"^\[(gw\d)\].* PASSED", done.stdout, re.MULTILINE)
    assert len(workers) == 6
    assert len(set(workers)) == 1
