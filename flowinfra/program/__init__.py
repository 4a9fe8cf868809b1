"""The root Pulumi project's program: stack configuration → components."""
