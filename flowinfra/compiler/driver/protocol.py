"""What the child gets and what it answers, as JSON: the types that both sides are checked with.

The parent imports this module, too, so it knows the standard library alone, like everything beside it.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Mode = Literal["compile", "evaluate", "lock"]
"""What a child is started for: the calls of Metaflow's `create`, values of function defaults, or solved packages."""


class Walk(TypedDict):
    """A folder of which Metaflow's own walk is asked for."""

    top: str
    modules: bool
    """Only files with the endings that are packed of a flow's folder."""


class EnvironmentsTask(TypedDict):
    """What is to be done with the environments of @conda and @pypi."""

    solve: bool
    """Run the solver."""
    explicit: bool
    """Also for a flow that declares no packages."""
    python: str | None
    """Full version for steps that ask for none; None for that of the interpreter."""
    manifest: dict[str, Any]
    """What is locked: id → platform → packages, as Metaflow's `conda.manifest` has it."""
    variables: dict[str, str]
    """The solver's environment."""


class Request(TypedDict):
    """One compile."""

    mode: Mode
    flow: str
    """Absolute path of the flow's file."""
    folder: str
    """Working folder."""
    search: list[str]
    """Folders to import from, behind the flow's own."""
    walks: list[Walk]
    suffixes: list[str]
    """Endings of files that are packed beside Metaflow's own."""
    out: str
    """Folder for the answer and the bytes of objects."""
    target: str
    options: dict[str, Any]
    """Options that the target alone has."""
    datastore: str
    arguments: list[str]
    """Metaflow's command line after `python flow.py`."""
    project: dict[str, Any]
    """`production` and `branch`, where they are given."""
    configs: list[str]
    """Names of the Configs that are given."""
    structures: dict[str, Any]
    """Config → value, of those that are not given as text."""
    parameters: dict[str, Any]
    """Parameter → default of the environment."""
    schedule: str | None
    timezone: str | None
    steps: dict[str, dict[str, Any]]
    """Step → overrides."""
    environments: EnvironmentsTask | None
    """None for a flow without @conda and @pypi."""


class Place(TypedDict):
    """Where in the user's source something stands; None where that is not known."""

    file: str | None
    line: int | None


class Part(Place):
    """Something that must change in a flow."""

    subject: str
    words: str


class Meant(Place):
    """A place, and the step or decorator that is meant."""

    subject: str | None


class _Failed(TypedDict):
    kind: str
    message: str
    """Words, or JSON where the kind has more to say."""


class Error(_Failed, total=False):
    """Why a flow did not compile; `compiler.failures` makes it the user's."""

    headline: str
    """Metaflow's own, of the kind `metaflow`."""
    subject: str | None
    """The step or decorator that is meant."""
    name: str
    """The parameter whose function failed."""
    file: str | None
    line: int | None


class Decorator(TypedDict):
    """A decorator or mutator of a step or a flow."""

    name: str
    attributes: dict[str, Any]
    own: list[str]
    """Attributes that differ from their defaults."""


class Parameter(TypedDict):
    """What the flow says of a parameter."""

    type: str
    default: Any
    required: bool
    deploy_time: bool
    """The default is a function."""
    help: Any
    """Text, where the flow is right."""


class Project(TypedDict):
    """The @project that is deployed."""

    name: str
    branch: str
    production: bool


class Switch(TypedDict):
    """How a step decides which one is next."""

    condition: str
    cases: dict[str, str]


class _Source(TypedDict):
    backend: str
    id: str


class Secret(_Source, total=False):
    """A source of @secrets; region and role are of AWS alone."""

    region: str | None
    role: str | None


class Step(TypedDict):
    """A step of the flow's graph."""

    name: str
    kind: str
    next: list[str]
    switch: Switch | None
    doc: str
    place: Place
    secrets: list[Secret]
    decorators: list[Decorator]


class Flow(TypedDict):
    """The flow that is deployed: Configs, mutators and overrides have changed it."""

    name: str
    doc: str
    start: str
    parameters: dict[str, Parameter]
    configs: dict[str, Any]
    decorators: list[Decorator]
    project: Project | None
    steps: list[Step]


class Trigger(TypedDict):
    """An event that the flow waits for."""

    name: str
    type: str
    parameters: dict[str, Any]


class Import(TypedDict):
    """An import of the user's own code."""

    name: str
    """The module's full name."""
    line: int
    when: str
    """`load`, `step` or `call`: when the module is imported, in a step's task, when a function is called."""
    inside: str | None
    """The step or function."""
    sure: bool
    """It is made in any case then."""
    optional: bool
    """The code goes on without it."""
    unless: list[str]
    """It is made where one of these modules is not there."""


class Module(TypedDict):
    """A module of the user's own that the flow's file reaches."""

    file: str
    imports: list[Import]


class Origin(TypedDict, total=False):
    """The part of site-packages that makes a module outside of it importable."""

    distribution: str | None
    """An editable install."""
    path_file: str


class _Kind(TypedDict):
    kind: str
    """`source`, `binary`, `folder`, `distribution`, `shared` or `absent`."""


class Found(_Kind, Origin, total=False):
    """What a module is to the interpreter that compiles; a distribution's own is of `distribution`, too."""

    file: str
    path: str
    """Entry of sys.path."""
    by_flow: bool
    """The flow itself put that entry there."""


class Imports(TypedDict):
    """Which modules the flow's tasks will import."""

    modules: dict[str, Module]
    found: dict[str, Found]


class Read(TypedDict):
    """A read of a variable by the flow's own code."""

    name: str
    file: str
    line: int
    how: str
    """`item`, `get` or `in`."""
    default: str | None
    set: bool


class Asked(Read):
    """A read of a variable, when all of them are known."""

    sure: bool
    """Where the variable is not set, the code fails."""


class Variables(TypedDict):
    """What was read of the environment."""

    names: list[str]
    all: bool
    """All were looked through."""
    asked: list[Asked]
    looped: list[Place]
    """Where the flow's own code looks through all variables."""


class StepEnvironment(TypedDict):
    """The environment of @conda or @pypi that a step asks for."""

    environment: str
    """Metaflow's id of it."""
    python: str
    conda: dict[str, str]
    """Package → version."""
    pypi: dict[str, str] | None


class Package(TypedDict):
    """A package that was downloaded; `file` of `Request.out` has its bytes."""

    file: str
    sha256: str
    size: int


class Environments(TypedDict):
    """The environments of @conda and @pypi."""

    declared: bool
    """The flow declares packages of its own."""
    python: str
    steps: dict[str, StepEnvironment]
    manifest: dict[str, Any]
    """What was solved."""
    packages: dict[str, Package]
    """Key → each package that was downloaded."""


class Call(TypedDict):
    """A call that Metaflow made."""

    service: str
    operation: str
    arguments: dict[str, Any]


class SavedObject(TypedDict):
    """An object that Metaflow saved to the datastore; `file` of `Request.out` has its bytes."""

    bucket: str
    key: str
    file: str
    metadata: dict[str, str]


class Failure(TypedDict):
    """What the child answers of a flow that it could not process."""

    error: Error
    metaflow: str | None
    """Version; None where it could not be imported."""


class Answer(TypedDict):
    """What the child answers of a flow."""

    error: None
    metaflow: str
    """Version."""
    python: str
    """Minor version."""
    flow: Flow
    triggers: list[Trigger]
    token_prefix: str | None
    evaluated: dict[str, Any] | None
    """Parameter → value of its function, of the mode `evaluate`."""
    included: dict[str, str]
    """Parameter → digest of the file that its IncludeFile reads."""
    imports: Imports | None
    """Of the mode `compile`."""
    variables: Variables
    environments: Environments | None
    calls: list[Call]
    objects: list[SavedObject]
    walked: list[list[str]]
    """Files of each walk, from its top."""
    hidden: list[str]
    """Packaged modules that others of the same name hide."""
    files: dict[str, str | None]
    """File that was read → sha256, None for one that does not exist any more."""
    folders: list[str]
    """Folders whose names were read."""
    libraries: list[str]
    """Folders of the standard library and of installed distributions."""
    version_file: str
    """Metaflow's file that a new version changes."""
