"""A golden file read back: with the view of its base, every line of the view that it was made of."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.golden_text import ARROW, View, flat, names_of, positions, renamed

Lines = list[str]


def read(text: str, whole: View, base: View | None) -> dict[str, Any]:
    """Lines of the section `workflow`, and of each of `steps`, that a golden file tells.

    `whole` gives nothing but the names of flow and steps.
    """
    names = names_of(base, whole) if base else {}
    workflow: Lines = []
    steps: dict[str, Lines] = {}
    for section in re.split(r"^(?=workflow$|step )", text, flags=re.MULTILINE)[1:]:
        head, *body = section.removesuffix("\n").split("\n")
        if head == "workflow":
            known = {**names, **positions(base, whole)} if base else {}
            workflow = _patched(list(flat(renamed(base["workflow"], known))) if base else [], body)
            continue
        found = re.fullmatch(r"step (\S+)(?: is like (the base's )?(\S+))?", head)
        assert found is not None, head
        step, of_base, like = found.groups()
        if like is None:
            steps[step] = _patched([], body)
        else:
            source = base if of_base else whole
            assert source is not None
            assert of_base or like in steps
            steps[step] = _patched(list(flat(renamed(source["steps"][like], {**names, like: step}))), body)
    return {"workflow": workflow, "steps": steps}


def _patched(before: Lines, changes: Lines) -> Lines:
    """The lines with the changes of one section made."""
    kept: list[list[str]] = [[line] for line in before]
    last: list[list[str]] = [[], *([] for _ in before)]  # what is new after each line, the first: before all
    place = 0
    for change in changes:
        sign, line = change[:2], change[2:]
        if sign == "  ":
            place = _anchored(before, line)
        elif sign == "- ":
            place = before.index(line, place) + 1
            kept[place - 1] = []
        elif sign == "+ ":
            last[place].append(line)
        else:
            path, _, words = line.partition(": ")
            old, new = words.split(ARROW)
            [index] = [i for i, each in enumerate(kept) if each and each[0].startswith(f"{path}: ") and old in each[0]]
            kept[index] = [kept[index][0].replace(old, new)]
            place = index + 1
    return [*last[0], *(line for own, new in zip(kept, last[1:], strict=True) for line in (*own, *new))]


def _anchored(lines: Lines, words: str) -> int:
    """The place after the line that an anchor names."""
    if words == "(first)":
        return 0
    again = re.search(r" \(again, ([0-9]+)\)$", words)
    line, count = (words[: again.start()], int(again[1])) if again else (words, 0)
    return [index for index, each in enumerate(lines) if each == line][count] + 1
