"""Writes variables as TensorFlow's checkpoints keep them: variables.index, a table of LevelDB, and one file of data.

As in tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto and LevelDB's table_format.md.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from protobuf_wire import field, repeated, varint

_FLOAT, _STRING = 1, 7  # DataType
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_MAGIC = 0xDB4775248B80FB57


def _crc32c(content: bytes) -> int:
    """Castagnoli's CRC, masked as LevelDB does."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


class _Table:
    """One block of entries, and the index that finds it."""

    def __init__(self) -> None:
        self.content = b""

    def add_block(self, entries: list[tuple[bytes, bytes]]) -> bytes:
        """Returns its handle."""
        block = b"".join(varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in entries)
        block += struct.pack("<II", 0, 1)  # one restart point, at the first entry
        handle = varint(len(self.content)) + varint(len(block))
        block += b"\0"  # not compressed
        self.content += block + struct.pack("<I", _crc32c(block))
        return handle

    def finish(self, entries: list[tuple[bytes, bytes]]) -> bytes:
        data = self.add_block(entries)
        meta = self.add_block([])
        index = self.add_block([(entries[-1][0], data)])
        return self.content + (meta + index).ljust(40, b"\0") + struct.pack("<Q", _MAGIC)


def _object_graph(keys: dict[str, str]) -> tuple[bytes, int]:
    """A string tensor that holds a TrackableObjectGraph: which key each variable has. And its checksum."""
    variables = [field(2, field(1, "VARIABLE_VALUE") + field(2, name) + field(3, key)) for name, key in keys.items()]
    children = [field(1, field(1, index + 1) + field(2, name)) for index, name in enumerate(keys)]
    graph = field(1, b"".join(children)) + repeated(1, variables)
    length = struct.pack("<I", len(graph))
    length_checksum = struct.pack("<I", _crc32c(length))
    return varint(len(graph)) + length_checksum + graph, _crc32c(length + length_checksum + graph)


def write(folder: Path, variables: dict[str, np.ndarray]) -> None:
    """Writes `variables.index` and `variables.data-00000-of-00001` into the folder."""
    keys = {name: f"{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in variables}
    values = {_OBJECT_GRAPH: (_STRING, (), *_object_graph(keys))}
    for name, value in variables.items():
        content = value.astype("<f4").tobytes()
        values[keys[name]] = (_FLOAT, value.shape, content, _crc32c(content))
    # The header has the empty key: one shard, little-endian, the first version.
    entries, data = [(b"", field(1, 1) + field(3, field(1, 1)))], b""
    for key in sorted(values):
        datatype, shape, content, crc = values[key]
        place = field(4, len(data)) + field(5, len(content))
        checksum = varint(6 << 3 | 5) + struct.pack("<I", crc)
        sizes = field(2, repeated(2, [field(1, size) for size in shape]))
        entries.append((key.encode(), field(1, datatype) + sizes + place + checksum))
        data += content
    folder.mkdir(parents=True)
    (folder / "variables.index").write_bytes(_Table().finish(entries))
    (folder / "variables.data-00000-of-00001").write_bytes(data)
