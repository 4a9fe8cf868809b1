"""Conditions that a pattern sets for one field: a value, or an object such as `{"prefix": "a"}`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from flowinfra.errors import LocalError

_HIGHEST = Decimal(5_000_000_000)
_DECIMALS = 6
"""Ruler compares numbers up to five billion, with six decimals; others only as they are written."""
_IGNORING_CASE = "equals-ignore-case"
_ONE_KEY = "Only one key allowed in match expression"
_OPERATORS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "=": lambda value, limit: value == limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}
Holds = Callable[[Any], bool]


class InvalidPatternError(LocalError):
    """A text that EventBridge refuses as a pattern."""


class Number(str):
    """A number as it is written in JSON."""

    __slots__ = ()

    @property
    def comparable(self) -> Decimal | None:
        """Its value; None for one that is too large or has too many decimals to be compared."""
        try:
            value = Decimal(str(self)).normalize()
        except InvalidOperation:
            return None
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_DECIMALS or abs(value) > _HIGHEST:
            return None
        return value


@dataclass(frozen=True)
class Condition:
    """What a pattern wants of one field."""

    holds: Holds
    absent: bool = False
    """Holds where the field is not there (`{"exists": false}`)."""


def condition(found: Any) -> Condition:
    """The condition that an element of a pattern's array is; InvalidPatternError with a reason if it is none."""
    if isinstance(found, dict):
        return _named(found)
    if isinstance(found, list):
        raise InvalidPatternError("Match value must be String, number, true, false, or null")
    return Condition(_equals(found))


def _named(found: dict[str, Any]) -> Condition:
    if not found:
        raise InvalidPatternError("Match expression name not found")
    (name, value), *more = found.items()
    make = _CONDITIONS.get(name)
    if make is None and name != "exists":
        raise InvalidPatternError(f"Unrecognized match type {name}")
    if name == "exists":
        if not isinstance(value, bool):
            raise InvalidPatternError("exists match pattern must be either true or false.")
        made = Condition(lambda _value: value is True, absent=not value)
    else:
        assert make is not None
        made = Condition(make(value))
    if more:
        raise InvalidPatternError(_ONE_KEY)
    return made


def _text(value: Any, name: str) -> str:
    if not _is_text(value):
        raise InvalidPatternError(f"{name} match pattern must be a string")
    return str(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _equals(wanted: Any) -> Holds:
    if isinstance(wanted, Number):
        return lambda value: isinstance(value, Number) and _same_number(wanted, value)
    if _is_text(wanted) and (address := _address(wanted)) is not None:
        return lambda value: _is_text(value) and _address(value) == address
    return lambda value: type(value) is type(wanted) and value == wanted


def _same_number(one: Number, other: Number) -> bool:
    if str(one) == str(other):
        return True
    return one.comparable is not None and one.comparable == other.comparable


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _exactly(value: Any) -> Holds:
    if not _is_text(value):
        raise InvalidPatternError("exact match pattern must be a string")
    return lambda found: _is_text(found) and found == value


def _prefix(value: Any) -> Holds:
    return _at_an_end(value, "prefix", str.startswith, lambda text, length: text[:length])


def _suffix(value: Any) -> Holds:
    return _at_an_end(value, "suffix", str.endswith, lambda text, length: text[len(text) - length :])


def _at_an_end(
    value: Any, name: str, test: Callable[[str, str], bool], end: Callable[[str, int], str], wanted: str | None = None
) -> Holds:
    if isinstance(value, dict):
        (operator, inner), *more = value.items() or (("", None),)
        if operator != _IGNORING_CASE:
            raise InvalidPatternError(f"Unsupported {name} pattern: {operator}")
        wanted = _text(inner, _IGNORING_CASE)
        if more:
            raise InvalidPatternError(_ONE_KEY)
        return lambda found: (
            _is_text(found) and len(found) >= len(wanted) and _same_but_case(end(found, len(wanted)), wanted)
        )
    text = _text(value, name)
    return lambda found: _is_text(found) and test(found, text)


def _ignoring_case(value: Any) -> Holds:
    wanted = _text(value, _IGNORING_CASE)
    return lambda found: _is_text(found) and _same_but_case(found, wanted)


def _same_but_case(one: str, other: str) -> bool:
    """Character by character, as Ruler does it: no case changes a text's length."""
    return len(one) == len(other) and all(
        a == b or a.lower() == b.lower() or a.upper() == b.upper() for a, b in zip(one, other, strict=True)
    )


def _wildcard(value: Any) -> Holds:
    expression = _wildcard_expression(_text(value, "wildcard"))
    return lambda found: _is_text(found) and expression.fullmatch(found) is not None


def _wildcard_expression(text: str) -> re.Pattern[str]:
    """A wildcard as a regular expression: `*` for any characters; after a backslash, itself."""
    parts, index, last = [], 0, ""
    while index < len(text):
        sign = text[index]
        if sign == "\\":
            index += 1
            if text[index : index + 1] not in ("*", "\\"):
                raise InvalidPatternError(f"Invalid escape character at pos {index}")
            parts.append(re.escape(text[index]))
            sign = ""
        elif sign == "*":
            if last == "*":
                raise InvalidPatternError(f"Consecutive wildcard characters at pos {index}")
            parts.append(".*")
        else:
            parts.append(re.escape(sign))
        last = sign
        index += 1
    return re.compile("".join(parts), re.DOTALL)


def _cidr(value: Any) -> Holds:
    if not _is_text(value):
        raise InvalidPatternError("prefix match pattern must be a string")
    if "/" not in value:
        raise InvalidPatternError(f"Malformed CIDR, one '/' required: {value}")
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise InvalidPatternError(f"Malformed CIDR: {value}") from None
    if network.prefixlen == network.max_prefixlen:
        raise InvalidPatternError(f"IPv{network.version} mask bits must be < {network.max_prefixlen}")

    def holds(found: Any) -> bool:
        address = _address(found) if _is_text(found) else None
        return address is not None and address.version == network.version and address in network

    return holds


def _numeric(value: Any) -> Holds:
    if not isinstance(value, list):
        raise InvalidPatternError("Value of numeric must be an array.")
    if not value or not _is_text(value[0]):
        raise InvalidPatternError(f"Invalid member in numeric match: {value[0] if value else ']'}")
    first = value[0]
    if first not in _OPERATORS:
        raise InvalidPatternError(f"Unrecognized numeric range operator: {first}")
    limits = [(first, _limit(value[1:], first))]
    if more := value[2:]:
        if first not in (">", ">="):
            raise InvalidPatternError("Too many elements in numeric expression")
        if not _is_text(more[0]):
            raise InvalidPatternError(f"Bad value in numeric range: {more[0]}")
        if more[0] not in ("<", "<="):
            raise InvalidPatternError(f"Bad numeric range operator: {more[0]}")
        limits.append((more[0], _limit(more[1:], more[0])))
        if len(more) > 2:
            raise InvalidPatternError("Too many terms in numeric range expression")
        if limits[0][1] >= limits[1][1]:
            raise InvalidPatternError("Bottom must be less than top")

    def holds(found: Any) -> bool:
        number = found.comparable if isinstance(found, Number) else None
        return number is not None and all(_OPERATORS[operator](number, limit) for operator, limit in limits)

    return holds


def _limit(following: Sequence[Any], operator: str) -> Decimal:
    if not following or not isinstance(following[0], Number):
        name = "equals" if operator == "=" else operator
        raise InvalidPatternError(f"Value of {name} must be numeric")
    return _comparable(following[0])


def _comparable(number: Number) -> Decimal:
    found = number.comparable
    if found is None:
        raise InvalidPatternError(
            f"Value must be between {-_HIGHEST} and {_HIGHEST}, inclusive, with up to {_DECIMALS} decimals: {number}"
        )
    return found


def _anything_but(value: Any) -> Holds:
    if isinstance(value, dict):
        return _anything_but_these(value)
    if not isinstance(value, (list, str)):
        raise InvalidPatternError("Value of anything-but must be an array or single string/number value.")
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise InvalidPatternError("Inside anything but list, start|null|boolean is not supported.")
    if len({isinstance(each, Number) for each in values}) != 1:
        raise InvalidPatternError(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    if isinstance(values[0], Number):
        numbers = {_comparable(each) for each in values if isinstance(each, Number)}
        return lambda found: not (isinstance(found, Number) and found.comparable in numbers)
    return lambda found: not (_is_text(found) and found in values)


def _anything_but_these(value: dict[str, Any]) -> Holds:
    if not value:
        raise InvalidPatternError("Anything-But expression name not found")
    (operator, inner), *more = value.items()
    make = {"prefix": _prefix, "suffix": _suffix, "wildcard": _wildcard, _IGNORING_CASE: _ignoring_case}.get(operator)
    if make is None:
        raise InvalidPatternError(f"Unsupported anything-but pattern: {operator}")
    if not isinstance(inner, (list, str)):
        raise InvalidPatternError("Value of anything-but must be an array or single string/number value.")
    values = inner if isinstance(inner, list) else [inner]
    if not all(_is_text(each) for each in values):
        raise InvalidPatternError(f"Inside anything-but/{operator} list, number|start|null|boolean is not supported.")
    if operator in ("prefix", "suffix") and "" in values:
        raise InvalidPatternError("Null prefix/suffix not allowed")
    if more:
        raise InvalidPatternError(_ONE_KEY)
    tests = [make(each) for each in values]
    return lambda found: not any(test(found) for test in tests)


_CONDITIONS: dict[str, Callable[[Any], Holds]] = {
    "exactly": _exactly,
    "prefix": _prefix,
    "suffix": _suffix,
    _IGNORING_CASE: _ignoring_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
    "numeric": _numeric,
    "anything-but": _anything_but,
}
