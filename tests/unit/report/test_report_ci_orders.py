"""What a CI job prints is read by the CI system for orders to it: no report holds one."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import pytest

from flowinfra.model.clean import inert
from flowinfra.report import html, markdown, text
from flowinfra.report.assemble import Report
from flowinfra.report.sources import Folder, Sources
from tests.unit.report.hostile import ATTACKS, attacking_steps, diagnostics_of
from tests.unit.report.previews import report, update

ORDER = re.compile(r"^\s*::|##(\[|vso\[|teamcity\[)", re.MULTILINE)
ORDERS = [attack for attack in ATTACKS if ORDER.search(attack)]


def documents(found: Report) -> dict[str, str]:
    """The report in all formats; the terminal's at widths that break lines in any place."""
    made = {"markdown": markdown.render(found), "html": html.render(found)}
    for width in (None, 20, 33, 47):
        out = io.StringIO()
        text.render(found, out, terminal=width is not None, width=width)
        made[f"text {width}"] = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    return made


@pytest.mark.parametrize("attack", ORDERS)
def test_no_line_is_an_order(attack: str) -> None:
    assert ORDER.search(attack)
    found = report(*attacking_steps(attack), diagnostics=diagnostics_of(attack))
    for name, document in documents(found).items():
        assert not ORDER.search(document), name


def test_no_line_of_a_source_file_is_an_order(tmp_path: Path) -> None:
    """A line that stays has only a space before it in a diff."""
    before, after = "".join(f"{order}\n" for order in ORDERS), "".join(f"{order}\n" for order in [*ORDERS, "new"])
    for folder, content in (("old", before), ("new", after)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.py").write_text(content)
    step = update({"source": {"train.py": sha(after)}}, {"source": {"train.py": sha(before)}})
    found = report(step, sources=Sources(Folder(tmp_path / "old"), Folder(tmp_path / "new")))
    assert found.files[0].diff
    for name, document in documents(found).items():
        assert not ORDER.search(document), name
        assert "vso[task" in document, name


def test_what_is_no_order_stays() -> None:
    for line in ("a::b", "step x::y", "## heading", "# [x]", "urn:pulumi:a::b", ":::changed", "a ##x"):
        assert inert(line) == (line if not line.startswith(":::") else r"\x3a::changed")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
