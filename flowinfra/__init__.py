"""Metaflow flows as declarative infrastructure."""
