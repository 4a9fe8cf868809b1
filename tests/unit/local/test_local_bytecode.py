from __future__ import annotations

from pathlib import Path

from flowinfra.local.bytecode import outermost, tree


def test_folders_inside_others_are_left_out() -> None:
    paths = [Path("/a/b"), Path("/a"), Path("/ab"), Path("/c/d"), Path("/c/d")]
    assert outermost(paths) == [Path("/a"), Path("/ab"), Path("/c/d")]


def test_packages_share_the_interpreters_part_only(tmp_path: Path) -> None:
    interpreter = [Path("/opt/python/lib"), Path("/opt/python")]
    first, second = (tree(tmp_path / "root", name, interpreter, tmp_path / "shared") for name in ("one", "two"))
    (first / "opt/python/lib").mkdir()
    (first / "opt/python/lib/module.pyc").touch()
    (first / "tmp").mkdir()
    assert (second / "opt/python/lib/module.pyc").exists()
    assert not (second / "tmp").exists()
    assert tree(tmp_path / "root", "one", interpreter, tmp_path / "shared") == first
