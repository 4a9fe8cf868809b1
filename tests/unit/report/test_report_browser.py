"""The HTML report in headless Chromium: desktop and phone, light and dark.

`make pictures` renews the pictures in docs/pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowinfra.engine.preview import read_preview
from flowinfra.report import html
from flowinfra.report.assemble import Report, assemble
from flowinfra.report.sources import Folder, Sources
from tests.unit.report import chromium
from tests.unit.report.hostile import ATTACKS, attacking_steps, diagnostics_of
from tests.unit.report.previews import TRAIN, flow_step, report

ROOT = Path(__file__).parents[3]
SCENARIO = ROOT / "tests" / "engine" / "report"
DATA = Path(__file__).parent / "data"
WIDTHS = {"desktop": (1280, 1000), "phone": (390, 844)}
PICTURES = {"desktop": (1280, 1750), "phone": (390, 1100)}
SCHEMES = {"light": False, "dark": True}

WIDER_THAN_THE_PAGE = """
(() => {
  const width = document.documentElement.clientWidth;
  const page = [document.documentElement, document.body].filter(e => e.scrollWidth > width).map(e => e.tagName);
  const parts = [...document.querySelectorAll('main *:not(.frame *)')]
    .filter(e => e.getBoundingClientRect().right > width + 1 || e.getBoundingClientRect().left < -1)
    .map(e => e.tagName + '.' + e.className);
  return [...page, ...parts];
})()
"""
LOW_CONTRAST = """
(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => {
    for (let at = e; at; at = at.parentElement) {
      const rect = at.matches && at.matches('g.node') ? at.querySelector('rect') : null;
      const color = parse(rect ? getComputedStyle(rect).fill : getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const a = light(parse(e instanceof SVGElement ? style.fill : style.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(e.tagName + '.' + e.getAttribute('class') + ' ' + ratio.toFixed(2));
  }
  return [...new Set(found)];
})()
"""
UNNAMED = """
(() => [...document.querySelectorAll('svg[role=img], [role=region], nav, a, summary')]
  .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.outerHTML.slice(0, 80)))()
"""
TEXT_OUT_OF_ITS_BOX = """
(() => [...document.querySelectorAll('g.node')].filter(g => {
  const box = g.querySelector('rect').getBoundingClientRect();
  return [...g.querySelectorAll('text')].some(t => {
    const at = t.getBoundingClientRect();
    return at.left < box.left - 1 || at.right > box.right + 1 || at.bottom > box.bottom + 1;
  });
}).map(g => g.textContent))()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    found = chromium.Browser(chromium.required(), tmp_path_factory.mktemp("chromium") / "profile")
    yield found
    found.close()


def engine_report(*names: str) -> Report:
    sources = Sources(Folder(SCENARIO / "before"), Folder(SCENARIO / "after"))
    return assemble([read_preview(DATA / f"{name}.json") for name in names], sources)


def hostile() -> Report:
    short = [attack for attack in ATTACKS if len(attack) < 1_000]
    stacks = [
        *(report(*attacking_steps(attack), diagnostics=diagnostics_of(attack)).stacks[0] for attack in short),
        report(*attacking_steps("x" * 20_000)).stacks[0],
    ]
    return Report(tuple(stacks))


def wide() -> Report:
    branches = {f"branch_{index}": {"kind": "linear", "next": "join"} for index in range(25)}
    steps = {"start": {"kind": "split", "next": list(branches)}, **branches, "join": {"kind": "join", "next": "end"}}
    return report(flow_step("create", None, {**TRAIN, "steps": {**steps, "end": {"kind": "end"}}}))


PAGES: dict[str, Callable[[], Report]] = {
    "changes": lambda: engine_report("changes"),
    "several": lambda: engine_report("create", "no-change", "changes", "failed", "destroy"),
    "nothing": lambda: engine_report("no-change"),
    "hostile": hostile,
    "wide": wide,
}


@pytest.mark.parametrize("name", PAGES)
def test_page(browser: chromium.Browser, name: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(html.render(PAGES[name]()), encoding="utf-8")
    for width, height in WIDTHS.values():
        for dark in SCHEMES.values():
            browser.show(page, width=width, height=height, dark=dark)
            for opened in (False, True):
                browser.evaluate(f"document.querySelectorAll('details').forEach(e => e.open = {str(opened).lower()})")
                assert browser.evaluate(WIDER_THAN_THE_PAGE) == []
                assert browser.evaluate(LOW_CONTRAST) == []
            assert browser.evaluate(UNNAMED) == []
            assert browser.evaluate(TEXT_OUT_OF_ITS_BOX) == []
            assert browser.evaluate("document.scripts.length") == 0
            assert browser.console == []


@pytest.mark.parametrize(("variable", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_a_browser(variable: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("FLOWINFRA_CHROMIUM", raising=False)
    monkeypatch.setenv("FLOWINFRA_REQUIRE_BROWSER", variable)
    with pytest.raises(outcome, match="no Chromium: install"):
        chromium.required()


def test_continuous_integration_requires_a_browser() -> None:
    assert "export FLOWINFRA_REQUIRE_BROWSER=1\n" in (ROOT / ".ci" / "run").read_text()


def test_pictures(browser: chromium.Browser, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The pictures of docs/report.md can be made; they are written only when asked for."""
    asked = request.config.getoption("--update-pictures")
    folder = ROOT / "docs" / "pictures" if asked else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    page = tmp_path / "report.html"
    page.write_text(html.render(engine_report("changes")), encoding="utf-8")
    for size, (width, height) in PICTURES.items():
        for scheme, dark in SCHEMES.items():
            browser.show(page, width=width, height=height, dark=dark)
            if size == "phone":
                browser.evaluate("document.querySelector('article.changed').scrollIntoView({behavior: 'instant'})")
            picture = folder / f"report-{size}-{scheme}.png"
            browser.picture(picture)
            assert picture.read_bytes().startswith(b"\x89PNG")
