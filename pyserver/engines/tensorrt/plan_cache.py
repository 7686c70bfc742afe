"""Where plans are kept that the server built of ONNX models: <cache_dir>/tensorrt/<key>/model.plan and build.json.

An entry is written whole or not at all, and is built again where its plan is not what its build.json says.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PLAN = "model.plan"
DESCRIPTION = "build.json"
_FORM = 1  # of an entry, and of how plans are built; a change of it outdates what is kept
_CHUNK = 1 << 20

_log = logging.getLogger("pyserver.tensorrt")


def digest_of(files: Iterable[Path]) -> str:
    """Of the contents of files, in their order. Raises OSError."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(f"{path.stat().st_size}:".encode())
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


class PlanCache:
    """The entries below a folder; several servers may share it."""

    def __init__(self, cache_folder: Path) -> None:
        self._folder = cache_folder / "tensorrt"

    def find(self, description: Mapping[str, Any]) -> bytes | None:
        """The plan that is kept of what `description` describes (all that a plan depends on)."""
        text = _text(description)
        entry = self._entry(text)
        kept = _read(entry, text)
        if kept is not None:
            _log.info("a plan was built before, and is used: %s", entry / PLAN)
        return kept

    def keep(self, description: Mapping[str, Any], plan: bytes) -> None:
        """In place of what was kept before. What cannot be kept is warned of: it serves all the same."""
        text = _text(description)
        try:
            self._keep(self._entry(text), text, plan)
        except OSError as error:
            _log.warning("the plan cannot be kept, and will be built again: %s: %s", self._entry(text), error)

    def _entry(self, text: str) -> Path:
        return self._folder / hashlib.sha256(text.encode()).hexdigest()[:32]

    def _keep(self, entry: Path, text: str, plan: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=self._folder))
        try:
            (temporary / PLAN).write_bytes(plan)
            whole = {"plan_sha256": hashlib.sha256(plan).hexdigest(), "of": json.loads(text)}
            (temporary / DESCRIPTION).write_text(json.dumps(whole, indent=2), encoding="utf-8")
            # What is in the way is damaged, or another server's that was faster: the same, then.
            shutil.rmtree(entry, ignore_errors=True)
            os.rename(temporary, entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _text(description: Mapping[str, Any]) -> str:
    return json.dumps({"form": _FORM, **description}, indent=2, sort_keys=True)


def _read(entry: Path, text: str) -> bytes | None:
    try:
        whole = json.loads((entry / DESCRIPTION).read_text(encoding="utf-8"))
        plan = (entry / PLAN).read_bytes()
        intact = whole["of"] == json.loads(text) and whole["plan_sha256"] == hashlib.sha256(plan).hexdigest()
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("a kept plan cannot be read, and is built again: %s: %s", entry, error)
        return None
    if not intact:
        _log.warning("a kept plan is damaged, and is built again: %s", entry)
        return None
    return plan
