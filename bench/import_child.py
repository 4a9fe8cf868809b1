"""Looks at the imports of a flow as the compile's child does, and prints the milliseconds of processor time."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from pathlib import Path

NAME = "_flowinfra_driver"
DRIVER = Path(__file__).parents[1] / "flowinfra" / "compiler" / "driver"


def main(flow: Path) -> float:
    """Milliseconds for one flow, in a process that has imported it as a compile would."""
    spec = importlib.util.spec_from_file_location(
        NAME, DRIVER / "__init__.py", submodule_search_locations=[str(DRIVER)]
    )
    assert spec is not None
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    imports, watch = (importlib.import_module(f"{NAME}.{name}") for name in ("imports", "watch"))
    sys.path[0] = str(flow.parent)
    for name in ("metaflow", "helper", "yaml"):
        importlib.import_module(name)
    libraries = watch.library_folders()
    began = time.process_time()
    told = imports.Imports(libraries, sys.path, ("start", "add", "end")).tell(str(flow))
    seconds = time.process_time() - began
    assert told["found"]["yaml"]["distribution"] == "PyYAML", told
    return seconds * 1000


if __name__ == "__main__":
    print(main(Path(sys.argv[1]).resolve()))
