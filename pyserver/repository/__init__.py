"""The model repository: what lies on disk, and which of it serves."""

from pyserver.repository.lifecycle import ModelRepository
from pyserver.repository.state import ModelState, ModelVersionState, VersionState

__all__ = ["ModelRepository", "ModelState", "ModelVersionState", "VersionState"]
