"""How golden files are written: a line for each path of a base construct, and of any other what differs from its base.

A file is made of a document's *view*, which holds all of the document but two things. Of a placeholder it has the
grammar and not its sites: they are those of a property (test_golden.py). And what belongs to one step (what the flow
says of it, its state or template, its job definition) stands in a section of its own, `<step NAME>` in its place.

    + PATH: VALUE           a line that is new; items of a list have the same path, and stand in their order
    - PATH: VALUE           a line of the base that is gone
    ~ PATH: WORDS => WORDS  a long line of the base in which words have changed
      PATH: VALUE           the line of the base that new lines follow, where that is not plain

The section `workflow` is compared with that of the base. A step is compared with that step of the base, or that
earlier step of its own flow, which it is most like; its heading names it. Before that, the names of the base's flow
and step are replaced by the flow's own, and in the workflow those of all steps, where there are as many. From base
and difference the whole can be made again, to the last character: test_golden.py does it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

WIDTH = 120
"""Characters of JSON up to which a list or mapping stands on one line."""

ARROW = " => "

Json = Any
View = dict[str, Any]
"""`workflow`: a document without its steps; `steps`: name → all that is of that step, in the flow's order."""


def view(document: Mapping[str, Json]) -> View:
    """The view of a document (see golden.py)."""
    data: dict[str, Any] = json.loads(json.dumps(document))
    data["placeholders"] = {name: entry["grammar"] for name, entry in data["placeholders"].items()}
    steps: dict[str, dict[str, Json]] = {name: {} for name in _in_order(data["flow"])}
    for name, block in steps.items():
        block["flow"] = data["flow"]["steps"][name]
        data["flow"]["steps"][name] = _place(name)
    if "step_functions" in data:
        _take_states(data["step_functions"]["definition"], steps)
        definitions = data["step_functions"]["job_definitions"]
        for name in definitions.keys() & steps.keys():
            steps[name]["job_definition"], definitions[name] = definitions[name], _place(name)
    if "argo" in data:
        templates = data["argo"]["workflow_template"]["spec"]["templates"]
        for index, template in enumerate(templates):
            if template["name"] in steps and "dag" not in template:
                steps[template["name"]]["template"], templates[index] = template, _place(template["name"])
    if "airflow" in data:
        states = data["airflow"]["dag"]["states"]
        for name in states.keys() & steps.keys():
            steps[name]["state"], states[name] = states[name], _place(name)
    return {"workflow": data, "steps": steps}


def _place(step: str) -> str:
    return f"<step {step}>"


def _take_states(machine: dict[str, Json], steps: dict[str, dict[str, Json]]) -> None:
    """Move the states that submit jobs, at any depth."""
    for name, state in machine["States"].items():
        for inner in [
            *state.get("Branches", ()),
            *(state[key] for key in ("Iterator", "ItemProcessor") if key in state),
        ]:
            _take_states(inner, steps)
        if name in steps and "ContainerOverrides" in state.get("Parameters", {}):
            steps[name]["state"], machine["States"][name] = state, _place(name)


def _in_order(flow: Mapping[str, Json]) -> list[str]:
    """The flow's steps as they follow each other."""
    found: list[str] = []
    waiting = [flow["start"]]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting += flow["steps"][name]["next"]
    return found


def text_of(of: View, base: View | None = None) -> str:
    """The text of a golden file; what names the base is the caller's to say."""
    names = names_of(base, of) if base else {}
    workflow = {**names, **positions(base, of)} if base else {}
    lines = ["workflow", *_hunks(renamed(base["workflow"], workflow) if base else {}, of["workflow"])]
    earlier: dict[str, Json] = {}
    for step, block in of["steps"].items():
        ways = {f"step {step}": _hunks({}, block)}
        for like, other in sorted(base["steps"].items()) if base else ():
            ways[f"step {step} is like the base's {like}"] = _hunks(renamed(other, {**names, like: step}), block)
        for like, other in earlier.items():
            ways[f"step {step} is like {like}"] = _hunks(renamed(other, {like: step}), block)
        earlier[step] = block
        shortest = min(ways, key=lambda head: (len(ways[head]), not head.endswith(f" {step}"), head))
        lines += [shortest, *ways[shortest]]
    return "\n".join(lines) + "\n"


def names_of(base: View, of: View) -> dict[str, str]:
    before, after = base["workflow"]["flow"], of["workflow"]["flow"]
    return {before[key]: after[key] for key in ("name", "token_prefix")}


def positions(base: View, of: View) -> dict[str, str]:
    """Step of the base → step at the same place, where both have as many."""
    return dict(zip(base["steps"], of["steps"], strict=True)) if len(base["steps"]) == len(of["steps"]) else {}


def renamed(value: Json, names: Mapping[str, str]) -> Json:
    """With the words of `names` replaced, all at once."""
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(?<![A-Za-z0-9])({words})(?![A-Za-z0-9])")
    return json.loads(pattern.sub(lambda found: names[found[1]], json.dumps(value)))


def _hunks(base: Json, of: Json) -> list[str]:
    before, after = list(flat(base)) if base else [], list(flat(of))
    known = Counter(before)
    found: list[str] = []
    for kind, low, high, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        gone, new = before[low:high], after[start:end]
        edits = [_edits(before, *pair) for pair in zip(gone, new, strict=False)] if len(gone) == len(new) else [None]
        if all(edits):
            found += [line for each in edits if each for line in each]
            continue
        if before and not any(known[line] == 1 for line in gone[:1]):
            found.append(_anchor(before, low))
        found += [f"- {line}" for line in gone] + [f"+ {line}" for line in new]
    return found


def _edits(lines: list[str], before: str, after: str) -> list[str] | None:
    """A line for each change of words in a long line; None where they would not say which words are meant."""
    path, _, _ = before.partition(": ")
    if len(before) <= len(path) + WIDTH or not after.startswith(f"{path}: "):
        return None
    old, new = _words(before), _words(after)
    alike = "".join(line for line in lines if line.startswith(f"{path}: "))
    text, found = before, []
    for kind, low, high, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            context = old[low - 1] if low else ""
            change = (context + "".join(old[low:high]), context + "".join(new[start:end]))
            if not context or ARROW in "".join(change) or alike.count(change[0]) != 1 or text.count(change[0]) != 1:
                return None
            text = text.replace(*change)
            found.append(f"~ {path}: {ARROW.join(change)}")
    return found if text == after else None


def _words(line: str) -> list[str]:
    return re.findall(r"[^ ,]*[ ,]|[^ ,]+$", line)


def _anchor(lines: list[str], index: int) -> str:
    """The line before an index, with its number where there are several like it."""
    if index == 0:
        return "  (first)"
    line = lines[index - 1]
    count = lines[: index - 1].count(line)
    return f"  {line}" + (f" (again, {count + 1})" if count else "")


def flat(value: Json, path: str = "") -> Iterator[str]:
    """A line for each path: items of a list have the same one, and their order says the rest."""
    value = _in_parts(value)
    if _is_leaf(value):
        yield f"{path}: {_text(value)}"
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from flat(value[key], f"{path}/{key}" if path else key)
    else:
        for item in value:
            yield from flat(item, f"{path}[]")


def _is_leaf(value: Json) -> bool:
    return not isinstance(value, (dict, list)) or not value or len(_text(value)) <= WIDTH


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _in_parts(value: Json) -> Json:
    """A long text as its lines and commands: where one of them changes, the others are not shown."""
    if isinstance(value, str) and len(value) > WIDTH:
        parts = [part for part in re.split(r"(?<=\n)|(?<= && )", value) if part]
        return {"text": parts} if len(parts) > 1 else value
    return value
