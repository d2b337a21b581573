"""Reads the convolutions of a TensorFlow Lite file, with dense or sparse float16 weights."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tflite
from flatbuffers.table import Table
from numpy.typing import NDArray

_CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}

_TYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16}

_NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Convolution:
    """One convolution in torch's layout.

    Attributes:
        weight: (out, in / groups, height, width).
        bias: (out,).
        depthwise: whether every channel is convolved for itself.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    depthwise: bool


def read_convolutions(path: Path) -> list[Convolution]:
    """All convolutions of a file in the order in which it runs them."""
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    constants: dict[int, NDArray[np.float32]] = {}
    convolutions = []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        name = _NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [int(index) for index in operator.InputsAsNumpy()]
        if name in ("DEQUANTIZE", "DENSIFY"):  # float16 or sparse weights on their way to a convolution
            known = constants.get(inputs[0])
            value = _constant(model, graph.Tensors(inputs[0])) if known is None else known
            constants[int(operator.Outputs(0))] = value
        elif name in _CONVOLUTIONS:
            weight, bias = (
                constants[index] if index in constants else _constant(model, graph.Tensors(index))
                for index in inputs[1:3]
            )
            depthwise = name == "DEPTHWISE_CONV_2D"
            # TensorFlow: (out, height, width, in), depthwise (1, height, width, channels).
            weight = weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2)
            convolutions.append(Convolution(np.ascontiguousarray(weight), bias, depthwise))
    return convolutions


def _constant(model: tflite.Model, tensor: tflite.Tensor) -> NDArray[np.float32]:
    shape = [int(size) for size in tensor.ShapeAsNumpy()]
    data = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
    values = np.frombuffer(data, _TYPES[tensor.Type()]).astype(np.float32)
    sparsity = tensor.Sparsity()
    return values.reshape(shape) if sparsity is None else _dense(values, shape, sparsity)


def _dense(
    values: NDArray[np.float32], shape: list[int], sparsity: tflite.SparsityParameters
) -> NDArray[np.float32]:
    """Values where the file has them, zero elsewhere; the last dimension is stored in compressed rows."""
    formats = [sparsity.DimMetadata(axis).Format() for axis in range(sparsity.DimMetadataLength())]
    compressed = tflite.DimensionType.SPARSE_CSR
    if formats != [tflite.DimensionType.DENSE] * (len(shape) - 1) + [compressed] or sparsity.BlockMapLength():
        raise ValueError(f"a sparse tensor of shape {shape} has another layout than rows: {formats}")
    last = sparsity.DimMetadata(len(shape) - 1)
    starts = _integers(last.ArraySegments(), last.ArraySegmentsType())
    columns = _integers(last.ArrayIndices(), last.ArrayIndicesType())
    dense = np.zeros((int(np.prod(shape[:-1])), shape[-1]), np.float32)
    rows = np.repeat(np.arange(len(dense)), np.diff(starts))
    dense[rows, columns] = values[: len(columns)]  # the buffer is filled up to a multiple of its alignment
    return dense.reshape(shape)


def _integers(table: Table, kind: int) -> NDArray[np.int64]:
    vectors = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }
    vector = vectors[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)
