from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from flowinfra.report import markdown
from flowinfra.report.assemble import Report
from flowinfra.report.sources import Sources
from tests.unit.report.hostile import ATTACKS, attacking_steps, diagnostics_of
from tests.unit.report.previews import TRAIN, changed, flow_step, report, resource, update

OUR_TAGS = {"<details>", "<details open>", "</details>", "<summary>", "</summary>", "<code>", "</code>"}


class Files(Sources):
    """Sources that have a diff of every file."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__()
        object.__setattr__(self, "lines", lines)

    def diff(self, change: object) -> tuple[str, ...]:
        lines: tuple[str, ...] = self.lines  # type: ignore[attr-defined]
        return lines


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def inline(found: list[Token]) -> Iterator[Token]:
    for token in found:
        yield token
        yield from inline(token.children or [])


def hostile(attack: str) -> Report:
    sources = Files((f"+{attack}", "-" + attack, "@@ -1 +1 @@"))
    return report(*attacking_steps(attack), diagnostics=diagnostics_of(attack), sources=sources)


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_nothing_in_a_preview_is_markup(attack: str) -> None:
    text = markdown.render(hostile(attack))
    for token in inline(tokens(text)):
        if token.type in ("html_inline", "html_block"):
            tags = set(re.findall(r"</?[a-z]\w*[^>]*>", token.content))
            assert tags <= OUR_TAGS, token.content
            assert "<!--" not in token.content.replace(markdown.MARK, "")
        assert token.type not in ("link_open", "image", "em_open", "s_open"), token
        if token.type == "text":
            assert not re.search(r"@\w|#\d|GH-\d|https?:|www\.", token.content), token.content
    assert "\r" not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]", text)


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_tables_keep_their_columns(attack: str) -> None:
    found = tokens(markdown.render(hostile(attack)))
    cells = [token.type for token in found if token.type in ("th_open", "td_open")]
    assert len(cells) % 4 == 0


def test_summary_text_is_outside_markdown() -> None:
    """What stands in <summary> is raw HTML: it is escaped, and no blank line ends the block before its tags end."""
    text = markdown.render(hostile("</summary>\n\n# x"))
    for line in text.splitlines():
        if "<summary>" in line:
            assert line.endswith("</summary>")
            assert line.count("<summary>") == line.count("</summary>") == 1


def test_mermaid_labels_hold_no_syntax() -> None:
    for attack in ATTACKS:
        text = markdown.render(hostile(attack))
        for block in re.findall(r"^`{3,}mermaid\n(.*?)\n`{3,}$", text, re.DOTALL | re.MULTILINE):
            for line in block.splitlines()[1:]:
                assert re.fullmatch(
                    r'  (n\d+\["[^"<>`&;]*((<br/>|#\d+;)[^"<>`&;]*)*"\](:::\w+)?'
                    r"|n\d+ (-->|==>|-\.->) n\d+|classDef \w+ [\w#:,. -]+)",
                    line,
                ), line


@pytest.mark.parametrize("flows", [1, 30, 100, 1_000])
@pytest.mark.parametrize("size", [10, 10_000])
def test_always_within_the_limit(flows: int, size: int) -> None:
    big = changed(
        TRAIN, {"steps.a.memory": 1, "queue": "🎉" * size, "parameters": {}, "source": {"train.py": "x" * size}}
    )
    steps = [flow_step("update", TRAIN, big, name=f"Flow{index}" + "n" * size) for index in range(flows)]
    text = markdown.render(report(*steps, sources=Files(("+🎉" * size,) * 50)))
    assert len(text.encode("utf-16-le")) // 2 < markdown.LIMIT
    assert text.count("<details") == text.count("</details>")


def test_limit_with_many_stacks_risks_and_messages() -> None:
    one = report(
        update({f"steps.{step}.retries": None for step in TRAIN["steps"]}),
        *(resource("delete", "aws:s3/bucket:Bucket", f"b{index}" * 30, {}, parent=None) for index in range(1_000)),
        diagnostics=[{"severity": "error", "message": "m" * 1_000 + str(index)} for index in range(500)],
    )
    text = markdown.render(Report(one.stacks * 300))
    assert len(text) < markdown.LIMIT
    assert "more: " in text


def test_most_important_first() -> None:
    text = markdown.render(report(update({"steps.a.memory": 1, "schedule": None})))
    order = [
        "# 1 flow changes in `staging`, 1 risk",
        "| stack |",
        "[!WARNING]",
        "### `TrainFlow` changed",
        "```mermaid",
    ]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert text.startswith(markdown.MARK)


def test_left_out_is_counted() -> None:
    steps = [update({"queue": "x" * 100, "steps.a.memory": 1}) for _ in range(1)]
    many = [flow_step("update", TRAIN, changed(TRAIN, {"steps.a.memory": 1}), name=f"F{index}") for index in range(400)]
    text = markdown.render(report(*steps, *many))
    assert re.search(r"Left out, for the length of a comment:\*\* .*\d+ graphs", text)
    assert "### `TrainFlow (F399)` changed" in text


def test_package_only_flows_share_a_line() -> None:
    new = changed(TRAIN, {"package": "e", "source": {**TRAIN["source"], "shared.py": "x"}})
    old = [flow_step("update", {**TRAIN, "flow": f"F{i}"}, {**new, "flow": f"F{i}"}, name=f"F{i}") for i in range(3)]
    text = markdown.render(report(*old))
    assert "### Package only: 3 flows" in text
    assert "- `F0`, `F1`, `F2` (`shared.py` changed)" in text


def test_no_change() -> None:
    text = markdown.render(report(resource("same", "pulumi:pulumi:Stack", "project-staging", {}, {}, parent=None)))
    assert "# No change" in text


def test_failed() -> None:
    text = markdown.render(report(diagnostics=[{"severity": "error", "message": "error: ``` no"}]))
    assert "# The preview failed" in text
    assert "````\nerror: ``` no\n````" in text


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_no_line_begins_with_a_command_to_a_bot(attack: str) -> None:
    """They read a comment as text, and know no code blocks."""
    found = markdown.render(report(*attacking_steps(attack), diagnostics=diagnostics_of(attack)))
    assert not re.search(r"(?m)^[/@]", found)
