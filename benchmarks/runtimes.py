"""OpenVINO and ONNX Runtime as dense networks, where the extra `bench` is installed."""

import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from occlusion_toolkit.body.parameters import BodyParameters

BATCH = 16

Runtime = Callable[[Tensor], BodyParameters]


class _Tuples(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output = self.network(crops)
        return output.rotmats, output.betas, output.camera


def runtimes(network: nn.Module, *, bf16: bool) -> Mapping[str, Runtime]:
    """A network in every runtime that is installed, by name; batches of 16 crops, smaller ones are filled up.

    Args:
        network: in evaluation mode, batch norms folded.
        bf16: arithmetic in bfloat16; OpenVINO alone has it on CPUs.
    """
    found: dict[str, Runtime] = {}
    example = torch.zeros(BATCH, 3, 224, 224)
    if find_spec("openvino") is not None:
        found["OpenVINO"] = _filled(_openvino(_Tuples(network), example, bf16))
    if find_spec("onnxruntime") is not None and find_spec("onnx") is not None and not bf16:
        found["ONNX Runtime"] = _filled(_onnxruntime(_Tuples(network), example))
    return found


def _filled(run: Callable[[Tensor], list[Tensor]]) -> Runtime:
    def answer(crops: Tensor) -> BodyParameters:
        count = len(crops)
        whole = torch.cat([crops, crops[-1:].expand(BATCH - count, -1, -1, -1)]).contiguous()
        return BodyParameters(*(torch.as_tensor(values)[:count] for values in run(whole)))

    return answer


def _openvino(network: nn.Module, example: Tensor, bf16: bool) -> Callable[[Tensor], list[Tensor]]:
    import openvino  # type: ignore[import-not-found]

    model = openvino.convert_model(network, example_input=example, input=[tuple(example.shape)])
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "INFERENCE_NUM_THREADS": str(torch.get_num_threads()),
    }
    compiled = openvino.compile_model(model, "CPU", settings)

    def run(crops: Tensor) -> list[Tensor]:
        answers = compiled(crops.numpy())
        return [torch.from_numpy(answers[number].copy()) for number in range(3)]

    return run


def _onnxruntime(network: nn.Module, example: Tensor) -> Callable[[Tensor], list[Tensor]]:
    import onnxruntime  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network, (example,), str(path), dynamo=False, input_names=["crops"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda crops: [torch.from_numpy(values) for values in session.run(None, {"crops": crops.numpy()})]
