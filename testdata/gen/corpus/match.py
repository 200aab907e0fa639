"""Finds the ONNX values whose numbers are those of PyTorch's tensors."""

import numpy as np
import onnx
import onnxruntime as ort

FLOATS = (np.float32, np.float16, np.float64)


def all_values(path, inputs: dict) -> dict[str, np.ndarray]:
    """Every floating-point value of the main graph, computed by onnxruntime
    without optimisation."""
    proto = onnx.load(str(path))
    have = {o.name for o in proto.graph.output}
    for node in proto.graph.node:
        for name in node.output:
            if name and name not in have:
                proto.graph.output.append(onnx.ValueInfoProto(name=name))
                have.add(name)
    so = ort.SessionOptions()
    so.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    so.intra_op_num_threads = 1
    so.log_severity_level = 4
    sess = ort.InferenceSession(proto.SerializeToString(), so, providers=["CPUExecutionProvider"])
    feed = {}
    for i in sess.get_inputs():
        x = inputs[i.name].numpy()
        feed[i.name] = x.astype(np.float16) if i.type == "tensor(float16)" else x
    names = [o.name for o in sess.get_outputs()]
    got = sess.run(names, feed)
    return {n: v for n, v in zip(names, got) if isinstance(v, np.ndarray) and v.dtype in FLOATS}


def error(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference relative to the largest number of b."""
    d = np.abs(a.astype(np.float64) - b)
    return float(d.max() / max(1e-6, np.abs(b).max())) if np.isfinite(d).all() else np.inf


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Relative Euclidean distance."""
    d = np.linalg.norm(a.astype(np.float64) - b) / max(1e-12, np.linalg.norm(b))
    return float(d) if np.isfinite(d) else np.inf


class Matcher:
    """Values by size, so that a tensor is compared with its equals only."""

    def __init__(self, values: dict[str, np.ndarray]):
        self.by_size, self.names = {}, set(values)
        for name, v in values.items():
            self.by_size.setdefault(v.size, []).append((name, v.reshape(-1)))

    def equal(self, want: np.ndarray, tol: float) -> list[str]:
        """Names of values with these numbers in this order, whatever the shape."""
        w = want.reshape(-1).astype(np.float64)
        return [n for n, v in self.by_size.get(w.size, []) if error(v, w) <= tol]

    def nearest(self, want: np.ndarray, limit: float, prior: list[str]) -> list[str]:
        """For an inexact file: the nearest value and its copies (quantised and back
        is a copy), together with the values of that float model's names that
        still exist and are near."""
        w = want.reshape(-1).astype(np.float64)
        near = sorted((distance(v, w), n) for n, v in self.by_size.get(w.size, []))
        if not near or near[0][0] > limit:
            return []
        have = dict(self.by_size[w.size])
        best = have[near[0][1]].astype(np.float64)
        copies = {n for n, v in have.items() if distance(v, best) <= limit / 10}
        known = {n for d, n in near if n in prior and d <= limit}
        return sorted(copies | known)


def match_layer(m: Matcher, seen: dict, tol: float, limit: float | None, prior: dict | None):
    """Names for each role of a layer, and a reason for each role without."""
    names, why = {}, {}
    for role, s in seen.items():
        found = find(m, s.value.numpy(), tol, limit, (prior or {}).get(role, []))
        if not found and s.bare is not None:
            found = find(m, s.bare.numpy(), tol, limit, (prior or {}).get(role, []))
            if found:
                why[role] = "the bias is added inside a fused operator: the product before it counts"
        if not found and limit is not None:
            # A graph output keeps its name behind the quantisation; what it was made of got a new one.
            kept = [n + end for n in (prior or {}).get(role, []) for end in ("", "_QuantizeLinear_Input")]
            found = sorted(n for n in kept if n in m.names)
            if found:
                why[role] = "quantisation spoilt the numbers: the values of the float model's names count"
        if not found:
            why[role] = "no value of the file has these numbers"
        names[role] = found
    return names, why


def find(m: Matcher, want, tol, limit, prior) -> list[str]:
    if limit is None:
        return sorted(m.equal(want, tol))
    return m.nearest(want, limit, prior)
