"""What a model.yaml says of pre- and post-processing → the core's chains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pyserver import _core
from pyserver.config.load import parse_options
from pyserver.config.processing import InputProcessing, OpConfig
from pyserver.config.schema import ModelConfig
from pyserver.config.tokenize import TokenizeOptions
from pyserver.engines import LoadContext
from pyserver.errors import ModelLoadError, PyserverError
from pyserver.repository.presets import with_preset
from pyserver.tokenizer import find_tokenizer, load_tokenizer, model_inputs

# The op that takes what is encoded: one BYTES element for each row.
_DECODER = "decode_image"
# No op of the core's chains: it makes several inputs of one, for a whole batch at once.
_TOKENIZE = "tokenize"


class EngineOps(NamedTuple):
    """Ops that an engine does itself."""

    client: str  # the tensor, as clients call it
    tensor: str  # as the model calls it
    ops: list[str]
    before_model: bool


def make_processing(
    config: ModelConfig,
    model: _core.ModelSignature,
    folders: Sequence[Path],
    context: LoadContext,
    on_device: Sequence[EngineOps] = (),
) -> _core.Processing | None:
    """The chains of a model that has `model` for a signature; None where it has none.

    `folders` is where the files that ops name are looked for; `on_device` what the engine does itself, to be told.
    Raises ModelLoadError, naming input and op.
    """
    config = with_preset(config, model)
    if not (config.preprocess or config.postprocess or config.labels or on_device):
        return None
    processing = _core.Processing(model)
    places = [str(folder) for folder in folders]
    for name, chain in config.preprocess.items():
        with naming(f"preprocess.{name}"):
            if _first_op(chain) == _TOKENIZE:
                _add_texts(processing, name, chain, model, folders, context)
                continue
            client, target = client_spec(name, chain), model_input(name, chain, model)
            processing.add_input(client, target, named_ops(chain.ops), folders=places)
    for name, ops in config.postprocess.items():
        with naming(f"postprocess.{name}"):
            processing.add_output(name, named_ops(ops), folders=places)
    for name, labels in config.labels.items():
        with naming(f"labels.{name}"):
            processing.add_labels(name, labels, folders=places)
    for told in on_device:
        processing.tell_engine_ops(told.client, told.tensor, told.ops, before_model=told.before_model)
    return processing


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Whatever is wrong becomes a ModelLoadError with the key of model.yaml in front."""
    try:
        yield
    except (_core.StatusError, PyserverError) as error:
        raise ModelLoadError(f"model.yaml: {key}: {error.message}") from None


def _add_texts(
    processing: _core.Processing,
    name: str,
    chain: InputProcessing,
    model: _core.ModelSignature,
    folders: Sequence[Path],
    context: LoadContext,
) -> None:
    if len(chain.ops) > 1 or chain.input or chain.datatype or chain.shape:
        raise ModelLoadError(
            "tokenize makes all inputs of the model that take tokens: nothing else can be said beside it"
        )
    options = parse_options(TokenizeOptions, chain.ops[0].options, "tokenize: ")
    targets = model_inputs(options, [spec.name for spec in model.inputs])
    # A text for each instance at the same time.
    tokenizer = load_tokenizer(
        find_tokenizer(options, folders), options, threads=context.threads, cache_folder=context.cache_folder
    )
    processing.add_texts(name, tokenizer, **targets)


def _first_op(chain: InputProcessing) -> str:
    """Empty where all ops are the engine's."""
    return chain.ops[0].name if chain.ops else ""


def client_spec(name: str, chain: InputProcessing) -> _core.TensorSpec:
    """What the client sends. Where the first op decodes it, model.yaml need not say."""
    decodes = _first_op(chain) == _DECODER
    datatype = chain.datatype or ("BYTES" if decodes else None)
    shape = chain.shape if chain.shape is not None else ([] if decodes else None)
    if datatype is None or shape is None:
        raise ModelLoadError(
            f"its first op is {_first_op(chain)}: expected the datatype and shape of what clients send"
        )
    return _core.TensorSpec(name, datatype, shape)


def model_input(name: str, chain: InputProcessing, model: _core.ModelSignature) -> str:
    """The input that the chain makes."""
    if chain.input is not None:
        return chain.input
    names = [spec.name for spec in model.inputs]
    if name in names or len(names) > 1:
        return name
    return names[0]


def named_ops(ops: Sequence[OpConfig]) -> list[tuple[str, dict[str, _core.OpOption]]]:
    """The core's form of ops."""
    return [(op.name, op.options) for op in ops]
