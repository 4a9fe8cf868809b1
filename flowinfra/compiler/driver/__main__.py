"""`python flowinfra/compiler/driver`: loads this folder as a package of a name that no module of a flow has."""

import importlib.util
import os
import sys

NAME = "_flowinfra_driver"

folder = os.path.dirname(os.path.abspath(__file__))
# the interpreter puts the program's folder first, where its modules would hide others of the same name
del sys.path[0]
spec = importlib.util.spec_from_file_location(
    NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
)
assert spec is not None
sys.modules[NAME] = importlib.util.module_from_spec(spec)
importlib.import_module(NAME + ".main").main()
