"""What the sanitizers write into a process's log, and nobody else."""

from __future__ import annotations

import re

# Address and leak sanitizer; thread sanitizer; undefined behaviour, with the place in the source before it; what a
# sanitizer says of itself before it gives up.
_FIRST_LINE = re.compile(
    r"^(==\d+==\s?ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|\S+:\d+:\d+: runtime error: |.*Sanitizer: CHECK failed)",
    re.MULTILINE,
)


def sanitizer_reports(log: str) -> str:
    """Everything from the first report on; empty where there is none."""
    found = _FIRST_LINE.search(log)
    return log[found.start() :] if found else ""
