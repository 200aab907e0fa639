"""What other tools make of an export: optimised, quantised, half precision."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort

from spec import Net


@dataclasses.dataclass(frozen=True)
class Transform:
    """A transformed variant. limit is the greatest relative Euclidean distance
    at which a value still counts as a role's, None for exact ones."""

    base: str
    make: Callable[[pathlib.Path, pathlib.Path, Net], None]
    limit: float | None = None
    exact_class: bool = False  # float precision changed only: counts as a float export


def ort_level(level):
    def make(base, out, net):
        so = ort.SessionOptions()
        so.graph_optimization_level = level
        so.optimized_model_filepath = str(out)
        so.log_severity_level = 4
        so.intra_op_num_threads = 1
        ort.InferenceSession(str(base), so, providers=["CPUExecutionProvider"])

    return make


def int8(base, out, net):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(base), str(out), weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def fp16(base, out, net):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(str(base)), keep_io_types=True), str(out))


def ort_python(base, out, net):
    from onnxruntime.transformers import optimizer

    heads, width = net.layers[0].heads, net.layers[0].width
    m = optimizer.optimize_model(str(base), net.optimizer, num_heads=heads, hidden_size=width, opt_level=0)
    m.save_model_to_file(str(out))


def script(base, out, net):
    import onnxscript.optimizer

    onnx.save(onnxscript.optimizer.optimize(onnx.load(str(base))), str(out))


def qdq(base, out, net):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Once(CalibrationDataReader):
        def __init__(self):
            self.feeds = iter([{n: np.asarray(t) for n, t in net.inputs.items()}])

        def get_next(self):
            return next(self.feeds, None)

    quantize_static(str(base), str(out), Once(), quant_format=QuantFormat.QDQ, per_channel=False)


BASIC = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
EXTENDED = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED

TRANSFORMS = {
    "ort1": Transform("ts17", ort_level(BASIC)),
    "ort2": Transform("ts17", ort_level(EXTENDED)),
    "ort1-dynamo": Transform("dynamo", ort_level(BASIC)),
    "ort2-dynamo": Transform("dynamo", ort_level(EXTENDED)),
    "ort2-static": Transform("ts17-static", ort_level(EXTENDED)),
    "ort2-ts14": Transform("ts14", ort_level(EXTENDED)),
    "int8": Transform("ts17", int8, limit=0.25),
    "int8-dynamo": Transform("dynamo", int8, limit=0.25),
    "fp16": Transform("ts17", fp16, limit=2e-2, exact_class=True),
    "fp16-dynamo": Transform("dynamo", fp16, limit=2e-2, exact_class=True),
    "ortopt": Transform("ts17", ort_python),
    "script": Transform("ts17", script),
    "qdq": Transform("ts17", qdq, limit=0.35),
}
