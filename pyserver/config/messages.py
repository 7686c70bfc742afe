"""Validation errors as sentences: where, what was expected, what came."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_MAX_SHOWN = 5

# What pydantic's kinds of errors (by how their names begin) expected, in plain words.
_KINDS = {
    "int_": "a whole number",
    "float_": "a number",
    "finite_number": "a finite number",
    "bool_": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "path_type": "a path",
}


def sentences(error: ValidationError, schema: type[BaseModel], origin: Callable[[str], str]) -> str:
    """One line for all that is wrong. `origin` says where a top-level key of `schema` was set."""
    details = error.errors(include_url=False)
    parts = [_sentence(detail, schema, origin) for detail in details[:_MAX_SHOWN]]
    if len(details) > _MAX_SHOWN:
        parts.append(f"and {len(details) - _MAX_SHOWN} more")
    return "; ".join(parts)


def _sentence(detail: ErrorDetails, schema: type[BaseModel], origin: Callable[[str], str]) -> str:
    location = detail["loc"]
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(location, schema, origin)
    where = _where(location, origin)
    if kind == "missing":
        return f"{where}: is missing"
    expected = _expected(detail)
    if not location:
        return expected
    return f"{where}: {expected}, got {_shown(detail['input'])}"


def _expected(detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    for begin, what in _KINDS.items():
        if detail["type"].startswith(begin):
            return f"expected {what}"
    message = detail["msg"].removeprefix("Input should be ")
    message = message[:1].lower() + message[1:]
    return f"expected a number {message}" if message.startswith(("greater", "less")) else f"expected {message}"


def _where(location: tuple[int | str, ...], origin: Callable[[str], str]) -> str:
    if not location:
        return ""
    path = origin(str(location[0]))
    for step in location[1:]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path


def _unknown_key(location: tuple[int | str, ...], schema: type[BaseModel], origin: Callable[[str], str]) -> str:
    known = _keys_at(schema, location[:-1])
    nearest = get_close_matches(str(location[-1]), known, n=3, cutoff=0.5)
    hint = f"the nearest known: {', '.join(nearest)}" if nearest else f"known are {', '.join(known)}"
    return f"{_where(location, origin)}: unknown key; {hint}"


def _keys_at(schema: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = schema
    for step in location:
        # A key of a mapping is no field: what it holds is known already.
        if step in current.model_fields:
            current = _model_in(current.model_fields[str(step)].annotation) or current
    return list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, or that the items of its list are."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
