"""Which version of a model a control request is about."""

from pyserver import _core
from pyserver.errors import NotFoundError
from pyserver.repository.state import ModelState, ModelVersionState, VersionState
from pyserver.services.failure import InvalidRequestError, NotServingError

MAX_VERSION = 2**63 - 1


def parse_version(text: str) -> int:
    """A version as the Open Inference Protocol writes it; 0 for an empty text. Raises InvalidRequestError."""
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or not 1 <= int(text) <= MAX_VERSION:
        raise InvalidRequestError(
            f"version {text[:100]!r}: expected a whole number from 1 to {MAX_VERSION}, or nothing"
        )
    return int(text)


def find_version(model: ModelState, version: int) -> VersionState:
    """The version asked for. Raises NotFoundError."""
    for state in model.versions:
        if state.version == version:
            return state
    known = ", ".join(str(state.version) for state in model.versions) or "none"
    raise NotFoundError(f"model {model.name!r} has no version {version}: it has {known}")


def loaded_version(model: ModelState, version: int) -> tuple[int, _core.ModelRuntime]:
    """The version asked for, 0 for the default one, and its runtime. Raises NotFoundError, NotServingError."""
    if version:
        state = find_version(model, version)
    elif model.default_version:
        state = find_version(model, model.default_version)
    else:
        state = next((known for known in model.versions if known.runtime is not None), None) or _none_loaded(model)
    if state.runtime is None:
        raise NotServingError(f"model {model.name!r} version {state.version} is {state.state.name}: {state.reason}")
    return state.version, state.runtime


def _none_loaded(model: ModelState) -> VersionState:
    if model.versions:
        return model.versions[0]
    raise NotServingError(f"model {model.name!r} has no version")


def serves(model: ModelState, version: int) -> bool:
    """Whether the version, 0 for any, is AVAILABLE."""
    return any(state.state is ModelVersionState.AVAILABLE and version in (0, state.version) for state in model.versions)
