"""What runs in the interpreter that a flow belongs to: Metaflow's own `create`, with recorders in place of the cloud.

Standard library and metaflow only, on any Python that Metaflow runs on. The folder is the program: `__main__` loads it
as a package whose name no module of a flow has, and nothing of it can be imported by a plain name.

protocol.py       request and answer, by their types
main.py           the process: request in, answer out
session.py        one compile: recorders in Metaflow's seams, then Metaflow's command
seams.py          where the driver stands in Metaflow, and how
recording.py      what is recorded, and the AWS clients that record it
target_*.py       per target: where the command is, and what an empty account or cluster answers it
stand_in_*.py     what Metaflow gets in place of packages that only reach a cloud
datastore_*.py    per datastore but S3: what stands in for its packages
members.py        a code package by its members
environments.py   @conda and @pypi: the locked environments, and solving them
overrides.py      an environment's own parameters, schedule and step settings
checks.py         what is refused although Metaflow takes it
imports.py        which modules the flow's tasks will import, and where they are here
import_statements.py  the imports of one module's source
describe.py       the flow in plain data
watch.py          what the process reads and tries to do
variables.py      which variables of the environment are read, and by whom
secret_sources.py what @secrets names, read as a task reads it
refusal.py        what ends a compile
output.py         what it prints, captured
failure.py        what went wrong, as data
internals.py      Metaflow's modules, without types
"""
