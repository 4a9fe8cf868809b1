"""What an environment says of the flow as a whole: its schedule, and its @project's branch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .internals import internals


def override_schedule(flow: Any, cron: str | None, timezone: str | None, target: str) -> None:
    """Set cron (`off` for no schedule) and timezone of the flow's @schedule; a flow without @schedule gets one."""
    own = flow._flow_decorators.get("schedule")
    if cron == "off":
        flow._flow_decorators.pop("schedule", None)
        return
    if not cron and not (timezone and own):
        return
    made: Any = internals("metaflow.plugins.aws.step_functions.schedule_decorator").ScheduleDecorator
    said: dict[str, Any] = {}
    if own:
        own[0].external_init()
        said = {name: value for name, value in own[0].attributes.items() if value is not None}
    if cron:
        # Airflow has none: there a cron of the environment is in its own
        said = {"timezone": said["timezone"]} if said.get("timezone") and target != "airflow" else {}
        said["cron"] = cron
    if timezone:
        said["timezone"] = timezone
    decorator = made(attributes=said, statically_defined=True, inserted_by=["flowinfra"])
    decorator.external_init()
    flow._flow_decorators["schedule"] = [decorator]


def options_of_project(flow: Any, given: dict[str, Any], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Set the branch that is deployed in the flow's @project; yields why that is not possible.

    A task gets the branch by options of its command line, which Metaflow has only for a @project written on the class.
    Where a mutator adds @project, the mutator has to set the branch.
    """
    [project] = flow._flow_decorators.get("project") or [None]
    if project is None:
        if given:
            yield {"kind": "no-project", "name": next(iter(given))}
        return
    if project.inserted_by is None:
        options.update(given)
        return
    project.external_init()
    said = {name: project.attributes[name] for name in project.options if name in project._user_defined_attributes}
    for name, value in given.items():
        if said.get(name, project.defaults[name]) != value:
            yield mutators_project(project, name)


def mutators_project(project: Any, option: str | None) -> dict[str, Any]:
    """The problem of a mutator's @project: the option that does not reach it, None for a branch that nothing says."""
    return {
        "kind": "mutators-project",
        "name": project.attributes["name"],
        "option": option,
        "mutator": project.inserted_by[0].rsplit(".", 1)[-1],
    }
