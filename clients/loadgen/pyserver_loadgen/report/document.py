"""A report as JSON and back. docs/load_generator.md describes every key.

The document follows the dataclasses of measurement.py field by field; a `Histogram` is its filled buckets, exact sum
and exact maximum, so nothing is lost. Beside them every measurement has `results`, figures made from its windows for
those who read the document with other tools; reading it back makes them anew.

Numbers that are none (NaN) are null. Keys that are not known are passed over, so that a newer program can add some;
what an older program could not understand raises VERSION.
"""

from __future__ import annotations

import json
import math
import os
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pyserver.errors import ConfigError
from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import PERCENTILES, Measurement, Report, Slo

FORMAT = "pyserver-load-report"
VERSION = 1
# Durations of 63 bits need no more buckets. Beyond, a document could ask for any amount of memory.
_BUCKETS = 57 * 128
_LARGEST_COUNT = 2**53  # larger ones would be rounded

Json = Any  # what json.loads gives


def write(report: Report, file: str | os.PathLike[str]) -> None:
    """Writes the document. Raises OSError."""
    # Without line breaks: of histograms there would be one for every number.
    text = json.dumps(to_json(report), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    Path(file).write_text(text + "\n", encoding="utf-8")


def read(file: str | os.PathLike[str]) -> Report:
    """Reads a document. Raises OSError, and ConfigError with the place where it is not what it should be."""
    try:
        told = json.loads(Path(file).read_text(encoding="utf-8"))
        return from_json(told)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: no JSON: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{file}: {error.message}") from None


def to_json(report: Report) -> dict[str, Json]:
    """The document: only dicts, lists, texts, finite numbers, booleans and None."""
    told: dict[str, Json] = {"format": FORMAT, "version": VERSION, **_encoded(report)}
    for measured, document in zip(report.measurements, told["measurements"], strict=True):
        document["results"] = _results(measured, report.slos)
    return told


def from_json(told: Mapping[str, Json]) -> Report:
    """The report of a document. Raises ConfigError with the place where it is not what it should be."""
    if not isinstance(told, Mapping) or told.get("format") != FORMAT:
        raise ConfigError(f'expected a report of `pyserver bench --json`, which has "format": "{FORMAT}"')
    if told.get("version") != VERSION:
        raise ConfigError(f"version {told.get('version')!r}: this program reads version {VERSION}")
    report: Report = _decoded(Report, told, "report")
    for name in ("knee", "found"):
        index = getattr(report, name)
        if index is not None and not 0 <= index < len(report.measurements):
            raise ConfigError(f"report.{name}: there is no measurement {index}")
    return report


def _results(measured: Measurement, slos: list[Slo]) -> dict[str, Json]:
    results: dict[str, Json] = _encoded(
        {
            "sent": measured.sent,
            "answered": measured.succeeded,
            "failed": measured.failed,
            "lost": measured.lost,
            "errors": measured.errors,
            "offered_per_s": measured.offered_rate,
            "throughput_per_s": measured.throughput,
            "goodput_per_s": {slo.text: measured.goodput(slo.limit_s) for slo in slos},
            "latency_s": _times(measured.latency),
            "lag_s": _times(measured.lag),
            "request_bytes": measured.request_bytes,
            "response_bytes": measured.response_bytes,
            "client_cores": measured.client_cores,
        }
    )
    return results


def _times(histogram: Histogram) -> dict[str, float]:
    percentiles = {f"p{p:g}": histogram.percentile(p) for p in PERCENTILES}
    return {"mean": histogram.mean_s, **percentiles, "max": histogram.max_s}


def _encoded(value: object) -> Json:
    if isinstance(value, Histogram):
        buckets = [list(pair) for pair in value.to_buckets()]
        return {"buckets": buckets, "sum_ns": value.sum_ns, "max_ns": value.max_ns}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encoded(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _encoded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    # Of `model`, which may hold anything: as text.
    return str(value)


def _decoded(wanted: Any, told: Json, place: str) -> Any:
    """`told` as the wanted type. `place` names it in errors."""
    origin, inside = get_origin(wanted), get_args(wanted)
    if wanted is Histogram:
        return _histogram(told, place)
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _dataclass(wanted, told, place)
    if origin in (Union, types.UnionType):
        present = [each for each in inside if each is not type(None)]
        return None if told is None else _decoded(present[0], told, place)
    if origin is Literal:
        if told not in inside:
            raise ConfigError(f"{place}: expected one of {', '.join(map(str, inside))}, not {told!r:.100}")
        return told
    if origin is list:
        _expect(told, list, "a list", place)
        return [_decoded(inside[0], each, f"{place}[{number}]") for number, each in enumerate(told)]
    if origin is dict:
        _expect(told, dict, "an object", place)
        return {name: _decoded(inside[1], each, f"{place}.{name}") for name, each in told.items()}
    return _plain(wanted, told, place)


def _plain(wanted: Any, told: Json, place: str) -> Any:
    if wanted is object:
        return told
    if wanted is float:
        if told is None:
            return math.nan
        if isinstance(told, bool):
            raise ConfigError(f"{place}: expected a number, not {told!r}")
        _expect(told, (int, float), "a number", place)
        return float(told)
    names = {int: "a whole number", str: "a text", bool: "true or false"}
    if wanted is int and isinstance(told, bool):
        raise ConfigError(f"{place}: expected a whole number, not {told!r}")
    _expect(told, wanted, names[wanted], place)
    return told


def _dataclass(wanted: type, told: Json, place: str) -> Any:
    _expect(told, dict, "an object", place)
    hints = get_type_hints(wanted)
    values = {}
    for field in fields(wanted):
        if field.name in told:
            values[field.name] = _decoded(hints[field.name], told[field.name], f"{place}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{place}.{field.name}: missing")
    return wanted(**values)


def _histogram(told: Json, place: str) -> Histogram:
    _expect(told, dict, "an object", place)
    buckets = _decoded(list[list[int]], told.get("buckets"), f"{place}.buckets")
    if any(len(pair) != 2 or not 0 <= pair[0] < _BUCKETS or not 0 <= pair[1] <= _LARGEST_COUNT for pair in buckets):
        raise ConfigError(f"{place}.buckets: expected pairs of a bucket below {_BUCKETS} and a count")
    sum_ns, max_ns = (_decoded(int, told.get(name), f"{place}.{name}") for name in ("sum_ns", "max_ns"))
    return Histogram.from_buckets([(bucket, count) for bucket, count in buckets], sum_ns, max_ns)


def _expect(told: Json, wanted: Any, name: str, place: str) -> None:
    if not isinstance(told, wanted):
        raise ConfigError(f"{place}: expected {name}, not {told!r:.100}")
