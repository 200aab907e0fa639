"""Writes infer_shapes.onnx: shape arithmetic, control flow and a local function in one
small model, as a seed of FuzzInfer and for the tests of inference.

    python gen_infer_shapes.py infer_shapes.onnx

Needs onnx 1.22.0.
"""

import sys

import onnx

TEXT = """
<ir_version: 9, opset_import: ["" : 18, "local" : 1]>
shapes (float[batch, time, 8] x, float[8, 6] w, int64 trips) => (float[a, b] y, float[c, d] z, float[e] s, int64[f] nz)
<int64[1] two = {2}, int64[1] three = {3}, int64[1] minus = {-1}, int64 one = {1}, int64[1] zero = {0}, int64[1] last = {9223372036854775807}>
{
  shape = Shape(x)
  n = Gather<axis = 0>(shape, one)
  n1 = Unsqueeze(n, zero)
  half = Div(n1, two)
  padded = Mul(half, three)
  target = Concat<axis = 0>(padded, minus)
  flat = Reshape(x, minus)
  mm = MatMul(x, w)
  act = local.scaled<factor = 2.0>(mm)
  tail = Slice(act, zero, last, two, two)
  joined = Concat<axis = 2>(tail, tail)
  y = Flatten<axis = 2>(joined)
  small = Size(w)
  limit = Less(small, n)
  z = If(limit) <
    then_branch = then_g () => (float[p, q] t) { t = Identity(y) },
    else_branch = else_g () => (float[p, q] e) { e = Relu(y) }
  >
  yes = Constant<value = bool {1}>()
  first = Constant<value = float {0.0}>()
  final, s = Loop(trips, yes, first) <
    body = body_g (int64 i, bool go, float acc) => (bool on, float next, float part) {
      on = Identity(go)
      f = Cast<to = 1>(i)
      next = Add(acc, f)
      part = Identity(next)
    }
  >
  nz2 = NonZero(flat)
  nz = Squeeze(nz2, zero)
}
<domain: "local", opset_import: ["" : 18]>
scaled <factor> (v) => (r)
{
  k = Constant<value_float: float = @factor>()
  r = Mul(v, k)
}
"""

model = onnx.parser.parse_model(TEXT)
onnx.save(model, sys.argv[1])
