"""A stack's file → its flows, compiled."""
