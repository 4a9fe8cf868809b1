"""The imports that a module's source has, wherever in it, and when each is made."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from .protocol import Import

_ABSENCE = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
"""What handlers name that go on where a module is not there."""
_BLOCKS = {"body", "orelse", "finalbody", "handlers", "cases"}
"""Fields of a statement that hold statements."""


@dataclass(frozen=True)
class Moment:
    """When the statements of a block run."""

    when: str = "load"
    """`load`: when the module is imported; `step`: in a step's task; `call`: when somebody calls the function."""
    inside: str | None = None
    """Name of the step or function."""
    sure: bool = True
    """False behind a condition."""
    optional: bool = False
    """The code goes on where the module is not there."""
    unless: tuple[str, ...] = ()
    """Modules in whose place these are: the imports are made where one of them is not there."""


@dataclass(frozen=True)
class Statement:
    """One name that is imported."""

    name: str
    """Dotted; without dots in front."""
    level: int
    """Dots in front of it."""
    members: tuple[str, ...]
    """What `from name import …` imports: attributes or modules."""
    line: int
    moment: Moment

    def data(self, name: str) -> Import:
        """The module as the parent gets it; `name` is its full name."""
        moment = self.moment
        return {
            "name": name,
            "line": self.line,
            "when": moment.when,
            "inside": moment.inside,
            "sure": moment.sure,
            "optional": moment.optional,
            "unless": list(moment.unless),
        }


@dataclass
class Source:
    """A module's source.

    Attributes:
        text: of the module.
        steps: names of the flow's steps, whose functions run in tasks.
        main: it is the file that tasks run.
    """

    text: bytes
    steps: frozenset[str]
    main: bool
    _called: bool = field(init=False)

    def __post_init__(self) -> None:
        # most modules import by statements alone: then expressions need not be looked at
        self._called = b"import_module" in self.text or b"__import__" in self.text

    def statements(self, file: str) -> list[Statement]:
        """Every import of the module.

        Raises:
            SyntaxError, ValueError: the file is not source code of this version of Python.
        """
        return list(self._block(ast.parse(self.text, file).body, Moment(), in_class=False))

    def _block(self, body: Iterable[ast.stmt], moment: Moment, in_class: bool) -> Iterator[Statement]:
        for node in body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Statement(alias.name, 0, (), node.lineno, moment)
            elif isinstance(node, ast.ImportFrom):
                members = tuple(alias.name for alias in node.names)
                yield Statement(node.module or "", node.level, members, node.lineno, moment)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from self._expressions(node.decorator_list, moment)
                yield from self._block(node.body, self._function(node, moment, in_class), in_class=False)
            elif isinstance(node, ast.ClassDef):
                yield from self._expressions([*node.decorator_list, *node.bases], moment)
                yield from self._block(node.body, moment, in_class=True)
            elif isinstance(node, ast.If):
                yield from self._condition(node, moment, in_class)
            elif isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
                yield from self._attempt(node, moment, in_class)
            elif isinstance(node, (ast.With, ast.AsyncWith)):
                yield from self._expressions([item.context_expr for item in node.items], moment)
                given_up = any(_suppresses(item.context_expr) for item in node.items)
                inner = replace(moment, optional=True) if given_up else moment
                yield from self._block(node.body, inner, in_class)
            elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
                yield from self._expressions([node.test if isinstance(node, ast.While) else node.iter], moment)
                yield from self._block([*node.body, *node.orelse], moment, in_class)
            elif type(node).__name__ == "Match":
                for case in node.cases:  # type: ignore[attr-defined]  # Python 3.10 has it
                    yield from self._block(case.body, replace(moment, sure=False), in_class)
            else:
                yield from self._expressions([node], moment)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, moment: Moment, in_class: bool) -> Moment:
        if in_class and moment.when == "load" and node.name in self.steps:
            return Moment("step", node.name)
        # a function of a step's own: it is the step that makes it, and most likely calls it
        if moment.when == "step":
            return replace(moment, sure=False)
        return Moment("call", node.name, sure=False)

    def _condition(self, node: ast.If, moment: Moment, in_class: bool) -> Iterator[Statement]:
        yield from self._expressions([node.test], moment)
        words = ast.unparse(node.test) if isinstance(node.test, (ast.Name, ast.Attribute, ast.Compare)) else ""
        inner = replace(moment, sure=False)
        if words.rsplit(".", 1)[-1] == "TYPE_CHECKING":
            inner = moment
        elif words.replace('"', "'") in ("__name__ == '__main__'", "'__main__' == __name__"):
            if self.main:
                yield from self._block(node.body, moment, in_class)
        else:
            yield from self._block(node.body, inner, in_class)
        yield from self._block(node.orelse, inner, in_class)

    def _attempt(self, node: Any, moment: Moment, in_class: bool) -> Iterator[Statement]:
        """A handler of missing modules makes the imports of the body optional, unless it raises itself."""
        guards = [handler for handler in node.handlers if _catches_absence(handler)]
        given_up = any(not isinstance(handler.body[-1], ast.Raise) for handler in guards)
        body = list(self._block(node.body, replace(moment, optional=True) if given_up else moment, in_class))
        yield from body
        for handler in node.handlers:
            inner = replace(moment, sure=False)
            if handler in guards and given_up:
                inner = replace(moment, unless=tuple(dict.fromkeys(s.name for s in body if s.level == 0)))
            yield from self._block(handler.body, inner, in_class)
        yield from self._block(node.orelse, replace(moment, sure=False) if given_up else moment, in_class)
        yield from self._block(node.finalbody, moment, in_class)

    def _expressions(self, nodes: Iterable[ast.AST], moment: Moment) -> Iterator[Statement]:
        """`importlib.import_module("name")` and `__import__("name")`, where the name is written out."""
        if not self._called:
            return
        for node in (inner for outer in nodes for inner in ast.walk(outer)):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called, name = node.func, node.args[0].value
            function = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
            if function in ("import_module", "__import__") and isinstance(name, str):
                plain = name.lstrip(".")
                yield Statement(plain, len(name) - len(plain), (), node.lineno, moment)


def _catches_absence(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(_last_name(node) in _ABSENCE for node in ast.walk(handler.type))


def _suppresses(expression: ast.expr) -> bool:
    if not isinstance(expression, ast.Call) or _last_name(expression.func) != "suppress":
        return False
    return any(_last_name(argument) in _ABSENCE for argument in expression.args)


def _last_name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
