"""What the component resources of all targets are made of: pure helpers, and what Pulumi makes."""
