"""What Pulumi writes and reads: project, state, preview, and its command."""
