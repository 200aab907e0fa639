"""Writes mlp.onnx: a small model as injection leaves it, for tests of training.

    python finetune/testdata/gen_mlp.py

features [batch, 4, 3] → frozen layer of 16 → adapter with a skip, started at
zero → head of 3 labels. Everything under aat/ is to be trained.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main() -> None:
    rng = np.random.default_rng(3)
    normal = lambda *shape, std: (std * rng.standard_normal(shape)).astype(np.float32)
    tensors = {
        "base/w": normal(12, 16, std=0.3),
        "base/b": normal(16, std=0.1),
        "aat/block0/mlp/down_weight": normal(16, 4, std=0.2),
        "aat/block0/mlp/down_bias": np.zeros(4, np.float32),
        "aat/block0/mlp/up_weight": np.zeros((4, 16), np.float32),
        "aat/block0/mlp/up_bias": np.zeros(16, np.float32),
        "aat/head/dense_weight": normal(16, 3, std=0.05),
        "aat/head/dense_bias": np.zeros(3, np.float32),
    }
    nodes = []

    def op(kind, *inputs, **attrs):
        out = f"{kind.lower()}{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [out], name=out, **attrs))
        return out

    h = op("Flatten", "features", axis=1)
    h = op("Tanh", op("Add", op("MatMul", h, "base/w"), "base/b"))
    d = op("Tanh", op("Add", op("MatMul", h, "aat/block0/mlp/down_weight"), "aat/block0/mlp/down_bias"))
    u = op("Add", op("MatMul", d, "aat/block0/mlp/up_weight"), "aat/block0/mlp/up_bias")
    y = op("MatMul", op("Add", h, u), "aat/head/dense_weight")
    nodes.append(helper.make_node("Add", [y, "aat/head/dense_bias"], ["logits"], name="logits"))
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 4, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(v, k) for k, v in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="gen_mlp.py")
    helper.set_model_props(model, {"aat.version": "1", "aat.labels": json.dumps(["low", "middle", "high"])})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, pathlib.Path(__file__).with_name("mlp.onnx"))


if __name__ == "__main__":
    main()
