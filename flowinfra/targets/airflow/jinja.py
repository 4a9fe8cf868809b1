"""Text that reaches a task unchanged, although Airflow takes it for a template of Jinja. Pure."""

from __future__ import annotations

import re

_BEGINS = re.compile(r"\{[{%#]")
_ID = r"(?:run|task)_id_creator"
_MACRO = re.compile(
    rf"\{{\{{ (?:\[run_id, [\w., ]+\] \| {_ID} *|task_instance\.try_number - 1|ti\.map_index|"
    r"task_instance\.xcom_pull\(task_ids='\w+',key='\w+'\)(?: \| join_list)?) \}\}"
)
"""What Metaflow itself has Airflow fill in where a step's command is written."""
_OPTION = re.compile(r"--with '[^']*'")
"""The only words of a step's command that hold text of the flow's own."""


def literal(text: str) -> str:
    r"""A template that renders to `text`.

    A text with no mark of Jinja's in it is one already, unless Jinja would change its ends of lines: it leaves out a
    last one, and makes `\n` of `\r`. Others become an expression, of a text that holds no brace and ends no block.
    """
    if not _BEGINS.search(text) and "\r" not in text and not text.endswith("\n"):
        return text
    # jinja2.lexer reads a text in quotes by Python's unicode-escape, to which this is the inverse
    escaped = text.encode("unicode-escape").decode("ascii")
    for character in "\"'{}":
        escaped = escaped.replace(character, f"\\x{ord(character):02x}")
    return f'{{{{ "{escaped}" }}}}'


def literal_options(command: str) -> str:
    """A step's command whose own macros are templates, and nothing else of it.

    Raises ValueError for a mark of Jinja's that is neither Metaflow's nor in a decorator of `--with`.
    """
    if _BEGINS.search(_MACRO.sub("", _OPTION.sub("", command))):
        raise ValueError("its tasks have templates that are not known")
    return _OPTION.sub(lambda option: re.sub(r"\{(?=[{%#])", '{{ "{" }}', option[0]), command)
