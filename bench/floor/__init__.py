"""The bare Pulumi program that flowinfra is compared with."""

MANIFEST = "FLOWINFRA_BENCH_MANIFEST"
"""Environment variable that names the list of resources to register."""
