"""What runs flows: a package per target, and what all targets have."""
