"""`flowinfra local`: the embedded AWS."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from flowinfra.cli import completion, following
from flowinfra.cli.exit_codes import FOUND, INTERRUPTED, NO_COMMAND, NOT_EXECUTABLE
from flowinfra.cli.failure import fail, warn
from flowinfra.errors import FlowInfraError, LocalError, ToolError
from flowinfra.local import control, logs, pulumi_stack, run
from flowinfra.local.environment import environment
from flowinfra.local.state import Instance, State, default_state
from flowinfra.operate.pull import pull
from flowinfra.operate.runs import included, machines, parameters
from flowinfra.operate.runs.machines import Machine
from flowinfra.operate.runs.progress import Progress

_LOG_LINES = 20


@click.group("local")
def command() -> None:
    """The embedded AWS: S3, DynamoDB, IAM, EventBridge, SNS, Logs, Batch and Step Functions on one
    loopback port.

    A stand-in for trying things out, without an account: jobs run as processes of this machine,
    images and IAM policies are not looked at, and all of it is gone when it stops.
    """


@command.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help=f"0 for any that is free.  [default: {control.DEFAULT_PORT}]"
)
@click.option("--fresh", is_flag=True, help="If it runs, end it and start with empty state.")
@click.option("--max-jobs", type=click.IntRange(min=1), help="Jobs that run at once.  [default: number of CPUs]")
@click.option(
    "--python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Interpreter of the jobs; needs boto3 and requests.  [default: this one]",
)
@click.option("--schedules", is_flag=True, help="Fire EventBridge schedules.")
@click.option("--call-log", is_flag=True, help="Record who called what, in the state folder.")
@click.option(
    "--iam-delay",
    type=click.FloatRange(min=0),
    default=0.0,
    envvar="FLOWINFRA_LOCAL_IAM_DELAY",
    metavar="SECONDS",
    help="What is written to a role counts so much later, as on AWS.  [default: at once]",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def start(
    port: int | None,
    fresh: bool,
    max_jobs: int | None,
    python: Path | None,
    schedules: bool,
    call_log: bool,
    iam_delay: float,
    as_json: bool,
) -> None:
    """Start it in the background, empty; does nothing if it runs."""
    state = default_state()
    if fresh:
        control.stop(state)
    lost = [] if control.find(state) else state.stacks()
    options = control.Options(
        port=port,
        # not resolved: a symlink is what makes a virtual environment's interpreter its own
        python=str(python.absolute()) if python else sys.executable,
        max_jobs=max_jobs,
        call_log=call_log,
        schedules=schedules,
        iam_delay=iam_delay,
    )
    instance, is_new = control.start(state, options)
    if as_json:
        shown = {"endpoint": instance.endpoint, "new": is_new, "state": str(state.root), "lost_stacks": lost}
        click.echo(json.dumps(shown))
        return
    click.echo(f"{'The embedded AWS runs' if is_new else 'The embedded AWS runs already'} at {instance.endpoint}")
    click.echo(f"  state      {state.root} (gone when it stops)")
    click.echo(f"  schedules  {_schedules(instance)}")
    if lost:
        click.echo(
            f"  The last one's resources are gone, and with them its Pulumi stacks: {', '.join(lost)}. Deploy again."
        )
    click.echo("Next: flowinfra local exec -- pulumi up -s local")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def stop(as_json: bool) -> None:
    """Stop it and its jobs. Its state, Pulumi's local stacks included, does not come back."""
    instance = control.stop(default_state())
    if as_json:
        click.echo(json.dumps({"stopped": instance is not None}))
        return
    click.echo("The embedded AWS did not run." if instance is None else "The embedded AWS has stopped.")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(as_json: bool) -> None:
    """Show whether it runs, what is deployed and what runs on it.

    Exit code 3 if it does not run.
    """
    state = default_state()
    instance = control.find(state)
    if instance is None:
        click.echo(json.dumps({"running": False}) if as_json else "The embedded AWS does not run.")
        sys.exit(FOUND)
    facts = control.status(instance)
    if as_json:
        about = {
            "running": True,
            "endpoint": instance.endpoint,
            "started": instance.started,
            "schedules": instance.schedules,
            "call_log": str(state.call_log) if instance.call_log else None,
            "state": str(state.root),
        }
        click.echo(json.dumps(about | facts))
        return
    click.echo(f"The embedded AWS runs at {instance.endpoint} (pid {instance.pid}, since {instance.started})")
    click.echo(f"  state           {state.root} (gone when it stops)")
    click.echo(f"  schedules       {_schedules(instance)}")
    click.echo(f"  jobs            {_jobs(facts['jobs'])}; {instance.max_jobs} at once, own /tmp: {facts['isolation']}")
    if instance.iam_delay:
        click.echo(f"  IAM             what is written to a role counts {instance.iam_delay:g} s later")
    if instance.call_log:
        click.echo(f"  call log        {state.call_log}")
    for machine in facts["state_machines"]:
        click.echo(
            f"  state machine   {machine['name']}: {machine['executions']} executions, {machine['running']} running"
        )
    if not facts["state_machines"]:
        click.echo("  no state machine is deployed")


@command.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(words: tuple[str, ...]) -> None:
    """Run a command against it: Pulumi, Metaflow's own commands, a script.

    \b
      flowinfra local exec -- pulumi up -s local
      flowinfra local exec -- python flow.py step-functions trigger --alpha 0.5
    """
    state = default_state()
    variables = environment(control.require(state), state, os.environ)
    if file := pulumi_stack.keyless(words, Path.cwd()):
        warn(
            f"{file.label} does not say how secrets are encrypted, and Pulumi writes the embedded AWS's throw-away key "
            "into it (`encryptionsalt`). Do not commit that line: remove it before `pulumi stack init "
            f"{file.stack}` in your own backend, or use the stack `local` here"
        )
    try:
        if made := pulumi_stack.ensure(words, Path.cwd(), state, variables):
            click.echo(f"Made stack {made!r} in the embedded AWS's own Pulumi backend.", err=True)
        sys.stdout.flush()
        # in this process's place: signals and the exit code are the command's own
        os.execvpe(words[0], words, variables)  # noqa: S606
    except OSError as error:
        code = NO_COMMAND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        fail(ToolError(f"{words[0]} cannot be run: {error.strerror}."), code)


@command.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("flow", shell_complete=completion.flows)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--PARAMETER VALUE]...")
@click.option("--detach", "--no-follow", "detach", is_flag=True, help="Start it only.")
@click.option(
    "--on-interrupt",
    type=click.Choice(["ask", "stop", "detach"]),
    default="ask",
    show_default=True,
    help="What Ctrl-C does to the execution (`ask` stops it where nobody can answer).",
)
@click.option("--json", "as_json", is_flag=True, help="For programs; steps go to standard error.")
def run_flow(flow: str, words: tuple[str, ...], detach: bool, on_interrupt: str, as_json: bool) -> None:
    """Trigger a deployed flow, follow it to its end, and make its run visible to the Client API
    here.

    FLOW is the name of a state machine, or of a flow that is deployed once. Parameters that are not given have the
    deployed defaults. Exit code 3 if the execution does not succeed.
    """
    state = default_state()
    instance = control.require(state)
    states = run.client(instance, "stepfunctions")
    machine = run.choose(run.deployed(states), flow)
    arn = states.start_execution(stateMachineArn=machine.arn, input=_input(instance, state, machine, words))[
        "executionArn"
    ]
    progress = control.progress(instance, arn)
    if detach:
        shown = json.dumps(following.progress_as_json(machine.flow, progress))
        click.echo(shown if as_json else progress.run_id)
        return
    click.echo(progress.run_id, err=as_json)
    try:
        progress = following.follow(lambda: control.progress(instance, arn), as_json=as_json)
    except KeyboardInterrupt:
        if not _stops(on_interrupt):
            click.echo(f"Detached; it goes on. Its logs: flowinfra local logs {progress.run_id}/STEP", err=True)
            sys.exit(INTERRUPTED)
        states.stop_execution(executionArn=arn, error="Interrupted", cause="Ctrl-C in `flowinfra local run`")
        progress = control.progress(instance, arn)
    _report(state, progress, as_json)
    if machine.flow is not None:
        _make_visible(instance, state, machine, progress, as_json)
    if as_json:
        click.echo(json.dumps(following.progress_as_json(machine.flow, progress), indent=2))
    if progress.status != "SUCCEEDED":
        sys.exit(FOUND)


@command.command("logs")
@click.argument("what", metavar="RUN/STEP[/TASK]")
def show_logs(what: str) -> None:
    """Print the logs of a step's jobs, all attempts."""
    run_id, _, rest = what.strip("/").partition("/")
    step, _, task = rest.partition("/")
    if not step:
        raise LocalError(f"{what!r} names no step: give RUN/STEP or RUN/STEP/TASK.")
    state = default_state()
    progress = control.progress(control.require(state), run_id)
    selected = logs.select(progress, step, task or None)
    for each_step, each_task in selected:
        for line in logs.render(state, each_step, each_task, heading=len(selected) > 1):
            click.echo(line)


@command.command("messages")
@click.argument("topic", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show_messages(topic: str | None, as_json: bool) -> None:
    """Show what was published to SNS topics, and the events that a target did not get, with the reason.

    TOPIC is a name or an ARN; all topics if there is none.
    """
    found = control.messages(control.require(default_state()))
    topics: dict[str, list[dict[str, str]]] = found["topics"]
    lost: list[dict[str, str]] = found["lost"]
    if topic is not None:
        chosen = [arn for arn in topics if topic in (arn, arn.rpartition(":")[2])]
        if not chosen:
            known = ", ".join(sorted(arn.rpartition(":")[2] for arn in topics)) or "none"
            raise LocalError(f"There is no topic {topic!r} on the embedded AWS. Topics: {known}.")
        topics = {arn: topics[arn] for arn in chosen}
        lost = [each for each in lost if each["target"] in chosen]
    if as_json:
        click.echo(json.dumps({"topics": topics, "lost": lost}))
        return
    for arn, published in topics.items():
        click.echo(f"{arn}: {len(published)} message{'' if len(published) == 1 else 's'}")
        for each in published:
            click.echo(
                "\n".join(f"  {line}" for line in [*_subject(each), *each["message"].splitlines(), ""]).rstrip(" ")
            )
    if not topics:
        click.echo("There are no topics.")
    for each in lost:
        click.echo(f"not delivered: {each['target']} (rule {each['rule']}): {each['reason']}", err=True)


def _subject(message: dict[str, str]) -> list[str]:
    return [f"Subject: {message['subject']}"] if message["subject"] else []


def _schedules(instance: Instance) -> str:
    return "fire" if instance.schedules else "do not fire (`flowinfra local start --schedules`)"


def _jobs(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none so far"


def _stops(on_interrupt: str) -> bool:
    """Whether Ctrl-C stops the execution; asks if it is to."""
    if on_interrupt != "ask":
        return on_interrupt == "stop"
    if not sys.stdin.isatty():
        return True
    return click.confirm("\nStop the execution? (No: it goes on without you)", default=True, err=True)


def _report(state: State, progress: Progress, as_json: bool) -> None:
    """Say how an execution ended; for each failed task why, with the last lines of its log."""
    for step in progress.steps:
        for task in step.tasks:
            if task.status != "FAILED":
                continue
            code = "" if task.exit_code is None else f", exit code {task.exit_code}"
            click.secho(f"{step.name}/{task.id} failed: {task.reason or 'no reason given'}{code}", fg="red", err=True)
            for line in logs.tail(state, task, _LOG_LINES):
                click.echo(f"  {line}", err=True)
    following.told(progress, err=as_json)


def _input(instance: Instance, state: State, machine: Machine, words: Sequence[str]) -> str:
    """Input of the execution: what the person gives, checked where the machine is a flow's."""
    given = parameters.parse(words)
    if not machine.is_flow:
        return machines.execution_input(machine, given)
    found = run.in_stacks(state, machine)
    takes = run.takes(machine, found)
    for word in parameters.unsure(takes, given):
        warn(
            f"whether {machine.flow} has a parameter --{word} is not checked: no stack deployed it here, and its "
            "definition names parameters with a default alone"
        )
    values = parameters.checked(takes, given)
    config = (found.outputs.get("metaflow_config") if found else None) or {}
    s3 = partial(run.client, instance, "s3")
    instead = found.trigger if found else "python FLOW.py step-functions trigger"
    included.refuse_elsewhere(values, config, f"flowinfra local exec -- {instead}")
    return machines.execution_input(machine, included.stored(values, takes.flow, config, s3))


def _make_visible(instance: Instance, state: State, machine: Machine, progress: Progress, as_json: bool) -> None:
    """Pull the run and say how to read it; a run without a finished task has nothing to pull.

    The datastore is the one that the flow's tasks use: the stack's own, or that of a program.
    """
    if not any(step.done for step in progress.steps):
        return
    flow, variables = machine.flow, environment(instance, state, os.environ)
    assert flow is not None
    if root := machines.datastore(run.client(instance, "batch"), machine):
        variables["METAFLOW_DATASTORE_SYSROOT_S3"] = root
    try:
        pulled = pull(flow, progress.run_id, environment=variables)
    except FlowInfraError as error:
        click.echo(f"The run is not visible to the Client API: {error}", err=True)
        return
    click.echo(f"Its metadata is in {pulled.metadata}. Read it:", err=as_json)
    click.echo(
        '  flowinfra local exec -- python -c "from metaflow import Run, namespace; namespace(None); '
        f"print(Run('{flow}/{progress.run_id}').data)\"",
        err=as_json,
    )
