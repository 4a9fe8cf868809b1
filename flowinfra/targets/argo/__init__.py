"""Argo Workflows: `ArgoFlow` and what its arguments are made of."""
