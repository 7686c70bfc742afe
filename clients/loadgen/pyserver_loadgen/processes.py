"""The processes of a server on this machine, as /proc tells of them: who listens, CPU time, memory."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0", "[::]", "::")  # noqa: S104 (addresses that are this machine)


def listeners(address: str) -> list[int]:
    """The processes that listen at "HOST:PORT" or "unix:PATH"; none where the server is elsewhere or not to be seen."""
    if address.startswith("unix:"):
        inodes = set(_unix_inodes(address.removeprefix("unix:")))
    else:
        host, _, port = address.rpartition(":")
        if not port.isdecimal() or not is_local(host):
            return []
        inodes = set(_tcp_inodes(int(port)))
    return sorted(_owners(inodes)) if inodes else []


def is_local(host: str) -> bool:
    """Whether the host is this machine: a loopback address, or one that a socket here can be bound to."""
    host = host.strip("[]")
    if host.startswith(_LOOPBACK):
        return True
    try:
        for family, kind, _, _, where in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                probe.bind(where)
                return True
    except OSError:
        return False
    return False


def exists(pid: int) -> bool:
    """Whether there is such a process."""
    return (_PROC / str(pid)).is_dir()


def with_descendants(pids: Iterable[int]) -> list[int]:
    """These processes and all that they started: servers have workers that do not listen."""
    children: dict[int, list[int]] = {}
    for pid in _all_pids():
        fields = _stat(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    found: list[int] = []
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.append(pid)
            waiting.extend(children.get(pid, []))
    return sorted(found)


def cpu_s(pid: int) -> float:
    """User and system time of all its threads, those that have ended too; 0 for one that has ended."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def rss_bytes(pid: int) -> int:
    """What of its memory is resident; 0 for one that has ended."""
    for line in _read(_PROC / str(pid) / "status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def waited_s(name: str) -> dict[int, float]:
    """How long each of this process's threads whose names begin so has waited for a CPU since it began."""
    waited = {}
    for task in Path("/proc/self/task").iterdir():
        if _read(task / "comm").startswith(name) and (fields := _read(task / "schedstat").split()):
            waited[int(task.name)] = int(fields[1]) / 1e9
    return waited


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: state, parent …; none for a process that has ended."""
    # The second field, the name, may hold blanks and brackets.
    return _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()


def _tcp_inodes(port: int) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        for line in _read(_PROC / "net" / name).splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _unix_inodes(path: str) -> Iterator[str]:
    for line in _read(_PROC / "net" / "unix").splitlines()[1:]:
        fields = line.split(maxsplit=7)
        # The fourth field's bit says that it listens.
        if len(fields) == 8 and fields[7] == path and int(fields[3], 16) & 0x10000:
            yield fields[6]


def _owners(inodes: set[str]) -> Iterator[int]:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for pid in _all_pids():
        if not wanted.isdisjoint(_open_files(pid)):
            yield pid


def _open_files(pid: int) -> Iterator[str]:
    # Processes end, files are closed meanwhile, and some belong to someone else.
    with suppress(OSError):
        for entry in os.scandir(_PROC / str(pid) / "fd"):
            with suppress(OSError):
                yield os.readlink(entry.path)


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
