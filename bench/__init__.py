"""What flowinfra costs, measured against Metaflow's own command and a bare Pulumi program: `python -m bench`.

__main__.py   the command line: which sections, which sizes
compiling.py  time and size of compiling; compile_child.py is the process that it times
trying.py     `flowinfra try`, and what looking at imports adds to a compile (import_child.py is timed)
deploying.py  preview and up, with floor/ as the bare program and manifest.py as what that program registers;
              deploying_argo.py the same in the tests' cluster
demo.py       `make demo`, from nothing running to a result read
flows.py      the flows that all of it is measured on
figures.py    figures and targets as data; tables.py shows them
embedded.py   an embedded AWS of its own; processes.py runs, times and weighs processes
"""
