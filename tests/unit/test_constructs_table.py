"""The documents' table of constructs is what the golden files say."""

from __future__ import annotations

import pytest

from tests.unit.constructs_table import DOCUMENT, render_table


def test_table_is_current(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        pytest.skip("`make golden` writes the page when all golden files are written")
    assert DOCUMENT.read_text(encoding="utf-8") == render_table(), "`make golden` renews the page"
