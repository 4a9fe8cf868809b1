"""Clouds as the commands beside Pulumi reach them."""
