"""The `flowinfra` command. Thin: every subcommand lives in its own module and calls one function of the library."""

from __future__ import annotations

import gc as collector  # `gc` is the name of a subcommand's module here
import importlib
from typing import Any

import click

from flowinfra.cli.failure import fail
from flowinfra.errors import FlowInfraError, SystemRefusal

COMMANDS: dict[str, str] = {
    "init": "make a repository of flows a Pulumi project, ready for its first preview",
    "compile": "compile a flow: CompiledFlow as JSON, or a bundle",
    "try": "run a flow to its end on this machine, as its tasks will see it",
    "bundle": "compile all flows of stacks into a folder, to deploy the same bytes anywhere",
    "lock": "solve @conda/@pypi environments and write the lock that compile uses",
    "why": "say which input made two versions of a flow differ",
    "mirror": "what differs between two stacks beyond their environments",
    "report": "what a preview changes, in the flow's words: text, Markdown or HTML",
    "preview-stack": "a short-lived stack per pull request: up, down",
    "schema": "JSON schema of a stack's file, for editors",
    "permissions": "the IAM policy that previews, deploys or laptops need for a stack",
    "rollback": "deploy flows of a stack as an earlier deployment left them",
    "gc": "remove retained job definitions and objects that nothing refers to",
    "recover": "mend a stack's state after a deploy that was killed",
    "adopt": "take flows into a stack that Metaflow's own commands deployed by hand",
    "verify": "compare what is live in AWS with what a stack deployed",
    "run": "start a deployed flow with the stack's defaults, and follow it to its end",
    "runs": "the last runs of a deployed flow: state, failed step, logs, how to resume",
    "event": "send an event that starts flows of a stack",
    "pull": "make runs visible to the Client API where there is no metadata service",
    "local": "the embedded AWS: start, stop, status, exec, run, logs, messages",
}
"""Subcommand → its line in `--help`. Module `flowinfra.cli.<name>` has the click command `command`."""


class LazyGroup(click.Group):
    """A group that imports a subcommand only when it is used: `--help` and completion stay instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands, in the order in which they are taught."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand; None if no subcommand has that name."""
        if cmd_name not in COMMANDS:
            return None
        # what is imported lives as long as the process: looking it through for garbage takes a fifth of the import
        collector.disable()
        module = importlib.import_module(f"flowinfra.cli.{cmd_name.replace('-', '_')}")
        collector.freeze()
        collector.enable()
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line. A refusal of the system, such as a full disk, is shown like any other error."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            fail(SystemRefusal(error))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; an error meant for users becomes one message on stderr and exit code 1."""
        try:
            return super().invoke(ctx)
        except FlowInfraError as error:
            fail(error)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flowinfra", prog_name="flowinfra")
def main() -> None:
    """Make Metaflow flows part of declarative infrastructure.

    \b
    Begin in the repository of your flows:
      flowinfra init
      pulumi preview -s dev --diff

    \b
    Try it on this machine, without an account (pip install 'flowinfra[local]'):
      flowinfra local start
      flowinfra local exec -- pulumi up -s local
      flowinfra local run MyFlow
    """


if __name__ == "__main__":
    main()
