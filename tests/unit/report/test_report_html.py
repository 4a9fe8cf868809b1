from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from flowinfra.report import html
from flowinfra.report.assemble import Report
from tests.unit.report.hostile import ATTACKS
from tests.unit.report.previews import TRAIN, changed, flow_step, report, update
from tests.unit.report.test_report_markdown import hostile

TAGS = {
    *(
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "main",
        "header",
        "nav",
        "section",
        "article",
        "figure",
    ),
    *("figcaption", "div", "span", "p", "h1", "h2", "h3", "ul", "li", "a", "b", "del", "ins", "strong", "small", "dl"),
    *("dt", "dd", "details", "summary", "pre", "svg", "defs", "marker", "path", "g", "rect", "text"),
}
VOID = {"meta", "link"}


class Page(HTMLParser):
    """Checks that what is open is closed, and collects tags, attributes, ids and headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name == "href"]
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_nothing_in_a_preview_is_markup(attack: str) -> None:
    text = html.render(hostile(attack))
    page = Page(text)
    assert page.tags <= TAGS
    assert not {name for name in page.attributes if name.startswith("on")}
    assert all(link.startswith("#") or link == "data:," for link in page.links)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]", text)
    text.encode()


def test_no_network_and_no_script() -> None:
    text = html.render(hostile("plain"))
    assert "<script" not in text
    assert "url(" not in re.sub(r"url\(#arrow-\w+\)", "", text)
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_structure() -> None:
    one = report(*(flow_step("update", TRAIN, changed(TRAIN, {"queue": f"q{i}"}), name=f"F{i}") for i in range(3)))
    page = Page(html.render(Report(one.stacks * 2)))
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_the_graph_can_be_read_aloud() -> None:
    text = html.render(report(update({"steps.a.memory": 8192, "steps.b": None, "steps.start.next": "a"})))
    label = re.search(r'<svg class="graph" role="img" aria-label="([^"]*)"', text)
    assert label
    assert label[1] == (
        "Graph of TrainFlow: start (changed) then a, b; a (changed) then join; join then end; end; "
        "b (removed) then join"
    )
