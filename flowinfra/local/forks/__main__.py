"""`python flowinfra/local/forks SOCKET`: serve there, as a package of a name that no module of a flow has."""


def serve() -> None:
    """Serve until the attempt ends; in a fork, be what was asked for."""
    import importlib.util
    import os
    import sys

    name, folder = "_flowinfra_forks", os.path.dirname(os.path.abspath(__file__))
    # the interpreter puts the program's folder first, where its modules would hide others of the same name
    del sys.path[0]
    place = os.path.join(folder, "__init__.py")
    spec = importlib.util.spec_from_file_location(name, place, submodule_search_locations=[folder])
    assert spec is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    server = importlib.import_module(f"{name}.server")
    # what is left of this module is a fork's: libraries put names into `__main__`
    for own in ("serve", "__file__", "__cached__"):
        globals().pop(own, None)
    become, request, path = server.main(sys.argv[1])
    for own in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[own]
    become(request, path)


serve()
