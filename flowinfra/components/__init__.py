"""Pulumi component resources, one per file, with the pure helpers that derive their arguments."""
