"""The table of docs/constructs.md, from the golden files: which construct compiles for which target."""

from __future__ import annotations

import ast
import re

from flowinfra.targets import TARGETS
from tests.unit.constructs import CONSTRUCTS, FLOWS, TESTS, Construct
from tests.unit.golden import golden_path, refusal_path

DOCUMENT = TESTS.parent / "docs" / "constructs.md"

HEAD = """# Constructs: what works on which orchestrator

Each line is a flow of `tests/flows`, compiled for each target with the options that are named. A cell is

- ✓ where the flow compiles; the result is the golden file `tests/golden/<construct>/<target>.txt`;
- `-` where the option belongs to another target: the error says which;
- the numbers of the [errors](#errors) below that `flowinfra compile` gives.

What each orchestrator can do is decided by Metaflow. `make golden` renews this page.
"""


def render_table() -> str:
    """The page's text."""
    errors: list[str] = []
    lines = [
        f"| construct | {' | '.join(TARGETS)} |",
        f"|---|{'---|' * len(TARGETS)}",
    ]
    for construct in CONSTRUCTS:
        cells = [_cell(construct, target, errors) for target in TARGETS]
        lines.append(f"| {_words(construct)} | {' | '.join(cells)} |")
    numbered = [f"{number}. {error}" for number, error in enumerate(errors, 1)]
    return "\n".join([HEAD, *lines, "", "## Errors", "", *numbered]) + "\n"


def _words(construct: Construct) -> str:
    """Name of a construct and what its flow is about, with the options that it is compiled with."""
    text = (FLOWS / (construct.flow or construct.name) / "flow.py").read_text(encoding="utf-8")
    about = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0].rstrip(".")
    options = ", ".join(f"`{name}`" for name in construct.shape)
    words = "; ".join(filter(None, [about, options and f"with {options}"]))
    return f"**{construct.name}**" + (f": {words}" if words else "")


def _cell(construct: Construct, target: str, errors: list[str]) -> str:
    if golden_path(construct.name, target).exists():
        return "✓"
    lines = refusal_path(construct.name, target).read_text(encoding="utf-8").splitlines()
    if all(" is not an option of target " in line for line in lines):
        return "-"
    numbers = []
    for line in lines:
        error = re.sub(r"^(- )?<flow>(:[0-9]+)?: ", "", line).replace("*", r"\*")
        if error not in errors:
            errors.append(error)
        numbers.append(str(errors.index(error) + 1))
    return ", ".join(numbers)


if __name__ == "__main__":
    DOCUMENT.write_text(render_table(), encoding="utf-8")
