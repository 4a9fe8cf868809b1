"""Hook of mkdocs: under the overview of commands, what each of them prints with `--help`."""

from __future__ import annotations

from collections.abc import Iterator

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from flowinfra.cli import main

PAGE = "commands.md"
WIDTH = 100
"""Characters of a line of help."""


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Add the help of all commands to their page."""
    return f"{markdown}\n{reference()}" if page.file.src_uri == PAGE else markdown


def reference() -> str:
    """A heading for each command, with its help; commands of a group stand under it."""
    parts = [f"#{'#' * len(words)} `{' '.join(words)}`\n\n```text\n{text}\n```\n" for words, text in helps()]
    return "\n".join(parts)


def helps() -> Iterator[tuple[list[str], str]]:
    """The words of each command, a group before its own commands, and its help."""
    yield from _helps(main, "flowinfra", None)


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[list[str], str]]:
    context = click.Context(
        command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=["-h", "--help"]
    )
    yield context.command_path.split(), command.get_help(context).rstrip()
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            child = command.get_command(context, each)
            assert child is not None, each
            yield from _helps(child, each, context)
