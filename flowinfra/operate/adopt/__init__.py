"""`flowinfra adopt`: what Metaflow's own command deployed by hand becomes a stack's.

    sources.py      the project's files → which has a flow of which name
    account.py      the calls: state machines, rules and job definitions of an account
    entries.py      what was deployed, and the stack → what its file has to say (pure)
    writing.py      that, in the stack's file, with its comments
    adopt.py        all of it in order

Nothing is changed in AWS: the next `pulumi up` takes over what has the production token that the file names then.
"""
