"""Flows drawn at random: every nesting of splits, foreaches, switches and loops, in few steps."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.unit.sources import source

_DECORATORS = (
    "@retry(times=2)",
    "@timeout(minutes=5)",
    "@resources(cpu=2, memory=2000)",
    "@environment(vars={'A': 'b'})",
    "@kubernetes(labels={'team': 'risk'}, node_selector={'pool': 'big'}, disk=20000)",
    "@card",
)
_WORDS = ("load", "fit", "items", "foreach", "internal", "recursive", "notify", "hook", "task", "a_b", "x", "result_")


@dataclass
class _Drawn:
    """The steps of a flow as they are drawn."""

    chance: random.Random
    steps: dict[str, str] = field(default_factory=dict)

    def name(self) -> str:
        """A name for a step that has none of the same."""
        while (name := "_".join(self.chance.sample(_WORDS, self.chance.choice((1, 1, 2))))) in {*self.steps, "x"}:
            name += str(self.chance.randrange(100))
            if name not in self.steps:
                break
        self.steps[name] = ""
        return name

    def write(self, name: str, *body: str, join: bool = False) -> None:
        """Write a step; it may have decorators."""
        above = [] if join else self.chance.sample(_DECORATORS, self.chance.choice((0, 0, 0, 1, 2)))
        lines = [*above, "@step", f"def {name}(self{', inputs' if join else ''}):", *(f"    {line}" for line in body)]
        self.steps[name] = "".join(f"    {line}\n" for line in lines) + "\n"

    def part(self, depth: int, after: str, inside_foreach: bool = False) -> str:
        """Draw a part of a flow that goes on with the step `after`; the name of its first step."""
        kinds = ["step", "step", "split", "foreach", "switch", "loop"] if depth else ["step"]
        kind = self.chance.choice(kinds)
        first = self.name()
        if kind == "split":
            join = self.name()
            branches = [self.part(depth - 1, join, inside_foreach) for _ in range(self.chance.choice((2, 3)))]
            self.write(first, f"self.next({', '.join(f'self.{name}' for name in branches)})")
            self.write(join, f"self.next(self.{after})", join=True)
        elif kind == "foreach":
            join = self.name()
            body = self.part(depth - 1, join, True)
            items = self.chance.choice(("items", "Items", "_parts", "rows_2"))
            self.write(first, f"self.{items} = [1, 2]", f"self.next(self.{body}, foreach={items!r})")
            self.write(join, f"self.next(self.{after})", join=True)
        elif kind == "switch":
            meeting = self.name()
            cases = [self.part(depth - 1, meeting, inside_foreach) for _ in range(self.chance.choice((2, 3)))]
            words = ", ".join(f"{f'case {index}'!r}: self.{name}" for index, name in enumerate(cases))
            self.write(first, "self.which = 'case 0'", f"self.next({{{words}}}, condition='which')")
            self.write(meeting, f"self.next(self.{after})")
        elif kind == "loop":
            leaving = self.name()  # Metaflow has no way from a switch to a join
            self.write(leaving, f"self.next(self.{after})")
            words = f"'again': self.{first}, 'done': self.{leaving}"
            self.write(first, "self.which = 'done'", f"self.next({{{words}}}, condition='which')")
        else:
            self.write(first, f"self.next(self.{after})")
        return self.part(depth - 1, first, inside_foreach) if depth and self.chance.random() < 0.3 else first


def random_flow(seed: int) -> str:
    """The text of a flow's module."""
    drawn = _Drawn(random.Random(seed))
    drawn.steps = {"start": "", "end": ""}
    first = drawn.part(3, "end")
    drawn.write("start", f"self.next(self.{first})")
    drawn.steps["end"] = "    @step\n    def end(self):\n        pass\n"
    return source(body="\n" + "".join(drawn.steps.values()))
