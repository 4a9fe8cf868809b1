"""Runs of deployed flows on Step Functions, started and watched by a person; on an account and on the embedded AWS.

machines.py     a state machine, read from its definition
parameters.py   what a person gives a run, checked as Metaflow's `trigger` checks it
stack.py        which flows a stack has deployed, by its state
history.py      an execution's history → how far it is, what failed and why (pure)
progress.py     how far an execution is, step by step
watch.py        an execution is followed to its end, in a terminal or line by line
"""
