"""Flow file + options → CompiledFlow, by recording Metaflow's own command in a child process.

request.py    what is asked, checked
process.py    the child: an allowlisted environment, one interpreter
driver/       what runs in the child: Metaflow's `create` against recorders
assemble.py   recording → CompiledFlow (pure), with package.py and mends.py
cache.py      the cache; bundle.py a CompiledFlow as one file
compile.py    all of it together
"""

from flowinfra.compiler.bundle import read_bundle, read_compiled, write_bundle
from flowinfra.compiler.cache import blob_path
from flowinfra.compiler.compile import (
    Warn,
    compile_each,
    compile_flow,
    compile_flows,
    evaluate_parameters,
    unreviewed_files,
)
from flowinfra.compiler.request import CompileRequest

__all__ = [
    "CompileRequest",
    "Warn",
    "blob_path",
    "compile_each",
    "compile_flow",
    "compile_flows",
    "evaluate_parameters",
    "read_bundle",
    "read_compiled",
    "unreviewed_files",
    "write_bundle",
]
