"""What differs between two stacks, or two versions of a flow."""
