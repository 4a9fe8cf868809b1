"""Resource types, one file per AWS service."""
