"""What roles that are there already may do more or less after a change. Pure.

A role that is made in the same preview makes no risk: nothing could use it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flowinfra.engine.preview import UNKNOWN, State, Step
from flowinfra.engine.tokens import ATTACHMENT, MANAGED_POLICY, ROLE, ROLE_POLICY
from flowinfra.model import clean
from flowinfra.report.policies import NOTHING, Grant, beyond, grants
from flowinfra.report.resources import noun
from flowinfra.report.risk import Risk
from flowinfra.report.steps import strings
from flowinfra.report.words import Span, names, phrase

_RESOURCES = 4
"""Most resources whose actions one line lists."""
_TOLD_AS_GIVEN_UP = ("secretsmanager:", "dynamodb:")


def role_risks(steps: Iterable[Step], flow: str = "", given_up: bool = False) -> Iterator[Risk]:
    """Risks of the roles and policies among some steps.

    Args:
        steps: of one flow, or of none.
        flow: component's name. The names of its resources begin with it, and the report leaves it out.
        given_up: secrets and tables that the flow gives up are reported as such, not as rights.
    """
    listed = list(steps)
    fresh = {_text(step.new, "name") for step in listed if step.urn.type == ROLE and step.op != "update"}
    for step in listed:
        about = _Policy(step, flow, given_up)
        of_fresh_role = _text(step.state, "role") in {*fresh, UNKNOWN}
        if step.urn.type == ROLE and step.op == "update":
            yield from about.compared("assumeRolePolicy", "may be assumed by more")
            yield from about.bounded()
            yield from about.attached(_arns(step.new) - _arns(step.old))
        elif step.urn.type == MANAGED_POLICY and step.op in ("update", "replace"):
            yield from about.compared("policy", "may do more")
        elif step.urn.type == ROLE_POLICY and not of_fresh_role:
            if step.op == "create":
                yield from about.granted()
            elif step.op in ("update", "replace"):
                yield from about.compared("policy", "may do more")
        elif step.urn.type == ATTACHMENT and not of_fresh_role and step.op in ("create", "replace"):
            yield from about.attached({_text(step.new, "policyArn")})


@dataclass(frozen=True)
class _Policy:
    """A step of a role or policy."""

    step: Step
    flow: str
    given_up: bool

    @property
    def who(self) -> list[Span | str]:
        """`role policy jobs-role-policy`."""
        name = self.step.urn.name
        own = name.removeprefix(f"{self.flow}-") if self.flow else name
        return [noun(self.step), " ", Span(clean.name(own), "name")]

    def compared(self, key: str, more: str) -> Iterator[Risk]:
        """What a policy document allows now and did not, and the other way round."""
        old, new = ((state.inputs if state else {}).get(key) for state in (self.step.old, self.step.new))
        if old == new:
            return
        before, after = grants(old), grants(new)
        if before is None or after is None:
            yield Risk("role-widened", phrase(*self.who, " changes to what is known only after up"))
            return
        if added := beyond(after, before):
            yield Risk("role-widened", phrase(*self.who, f" {more}: ", *_rights(added)))
        lost = [
            grant
            for grant in beyond(before, after)
            if not (self.given_up and grant.action.startswith(_TOLD_AS_GIVEN_UP))
        ]
        if lost:
            yield Risk("role-narrowed", phrase(*self.who, " may do less, for running executions too: ", *_rights(lost)))

    def granted(self) -> Iterator[Risk]:
        """A policy that is new on a role that is not."""
        found = grants(self.step.state.inputs.get("policy"))
        rights = _rights(beyond(found, NOTHING)) if found else ["what is known only after up"]
        yield Risk("role-widened", phrase(*self.who, " is new on a role that is there already: ", *rights))

    def attached(self, arns: set[str]) -> Iterator[Risk]:
        """Managed policies that a role gets."""
        if arns:
            told = names(clean.name(arn) for arn in sorted(arns))
            yield Risk("role-widened", phrase(*self.who, " gives the rights of another managed policy: ", *told))

    def bounded(self) -> Iterator[Risk]:
        """A permissions boundary that is taken away or replaced."""
        old, new = (_text(state, "permissionsBoundary") for state in (self.step.old, self.step.new))
        if old and old != new:
            one, other = clean.pair(old, new or "none")
            line = phrase(*self.who, ": permissions boundary ", Span(one, "before"), " → ", Span(other, "after"))
            yield Risk("role-widened", line)


def _rights(found: Iterable[Grant]) -> list[Span | str]:
    """`s3:GetObject on arn:…; … and on 3 more`, the actions of one resource together."""
    actions: dict[tuple[str, str], list[str]] = {}
    for grant in found:
        actions.setdefault((grant.resource, grant.condition), []).append(clean.short(grant.action))
    parts: list[Span | str] = []
    for index, ((resource, condition), allowed) in enumerate(actions.items()):
        if index == _RESOURCES:
            parts.append(f"; and on {len(actions) - _RESOURCES:,} more")
            break
        parts += ["; " if index else "", *names(allowed)]
        parts += [" on ", Span(clean.short(resource), "name")] if resource else []
        parts += [" if ", Span(clean.short(condition), "name")] if condition else []
    return parts


def _arns(state: State | None) -> set[str]:
    return set(strings(state.inputs, "managedPolicyArns")) if state else set()


def _text(state: State | None, key: str) -> str:
    value = (state.inputs if state else {}).get(key)
    return value if isinstance(value, str) else ""
