"""The engine's questions about a row of a DynamoDB table that others write: only that it is gone when it should be.

Making it removes what somebody left there before, and deleting it removes what was written meanwhile. What is in it is
never read, so that none of it gets into the state (`aws.dynamodb.TableItem` would put all of it there at each refresh,
and take it for a drift: terraform-provider-aws, `internal/service/dynamodb/table_item.go`).
"""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.struct_pb2 import Struct

from flowinfra.aws_plugin.session import AwsError, Clients, explained
from flowinfra.aws_plugin.settings import Settings
from flowinfra.plugin.answers import Difference, Reading
from flowinfra.plugin.checks import length
from flowinfra.plugin.schema import Problem, differences, problems, text
from flowinfra.plugin.wire import UNKNOWN, Plain, decode_struct, encode

PROPERTIES = {
    "hashKey": text(length(1, 255), required=True, replaces=True),
    "key": text(length(1, 2048), required=True, replaces=True),
    "region": text(computed=True, replaces=True),
    "table": text(length(3, 255), required=True, replaces=True),
}
_BETWEEN = "|"
"""In an identifier; no table and no region has it in its name."""
_NO_TABLE = "ResourceNotFoundException"


class Rows:
    """A configured provider of rows. Safe for many threads."""

    def __init__(self, settings: Settings | None) -> None:
        self._clients = Clients(settings) if settings else None

    def check(self, token: str, olds: Struct, news: Struct) -> tuple[Struct, list[Problem]]:
        """Complete the inputs and say what is wrong with them."""
        inputs = Struct()
        inputs.CopyFrom(news)
        inputs.fields["region"].CopyFrom(encode(self._clients.region if self._clients else UNKNOWN))
        return inputs, list(problems(PROPERTIES, decode_struct(inputs)))

    def diff(self, token: str, olds: Struct, news: Struct) -> Difference:
        """What an update from this state to these inputs would change: every change is another row."""
        return Difference(differences(PROPERTIES, decode_struct(olds), decode_struct(news)))

    def create(self, token: str, properties: Struct, timeout: float, *, preview: bool) -> tuple[str, Struct]:
        """Make it, empty: (identifier, state)."""
        if preview:
            return "", properties
        row = decode_struct(properties)
        self._remove(row["region"], row["table"], {row["hashKey"]: {"S": row["key"]}})
        return _BETWEEN.join((row["region"], row["table"], row["hashKey"], row["key"])), properties

    def update(
        self, token: str, identifier: str, olds: Struct, news: Struct, timeout: float, *, preview: bool
    ) -> Struct:
        """Say that there is nothing to change in place."""
        return news

    def read(self, token: str, identifier: str, properties: Struct, inputs: Struct) -> Reading:
        """Say what is known of it already: it is there whether it has been written or not."""
        if not properties.fields:
            raise AwsError(f"{identifier!r} cannot be imported: whoever writes a row makes it")
        return Reading(identifier, properties, inputs)

    def delete(self, token: str, identifier: str, timeout: float) -> None:
        """Remove it, with all that was written into it."""
        region, table, hash_key, key = identifier.split(_BETWEEN, 3)
        try:
            self._remove(region, table, {hash_key: {"S": key}})
        except AwsError as error:
            if error.code != _NO_TABLE:
                raise

    def _remove(self, region: str, table: str, key: Mapping[str, Plain]) -> None:
        if self._clients is None:
            raise AwsError("the configuration of the flowinfra-aws provider is not known yet")
        with explained(f"emptying a row of the table {table}"):
            self._clients.client("dynamodb", region).delete_item(TableName=table, Key=key)
