"""What is live in AWS, against what a stack's state says was deployed.

    stack.py        the state → its flows' resources, asked in parallel, and what differs
    aws.py          the calls: one client per service and region, absence as None
    resources.py    one function per resource type: what differs, in words
    definition.py   two definitions → what differs, step by step (pure)
    compare.py      tags, policies and JSON, as AWS means them (pure)

The state's *inputs* are compared, not its outputs: after a failed update these say what was wanted, or what is.
"""
