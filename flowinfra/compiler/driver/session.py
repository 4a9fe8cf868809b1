"""One compile in the flow's interpreter: recorders in Metaflow's seams, then Metaflow's own `create`."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from typing import Any

from . import decorator_words, places, seams, secret_sources, stand_in_boto3, stand_in_unused
from .checks import refuse_configs, refuse_personal_branch, refuse_second_flow
from .describe import describe_flow, describe_trigger
from .failure import failure
from .internals import internals, is_include
from .kubernetes_check import SEAMS as SEAMS_OF_KUBERNETES
from .kubernetes_check import KubernetesCheck
from .members import Tarfile, add_file
from .output import Output
from .overrides import Overrides
from .protocol import Flow, Part, Request, Trigger
from .recording import MARK, AbsentError, Client, Recording, datastore_answers
from .refusal import Refusal, refuse
from .seams import beside
from .watch import Watch


class Session:
    """One compile: the request, what is recorded, and what the flow turned out to be."""

    def __init__(self, request: Request, watch: Watch) -> None:
        self.request, self.watch = request, watch
        self.recording = Recording(request["out"])
        self.started = False
        self.flow: Flow | None = None
        self.triggers: list[Trigger] = []
        self.token_prefix: str | None = None
        self.evaluated: dict[str, Any] | None = None
        self.included: dict[str, str] = {}
        self.environments: Any = None
        self.kubernetes: KubernetesCheck | None = None

    def install(self) -> None:
        """Put the recorders in place. Imports Metaflow, so the environment must be final by now."""
        seams.stand_in({**stand_in_boto3.modules(), **stand_in_unused.modules()})
        try:
            import metaflow  # noqa: F401
        except ModuleNotFoundError as missing:
            raise Refusal("no-metaflow", str(missing.name)) from None
        target = beside("target_" + self.request["target"].replace("-", "_"))
        of_target = ((target.COMMAND, "make_flow"), (target.COMMAND, "new_token"), (target.MAKER, "deploy_time_eval"))
        seams.check((*seams.REQUIRED, *of_target, *target.SEAMS))
        self._record_calls(target)
        self._start_once()
        Overrides(self.request, target.COMPUTE, self.kubernetes).install()
        decorator_words.install()
        self._make_flow(target, self._look_at_flow(target))
        # Metaflow asks git whether it is itself run from a checkout
        internals("metaflow.metaflow_version").call_git_describe = lambda *_args, **_kwargs: None
        if importlib.util.find_spec("metaflow.metaflow_git"):
            internals("metaflow.metaflow_git").get_repository_info = lambda path: {}

    def _record_calls(self, target: Any) -> None:
        """Clients, and packages that reach a cluster or another datastore, answer as if nothing were there yet."""
        recording, request = self.recording, self.request
        client_error = stand_in_boto3.ClientError
        answers = {**datastore_answers(recording, client_error), **target.answers(request, recording, AbsentError)}
        if target.KUBERNETES:
            seams.stand_in(beside("stand_in_kubernetes").modules(recording))
            seams.check(SEAMS_OF_KUBERNETES)
            self.kubernetes = KubernetesCheck(request["target"])
            self.kubernetes.install()
        if request["datastore"] != "s3":
            datastore = beside("datastore_" + request["datastore"])
            seams.check(datastore.SEAMS)
            seams.stand_in(datastore.modules(recording))
            datastore.install(recording)

        class Provider:
            name = "flowinfra"

            @staticmethod
            def get_client(module: str, with_error: bool = False, **_arguments: Any) -> Any:
                client = Client(module, recording, answers)
                return (client, client_error) if with_error else client

        internals("metaflow.plugins.aws.aws_client").cached_provider_class = Provider
        archives = internals("metaflow.packaging_sys.tar_backend")
        archives.tarfile, archives.TarPackagingBackend.add_file = Tarfile(), add_file

    def _start_once(self) -> None:
        """The flow that the file starts is given the request's command line."""
        session, request = self, self.request
        flow_spec = internals("metaflow.flowspec").FlowSpec
        original_init = flow_spec.__init__

        def start(flow: Any, use_cli: bool = True) -> None:
            original_init(flow, use_cli=False)
            if use_cli:
                refuse_second_flow(sys._getframe(1).f_globals)
                refuse_configs(flow, request)
                session.started = True
                # Metaflow packages the module of a flow's own decorators by this second name, which means this file
                sys.modules["__mp_main__"] = sys.modules["__main__"]
                with internals("metaflow.parameters").flow_context(type(flow)):
                    # this import gives the command line the options of this very flow
                    code = internals("metaflow.cli").main(
                        flow,
                        args=request["arguments"],
                        handle_exceptions=False,
                        entrypoint=[sys.executable, sys.argv[0]],
                    )
                raise SystemExit(code or 0)

        flow_spec.__init__ = start

    def _look_at_flow(self, target: Any) -> Callable[..., None]:
        """Have the whole flow looked at before Metaflow looks at one thing after the other; gives what looks at it."""

        def look(flow: Any, graph: Any, *_more: Any) -> None:
            found = [*secret_sources.refusals(graph), *self.refusals(graph), *target.refusals(flow, graph)]
            if found:
                refuse("unsupported", json.dumps(found))

        command = internals(target.COMMAND)
        if target.CHECK is not None:
            original_check = getattr(command, target.CHECK)

            def check(*given: Any) -> None:
                look(*given)
                original_check(*given)

            setattr(command, target.CHECK, check)
        return look

    def _make_flow(self, target: Any, look: Callable[..., None]) -> None:
        """The flow is described when Metaflow makes a deployment of it; its token and its defaults are placeholders."""
        session, request = self, self.request
        command, maker = internals(target.COMMAND), internals(target.MAKER)
        parameters = internals("metaflow.parameters")
        original_make = command.make_flow

        def make(obj: Any, *args: Any, **kwargs: Any) -> Any:
            look(obj.flow, obj.graph)
            session.flow = describe_flow(obj.flow, obj.graph)
            if request["mode"] == "evaluate":
                session.evaluated = evaluate(obj.flow, parameters, session.watch)
                raise SystemExit(0)
            if request["mode"] != "lock":
                refuse_personal_branch(obj.flow)
            target.prepare(obj.flow)
            made = original_make(obj, *args, **kwargs)
            # steps without a compute decorator have got one by now, with what Metaflow's settings say
            if found := session.refusals():
                refuse("unsupported", json.dumps(found))
            # decorators get their attributes from the platform while the flow is made
            session.flow = describe_flow(obj.flow, obj.graph)
            session.triggers = [describe_trigger(trigger) for trigger in getattr(made, "triggers", ())]
            return made

        def token(prefix: str, _previous: str | None = None) -> str:
            session.token_prefix = prefix
            return MARK + "token"

        command.make_flow, command.new_token = make, token
        maker.deploy_time_eval = lambda value: session.default(value, parameters.deploy_time_eval)

    def refusals(self, graph: Any = None) -> list[Part]:
        """Find what is wrong with the steps' pods, as far as the values are known; with `graph`, of all its steps."""
        return self.kubernetes.parts(graph) if self.kubernetes else []

    def default(self, value: Any, evaluate_now: Callable[[Any], Any]) -> Any:
        """A parameter's default: a function becomes a placeholder, the file of an IncludeFile is read now."""
        if not isinstance(value, internals("metaflow.parameters").DeployTimeField):
            return evaluate_now(value)
        if not is_include(value):
            return f"{MARK}parameter-{value.parameter_name}"
        included = evaluate_now(value)
        self.included[value.parameter_name] = json.loads(included)["url"].rsplit("/", 1)[-1]
        return included

    def install_environments(self, watch: Watch, captured: Output, terminal: Any) -> None:
        """Put in place what @conda and @pypi need; a lock may use network and programs, and talks, while it solves."""
        task = self.request["environments"]
        assert task is not None
        module = beside("environments")
        seams.check(module.SEAMS)

        def unwatched(solve: Callable[[], None]) -> None:
            watch.active, captured.shown = False, terminal
            try:
                solve()
            finally:
                watch.active, captured.shown = True, None

        self.environments = module.Environments(
            task,
            self.recording.out,
            refuse,
            unwatched,
            lambda line: print(line, file=captured),
        )
        self.environments.install()


def evaluate(flow: Any, parameters: Any, watch: Watch) -> dict[str, Any]:
    """Values of all function defaults, evaluated now (not at compile); every function that fails is reported."""
    values: dict[str, Any] = {}
    failed = []
    for attribute, parameter in flow._get_parameters():
        default = parameter.kwargs.get("default")
        if not isinstance(default, parameters.DeployTimeField) or is_include(default):
            continue
        watch.refusal = None
        try:
            values[parameter.name] = parameters.deploy_time_eval(default)
        except BaseException as problem:  # of whatever kind: Metaflow wraps it in a text of its own
            place = places.of_attribute(type(flow), attribute)
            failed.append({**place, **failure(watch.refusal or problem.__context__ or problem), "name": parameter.name})
    watch.refusal = None
    if failed:
        refuse("deploy-time", json.dumps(failed))
    return values
