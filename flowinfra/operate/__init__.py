"""What people do with a deployed stack, beside `pulumi up`."""
