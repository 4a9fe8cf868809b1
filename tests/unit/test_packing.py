"""A code package is the same bytes in whatever order a folder lists its files."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from flowinfra.compiler.driver.members import HEAD
from flowinfra.compiler.package import Offered, Package, pack
from flowinfra.compiler.provenance import WorkTrees
from flowinfra.compiler.request import selection
from tests.unit.sources import request, write_flow


def test_the_order_in_which_files_are_found_is_no_matter(tmp_path: Path) -> None:
    flow = write_flow(tmp_path / "flows")
    names = ["a.py", "b.py", "sub.py"]
    for name in names:
        (flow.parent / name).write_text(f"NAME = {name!r}\n")
    info = {
        "name": ".mf_meta/INFO",
        "content": base64.b64encode(json.dumps({"metaflow_version": "2"}).encode()).decode(),
    }
    members = [info, *({"name": name, "path": str(flow.parent / name)} for name in ("flow.py", *names))]

    def packed(order: list[dict[str, str]]) -> Package:
        offered = Offered(HEAD + json.dumps(order).encode(), [], [], [])
        return pack(offered, selection(request(flow)), WorkTrees(), "3.11")

    first, second = packed(members), packed(members[::-1])
    assert sorted(first.files) == ["a.py", "b.py", "flow.py", "sub.py"]
    assert first.content == second.content
