"""Prepare this checkout: a virtual environment, and a Pulumi CLI if none is installed.

    .venv/              requirements.lock (each file checked against its hash), flowinfra, editable
    .venv/bin/pulumi    only where PATH has no usable Pulumi: a link to the one that was built
    ~/.cache/flowinfra/tools/   what was built, shared by all checkouts ($XDG_CACHE_HOME counts)

Standard library only: it runs before anything is installed. A second run does nothing, in well
under a second; of two at once the second waits for the first.
"""
