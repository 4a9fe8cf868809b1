"""Runs of deployed flows on Step Functions and Argo, started and watched by a person.

machines.py     a state machine, read from its definition
parameters.py   what a person gives a run, checked as Metaflow's `trigger` checks it
stack.py        which flows a stack has deployed, by its state
reach.py        a flow of a stack → the account or the cluster that knows its runs
account.py      executions, asked of an account or of the embedded AWS
history.py      an execution's history → how far it is, what failed and why (pure)
cluster.py      workflows, asked of a cluster
nodes.py        a workflow → how far it is, what failed and why (pure)
progress.py     how far a run is, step by step
watch.py        a run is followed to its end, in a terminal or line by line
advice.py       commands that read the logs of a run, and resume it (pure)
"""
