"""An environment's own parameters, schedule, project and step settings, put into the flow that will be deployed.

Metaflow resolves Configs, lets mutators change the flow, and only then initialises what it has: parameters, decorators
of the flow, decorators of steps. At its end it gives every step the target's compute decorator, and may ask the steps'
mutators again. Overrides stand between the last mutator and the initialisation, so that whatever said something of the
flow before (a decorator, a Config, a mutator, `--with`) has said it, and nobody has read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .internals import internals
from .kubernetes_check import KubernetesCheck
from .override_flow import options_of_project, override_schedule
from .override_parameters import overridden
from .override_steps import StepOverrides
from .protocol import Request
from .refusal import Refusal

SEAMS = (
    ("metaflow.decorators", "_init_flow_decorators"),
    ("metaflow.decorators", "_init_step_decorators"),
    ("metaflow.decorators", "get_all_step_decos"),
    ("metaflow.flowspec", "FlowSpecMeta._init_graph"),
    ("metaflow.flowspec", "FlowSpec._get_parameters"),
    ("metaflow.parameters", "Parameter.init"),
    ("metaflow._vendor.click", "Option.type_cast_value"),
)

LATE = "_process_late_attached_decorator"
"""What a Metaflow since 2.19 initialises the target's compute decorators with; before, all of a step's were, again."""


class Overrides:
    """All overrides of one request; all their mistakes are reported by one refusal."""

    def __init__(self, request: Request, compute: str, kubernetes: KubernetesCheck | None) -> None:
        self.request = request
        self.steps = StepOverrides(request["steps"], compute, kubernetes)
        self.problems: list[dict[str, Any]] = []
        self.mutated = False
        self.expecting = False

    def install(self) -> None:
        """Stand in Metaflow where it initialises parameters, the flow's decorators and the steps'."""
        decorators = internals("metaflow.decorators")
        parameter_type = internals("metaflow.parameters").Parameter
        flow_type = internals("metaflow.flowspec").FlowSpecMeta
        init_parameter, init_flow, init_steps = (
            parameter_type.init,
            decorators._init_flow_decorators,
            decorators._init_step_decorators,
        )
        init_graph = flow_type._init_graph

        def parameter(self_: Any, *args: Any, **kwargs: Any) -> None:
            init_parameter(self_, *args, **kwargs)
            if not self_.IS_CONFIG_PARAMETER and self_.name in self.request["parameters"]:
                self.problems += overridden(self_, self.request["parameters"][self_.name])

        def flow_decorators(flow: Any, *args: Any, **kwargs: Any) -> None:
            # graph, environment, flow_datastore, metadata, logger, echo, deco_options
            options = kwargs["deco_options"] if "deco_options" in kwargs else args[6]
            self.problems += self._of_flow(flow, options)
            init_flow(flow, *args, **kwargs)

        def step_decorators(flow: Any, *args: Any, **kwargs: Any) -> None:
            self.mutated = True
            with self._after_mutators():
                init_steps(flow, *args, **kwargs)

        def graph(flow_class: Any) -> None:
            if self.expecting:
                self.expecting = False
                self._steps_of(flow_class)
            init_graph(flow_class)

        parameter_type.init = parameter
        decorators._init_flow_decorators = flow_decorators
        decorators._init_step_decorators = step_decorators
        flow_type._init_graph = graph
        if late := getattr(decorators, LATE, None):
            setattr(decorators, LATE, self._late(late))

    def _late(self, original: Callable[..., None]) -> Callable[..., None]:
        def late(names: Any, flow: Any, *args: Any, **kwargs: Any) -> None:
            # @conda is attached so before any mutator has run
            if not self.mutated:
                original(names, flow, *args, **kwargs)
                return
            # mutators are not asked again where no step has one; where one has, the graph is made anew after them
            self._steps_of(type(flow), initialise=False)
            with self._after_mutators():
                original(names, flow, *args, **kwargs)

        return late

    @contextmanager
    def _after_mutators(self) -> Iterator[None]:
        """Within, the next graph that Metaflow makes of the flow is the one after the mutators."""
        self.expecting = True
        try:
            yield
        finally:
            self.expecting = False

    def _of_flow(self, flow: Any, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
        known = {parameter.name for _, parameter in flow._get_parameters() if not parameter.IS_CONFIG_PARAMETER}
        for name in self.request["parameters"]:
            if name not in known:
                yield {"kind": "unknown-parameter", "name": name, "known": sorted(known)}
        override_schedule(flow, self.request["schedule"], self.request["timezone"], self.request["target"])
        yield from options_of_project(flow, self.request["project"], options)

    def _steps_of(self, flow_class: Any, initialise: bool = True) -> None:
        self.problems += self.steps.apply(flow_class._steps, initialise)
        if self.problems:
            raise Refusal("overrides", json.dumps(self.problems))
