"""A failure that leaves something behind."""

from __future__ import annotations

from google.protobuf.struct_pb2 import Struct


class PartialFailureError(Exception):
    """A create or update that did part of its work; the message is for the user."""

    def __init__(self, message: str, identifier: str, properties: Struct, inputs: Struct | None = None) -> None:
        """`properties` enter the state; without `inputs`, those that were asked for."""
        super().__init__(message)
        self.identifier = identifier
        self.properties = properties
        self.inputs = inputs
