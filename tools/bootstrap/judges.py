"""Argo's and Kubernetes' own validation as programs, by which the tests judge what is compiled for Argo.

    argo-judge-…/bin          argo-judge: Argo Workflows', of each release that the tests' cluster may run
    argo-judge-…/manifests    that release's full custom resource definitions
    events-judge-…/bin        events-judge: Argo Events'
    kubernetes-judge-…/bin    kubernetes-judge: the apiserver's, for Pods and for custom resources

What each reads and writes is said at the top of its source: tools/argo-judge, tools/kubernetes/judge. They need no root
and no Linux, and are built without the cluster.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tools.bootstrap.cluster import (
    ARGO_EVENTS,
    ARGO_WORKFLOWS,
    JOBSET,
    KUBERNETES,
    KUBERNETES_MODULE,
    NEWEST_GO,
    OLDER_ARGO_WORKFLOWS,
    REQUIRED_VARIABLE,
    Program,
    Release,
    build_releases,
)
from tools.bootstrap.files import ROOT, cache_folder, locked
from tools.bootstrap.go import go_command
from tools.bootstrap.output import SetupError, say

_SOURCES = ROOT / "tools" / "argo-judge"
_NEWEST_IMPORT = "argo-workflows/v4"


def _named(name: str, judged: Release, files: Mapping[str, str]) -> str:
    """The version of a judge, which is another with each change of its source."""
    digest = hashlib.sha256(repr((name, sorted(files.items()))).encode()).hexdigest()[:12]
    return f"{judged.version}-{digest}"


def _in_a_copy(name: str, judged: Release, files: Mapping[str, str], manifests: Mapping[str, str]) -> Release:
    """A judge that is built in a copy of the module of what it is taken from."""
    assert judged.source is not None
    written = {f"cmd/{name}/{file}": text for file, text in files.items()}
    return Release(
        name,
        _named(name, judged, files),
        (Program(name, f"./cmd/{name}"),),
        stamp="",
        source=replace(judged.source, version=judged.version, copied={}, written=written),
        manifests=manifests,
    )


def _workflows_judge(judged: Release) -> Release:
    major = judged.version.partition(".")[0]
    folder = _SOURCES / "workflows"
    main = (folder / "main.go").read_text()
    files = {
        "main.go": main.replace(_NEWEST_IMPORT, f"argo-workflows/v{major}"),
        "release.go": (folder / f"release_{major}.go.txt").read_text(),
    }
    return _in_a_copy("argo-judge", judged, files, {"manifests/base/crds/full": "crds"})


WORKFLOWS = {release.version: _workflows_judge(release) for release in (ARGO_WORKFLOWS, OLDER_ARGO_WORKFLOWS)}
"""Version of Argo Workflows → its judge."""
EVENTS = _in_a_copy(
    "events-judge",
    ARGO_EVENTS,
    {"main.go": (_SOURCES / "events" / "main.go").read_text()},
    {"manifests/base/crds": "crds"},
)
JOB_SETS = replace(JOBSET, name="jobset-judge", programs=())
"""JobSet has no rules that go beyond its custom resource definition and can be had without a cluster."""
KUBERNETES_JUDGE = Release(
    "kubernetes-judge",
    _named("kubernetes-judge", KUBERNETES, {"main.go": (KUBERNETES_MODULE.folder / "judge" / "main.go").read_text()}),
    (Program("kubernetes-judge", "./judge"),),
    stamp="",
    module=KUBERNETES_MODULE,
)
RELEASES = (*WORKFLOWS.values(), EVENTS, JOB_SETS, KUBERNETES_JUDGE)


def prepare_judges() -> None:
    """Build what is missing (about 6 minutes on 2 cores, one after the other).

    SetupError where there is no Go to build them, and where a build fails.
    """
    if all(release.is_prepared for release in RELEASES):
        return
    go = go_command(KUBERNETES_MODULE, "Argo's own validation", "leave out the tests of it", NEWEST_GO)
    cache_folder().mkdir(parents=True, exist_ok=True)
    with locked(cache_folder() / ".judges-lock", "Argo's own validation"):
        missing = [release for release in RELEASES if not release.is_prepared]
        if missing:
            say(f"Building Argo's own validation for the tests; it is kept in {cache_folder()}.")
            build_releases(go, missing)


def prepare_judges_for_tests() -> None:
    """Build what is missing, or say that there is no Go; SetupError then, where `REQUIRED_VARIABLE` asks for them."""
    try:
        prepare_judges()
    except SetupError as error:
        if os.environ.get(REQUIRED_VARIABLE) == "1":
            raise
        say(f"{error}\nThe tests that need it will be skipped.")


def program(release: Release) -> Path:
    """The program of a judge that is prepared."""
    [wanted] = release.programs
    found = release.folder / "bin" / wanted.name
    assert os.access(found, os.X_OK), found
    return found
