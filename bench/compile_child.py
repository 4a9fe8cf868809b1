"""The process that compiling is timed on: compiles the flows named on standard input, says how long each part took.

Input: {"flows": [files], "jobs": int or null, "repeat": int}. `repeat` counts further rounds over all flows, one at a
time with nothing remembered between them but what Python keeps: what a cached compile costs inside a process.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path


def main() -> None:
    began = time.perf_counter()
    from flowinfra.compiler import CompileRequest, compile_flow, compile_flows

    imported = time.perf_counter() - began
    task = json.load(sys.stdin)
    requests = [CompileRequest(flow=Path(flow)) for flow in task["flows"]]
    hits: list[bool] = []
    began = time.perf_counter()
    compile_flows(requests, jobs=task["jobs"], progress=lambda _, cached: hits.append(cached))
    compiled = time.perf_counter() - began
    each = []
    for _ in range(task["repeat"]):
        for request in requests:
            began = time.perf_counter()
            compile_flow(request)
            each.append(time.perf_counter() - began)
    answer = {
        "import": imported,
        "compile": compiled,
        "cached": sum(hits),
        "each": statistics.median(each) if each else None,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
