"""Pulumi's mocks: what a program registers, without an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await

ACCOUNT = "123456789012"


def role_arn(name: str) -> str:
    """ARN of a role of the account."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


@dataclass
class Registered:
    """One resource."""

    type: str
    name: str
    inputs: dict[str, Any]


@dataclass
class Program:
    """What one run of a program did."""

    resources: list[Registered] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    preview: bool = False

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Name → inputs, of the resources whose type ends so."""
        return {item.name: item.inputs for item in self.resources if item.type.split("/")[-1].endswith(kind)}

    def one(self, kind: str) -> dict[str, Any]:
        """Inputs of the only resource of a type."""
        (inputs,) = self.of(kind).values()
        return inputs


class _Mocks(mocks.Mocks):
    def __init__(self, program: Program) -> None:
        self.program = program

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.program.resources.append(Registered(args.typ, args.name, args.inputs))
        state = {**args.inputs}
        if args.typ.endswith(":JobDefinition"):
            state["revision"] = 1
        if args.typ.endswith(":Stash"):
            state["output"] = args.inputs["input"]
        if args.typ == "aws:iam/role:Role":
            state |= {"name": f"{args.inputs['namePrefix']}1", "arn": role_arn(f"{args.inputs['namePrefix']}1")}
        for kind, key in ((":Bucket", "bucket"), (":Table", "name"), (":JobQueue", "name")):
            if args.typ.endswith(kind):
                state[key] = f"{args.name}-1"
        if args.typ.endswith((":ComputeEnvironment", ":LogGroup")):
            state["arn"] = f"arn:aws:test:us-east-1:{ACCOUNT}:{args.name}"
        return f"{args.name}-id", state

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        self.program.calls.append(args.token)
        return {"accountId": ACCOUNT, "region": "us-east-1", "id": "vpc-1", "ids": ["subnet-1", "subnet-2"]}, []


def run(make: Callable[[], Any], preview: bool = False) -> Program:
    """Run a program; exceptions are its own."""
    program = Program(preview=preview)
    mocks.set_mocks(_Mocks(program), project="app", stack="dev", preview=preview)

    def body() -> None:
        made = make()
        if made is not None:
            pulumi.Output.from_input(made).apply(lambda _: None)

    _sync_await(run_pulumi_func(body))
    return program


def outputs(make: Callable[[], pulumi.Output[Any]]) -> Any:
    """The value of what a program returns."""
    found: list[Any] = []
    run(lambda: make().apply(found.append))
    return found[0]
