"""Model files of PyTorch → what they take and give, and a function over tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyserver.config.schema import ModelConfig, TensorConfig
from pyserver.engines.ports import FREE, Port
from pyserver.engines.torch_files import check_exported, check_torchscript
from pyserver.errors import ModelLoadError

_DTYPES = {
    "BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64",
    "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64",
    "FP16": "float16", "BF16": "bfloat16", "FP32": "float32", "FP64": "float64",
}  # fmt: skip


@dataclass(frozen=True)
class TorchProgram:
    """A model that was read."""

    inputs: list[Port]
    outputs: list[Port]
    forward: Callable[[Sequence[Any]], list[Any]]  # a tensor for each input → one for each output
    writes: bool  # some op in it writes to a tensor, perhaps to an input


def _as_it_is(module: Any) -> Any:
    return module


def read_program(
    torch: Any, file: Path, config: ModelConfig, device: str, prepare: Callable[[Any], Any] = _as_it_is
) -> TorchProgram:
    """The model in `file`, on `device`. `prepare` makes of its module what is executed. Raises ModelLoadError."""
    try:
        read = _exported if file.suffix == ".pt2" else _torchscript
        program = read(torch, file, config, device, prepare)
        return replace(program, forward=_checked(torch, program))
    except ModelLoadError:
        raise
    except Exception as error:  # PyTorch raises whatever it meets
        raise ModelLoadError(f"{file}: PyTorch {torch.__version__} cannot read it: {error}") from None


def _checked(torch: Any, program: TorchProgram) -> Callable[[Sequence[Any]], list[Any]]:
    """forward(), whose outputs are as many as the program has, and tensors. It raises RuntimeError otherwise."""
    names = [port.name for port in program.outputs]

    def forward(tensors: Sequence[Any]) -> list[Any]:
        made = program.forward(tensors)
        if len(made) != len(names):
            raise RuntimeError(f"the model gives {len(made)} outputs, expected {len(names)}: {', '.join(names)}")
        for name, value in zip(names, made, strict=True):
            if not isinstance(value, torch.Tensor):
                raise RuntimeError(f"output {name!r}: expected a tensor, got {type(value).__name__}")
        return made

    return forward


def torch_dtype(torch: Any, datatype: str) -> Any:
    """Raises ModelLoadError."""
    if datatype not in _DTYPES:
        raise ModelLoadError(f"PyTorch has no tensors of {datatype}; known are {', '.join(_DTYPES)}")
    return getattr(torch, _DTYPES[datatype])


def _torchscript(
    torch: Any, file: Path, config: ModelConfig, device: str, prepare: Callable[[Any], Any]
) -> TorchProgram:
    check_torchscript(file)
    if not config.inputs or not config.outputs:
        raise ModelLoadError(
            f"{file}: TorchScript does not say what a model takes and gives: model.yaml must list its inputs and "
            "outputs (or export the model with torch.export, which does)"
        )
    module = prepare(torch.jit.load(str(file), map_location=device).eval())
    for tensor in [*config.inputs, *config.outputs]:
        torch_dtype(torch, tensor.datatype)
    names = _arguments(file, module.forward.schema, [tensor.name for tensor in config.inputs])
    outputs = [tensor.name for tensor in config.outputs]

    def forward(tensors: Sequence[Any]) -> list[Any]:
        made = module(**dict(zip(names, tensors, strict=True)))
        if isinstance(made, dict):
            if missing := [name for name in outputs if name not in made]:
                raise RuntimeError(f"the model gives no output {missing[0]!r}; it gives {', '.join(map(repr, made))}")
            return [made[name] for name in outputs]
        return list(made) if isinstance(made, (tuple, list)) else [made]

    writes = any("!" in node.schema() for node in _nodes(module.inlined_graph))
    return TorchProgram(_unknown(config.inputs), _unknown(config.outputs), forward, writes)


def _unknown(tensors: Sequence[TensorConfig]) -> list[Port]:
    """Ports of which only model.yaml knows the shape."""
    return [Port(tensor.name, tensor.datatype, None) for tensor in tensors]


def _arguments(file: Path, schema: Any, names: list[str]) -> list[str]:
    """Checks that forward() can be called with tensors of these names."""
    arguments = [argument for argument in schema.arguments if argument.name != "self"]
    known = {argument.name: str(argument.type) for argument in arguments}
    shown = ", ".join(f"{name!r} ({kind})" for name, kind in known.items())
    for name in names:
        if known.get(name) not in ("Tensor", "Optional[Tensor]"):
            raise ModelLoadError(f"{file}: forward() takes no tensor {name!r}; it takes {shown}")
    for argument in arguments:
        if argument.name not in names and not argument.has_default_value():
            raise ModelLoadError(f"{file}: forward() needs {argument.name!r}, which model.yaml's inputs do not have")
    return names


def _nodes(block: Any) -> Iterator[Any]:
    """Those of inner blocks, too."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _exported(torch: Any, file: Path, config: ModelConfig, device: str, prepare: Callable[[Any], Any]) -> TorchProgram:
    check_exported(torch, file)
    from torch.export.passes import move_to_device_pass
    from torch.utils import _pytree as pytree

    program = move_to_device_pass(torch.export.load(str(file)), device)
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    # An argument that was no tensor when the model was exported is a part of the program: it is handed back as it was.
    leaves: list[Any] = []
    inputs: list[Port] = []
    for spec in program.graph_signature.input_specs:
        if spec.kind.name != "USER_INPUT":
            continue
        if hasattr(spec.arg, "value"):
            leaves.append(spec.arg.value)
            continue
        leaves.append(_TENSOR)
        inputs.append(_port(torch, file, spec.arg.name, values[spec.arg.name], program.range_constraints))
    made = [spec.arg.name for spec in program.graph_signature.output_specs if spec.kind.name == "USER_OUTPUT"]
    names = _output_names(program.call_spec.out_spec, len(made), config)
    outputs = [_port(torch, file, name, values.get(node), {}) for name, node in zip(names, made, strict=True)]
    module, in_spec = prepare(program.module()), program.call_spec.in_spec

    def forward(tensors: Sequence[Any]) -> list[Any]:
        rest = iter(tensors)
        filled = [next(rest) if leaf is _TENSOR else leaf for leaf in leaves]
        args, kwargs = pytree.tree_unflatten(filled, in_spec)
        flat: list[Any] = pytree.tree_leaves(module(*args, **kwargs))
        return flat

    return TorchProgram(inputs, outputs, forward, any(_writes(node) for node in program.graph.nodes))


_TENSOR = object()


def _port(torch: Any, file: Path, name: str, value: Any, ranges: Any) -> Port:
    if not isinstance(value, torch.Tensor):
        raise ModelLoadError(f"{file}: {name!r} is {type(value).__name__}: inputs and outputs must be tensors")
    datatype = next((known for known, dtype in _DTYPES.items() if value.dtype == getattr(torch, dtype)), None)
    if datatype is None:
        raise ModelLoadError(f"{file}: {name!r} has elements of {value.dtype}, which requests cannot carry")
    shape = tuple(size if isinstance(size, int) else FREE for size in value.shape)
    free_rows = bool(shape) and shape[0] == FREE
    return Port(name, datatype, shape, _most_rows(value.shape[0], ranges) if free_rows and ranges else None)


def _most_rows(rows: Any, ranges: Any) -> int:
    """What an input's first dimension admits; 0 where one row is not among it, as where it must be even."""
    admitted = ranges.get(rows.node.expr)
    if admitted is None or admitted.lower > 1 or admitted.upper < 1:
        return 0
    upper = admitted.upper
    return int(upper) if upper.is_finite and upper < 2**31 else 2**31 - 1


def _output_names(out_spec: Any, count: int, config: ModelConfig) -> list[str]:
    """The keys of a dict, or else the names in model.yaml by their order, or else OUTPUT0 and so on."""
    if out_spec.type is dict and len(out_spec.context) == count:
        return [str(key) for key in out_spec.context]
    if len(config.outputs) == count:
        return [tensor.name for tensor in config.outputs]
    return [f"OUTPUT{index}" for index in range(count)]


def _writes(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and bool(schema.is_mutable)
