"""Foreign JSON into typed structs, so that a bad value costs only itself.

A client's next release may change the type, sign or shape of any field. So decoding is strict first, which is fast and
right for nearly every record; a record that fails is decoded member by member: what does not fit its field is left out
and reported, everything else is used.
"""

from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Raw, Struct, ValidationError

from projector.adapters.wire import Millis, any_millis
from projector.model.changes import ValueIgnored

T = TypeVar("T")


class LenientDecoder(Generic[T]):
    """Decodes JSON as `type`, a struct or anything else that msgspec knows."""

    def __init__(self, type: type[T]) -> None:
        self._type = type
        self._strict = msgspec.json.Decoder(type).decode

    def decode(self, raw: bytes | Raw) -> tuple[T, list[ValueIgnored]]:
        """The value in `raw`, and what was left out of it.

        Raises:
            ValidationError: it is of another kind, or a required field is missing or unusable.
            msgspec.DecodeError: it is not JSON.
        """
        try:
            return self._strict(raw), []
        except ValidationError:
            ignored: list[ValueIgnored] = []
            found: T = _value(self._type, bytes(raw), "$", ignored)
            return found, ignored


class _LocatedError(ValidationError):
    """What is wrong with a required field, and where: the path counts from the root."""


def _value(type: Any, raw: bytes, path: str, ignored: list[ValueIgnored]) -> Any:
    """`raw` as `type`, without the parts that do not fit, which are added to `ignored`.

    Raises:
        ValidationError: nothing of it fits.
    """
    try:
        return _strict(type)(raw)
    except ValidationError:
        origin, arguments = get_origin(type), get_args(type)
        if origin in (Union, UnionType):
            return _union([one for one in arguments if one is not NoneType], raw, path, ignored)
        if origin is list:
            return _list(arguments[0], raw, path, ignored)
        if origin is dict:
            return _dict(arguments[1], raw, path, ignored)
        if isinstance(type, type_) and issubclass(type, Struct):
            return _struct(type, raw, path, ignored)
        if type == Millis and (time := _time(raw)) is not None:
            return time
        if type is int or (origin is Annotated and arguments[0] is int):
            return _integer(type, raw)
        raise


type_ = type  # the builtin, where a parameter has its name


def _struct(type: Any, raw: bytes, path: str, ignored: list[ValueIgnored]) -> Any:
    members = _members(raw)
    values = {}
    for field in msgspec.structs.fields(type):
        if (member := members.get(field.encode_name)) is None:
            if field.default is NODEFAULT and field.default_factory is NODEFAULT:
                raise _LocatedError(f"Object missing required field `{field.encode_name}` - at `{path}`")
            continue
        place = f"{path}.{field.encode_name}"
        try:
            values[field.name] = _value(field.type, bytes(member), place, ignored)
        except _LocatedError:
            if field.default is NODEFAULT and field.default_factory is NODEFAULT:
                raise
            ignored.append(ValueIgnored(place, "Object without what is required in it"))
        except ValidationError as e:
            if field.default is NODEFAULT and field.default_factory is NODEFAULT:
                raise _LocatedError(f"{_reason(e)} - at `{place}`") from None
            ignored.append(ValueIgnored(place, _reason(e)))
    return type(**values)


def _union(types: list[Any], raw: bytes, path: str, ignored: list[ValueIgnored]) -> Any:
    """As the first of `types` of which anything fits."""
    failure: ValidationError | None = None
    for one in types:
        left_out: list[ValueIgnored] = []
        try:
            found = _value(one, raw, path, left_out)
        except ValidationError as e:
            failure = failure or e
        else:
            ignored += left_out
            return found
    assert failure
    raise failure


def _list(type: Any, raw: bytes, path: str, ignored: list[ValueIgnored]) -> list[Any]:
    found = []
    for at, element in enumerate(_elements(raw)):
        place = f"{path}[{at}]"
        try:
            found.append(_value(type, bytes(element), place, ignored))
        except ValidationError as e:
            ignored.append(ValueIgnored(place, _reason(e)))
    return found


def _dict(type: Any, raw: bytes, path: str, ignored: list[ValueIgnored]) -> dict[str, Any]:
    found = {}
    for name, member in _members(raw).items():
        place = f"{path}.{name}"
        try:
            found[name] = _value(type, bytes(member), place, ignored)
        except ValidationError as e:
            ignored.append(ValueIgnored(place, _reason(e)))
    return found


def _time(raw: bytes) -> int | None:
    """A time that is text instead of milliseconds; None if it is none."""
    try:
        return any_millis(msgspec.json.decode(raw, type=str))
    except ValidationError:
        return None


def _integer(type: Any, raw: bytes) -> int:
    """A whole number that is written with a fraction, as some JSON libraries do: 12.0 is 12."""
    number = _strict(float)(raw)
    if not number.is_integer():
        raise ValidationError(f"Expected `int`, got {number}")
    whole: int = msgspec.convert(int(number), type)
    return whole


def _reason(error: ValidationError) -> str:
    """What msgspec says without the place, which is relative to where it was asked."""
    return str(error).partition(" - at `")[0]


@lru_cache(512)
def _strict(type: Any) -> Any:
    return msgspec.json.Decoder(type).decode


_members = msgspec.json.Decoder(dict[str, Raw]).decode
_elements = msgspec.json.Decoder(list[Raw]).decode
