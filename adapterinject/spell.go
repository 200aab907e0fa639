package adapterinject

import (
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// gelu adds x·Φ(x), exact or by tanh: as Gelu from opset 20 on, before spelled
// out.
func (s *splicer) gelu(name string, x gs.Wire, tanh bool, typ []gs.Operand) gs.Wire {
	if s.opset >= 20 {
		approximate := "none"
		if tanh {
			approximate = "tanh"
		}
		return s.add(name, "Gelu", typ, x, gs.Attrs{"approximate": approximate})
	}
	if tanh {
		return s.spelledTanhGELU(name, x, typ)
	}
	// ½·x·(1 + erf(x/√2))
	h := s.add(name+"_div", "Div", typ, x, s.constant(name+"_sqrt2", math.Sqrt2))
	h = s.add(name+"_erf", "Erf", typ, h)
	h = s.add(name+"_add", "Add", typ, h, s.constant(name+"_one", 1))
	h = s.add(name+"_mul", "Mul", typ, x, h)
	return s.add(name+"_halve", "Mul", typ, h, s.constant(name+"_half", 0.5))
}

// spelledTanhGELU adds ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
func (s *splicer) spelledTanhGELU(name string, x gs.Wire, typ []gs.Operand) gs.Wire {
	h := s.add(name+"_square", "Mul", typ, x, x)
	h = s.add(name+"_cube", "Mul", typ, h, x)
	h = s.add(name+"_cubic", "Mul", typ, h, s.constant(name+"_c3", 0.044715))
	h = s.add(name+"_poly", "Add", typ, x, h)
	h = s.add(name+"_inner", "Mul", typ, h, s.constant(name+"_c1", math.Sqrt(2/math.Pi)))
	h = s.add(name+"_tanh", "Tanh", typ, h)
	h = s.add(name+"_add", "Add", typ, h, s.constant(name+"_one", 1))
	h = s.add(name+"_mul", "Mul", typ, x, h)
	return s.add(name+"_halve", "Mul", typ, h, s.constant(name+"_half", 0.5))
}

// headEpsilon is PyTorch's default for LayerNorm, which the method's head uses.
const headEpsilon = 1e-5

// layerNorm adds LayerNormalization from opset 17 on, before its spelling with
// ReduceMean, whose axes are an attribute there.
func (s *splicer) layerNorm(name string, x, gain, offset gs.Wire, typ []gs.Operand) gs.Wire {
	if s.opset >= 17 {
		return s.add(name, "LayerNormalization", typ, x, gain, offset, gs.Attrs{"axis": -1, "epsilon": float32(headEpsilon)})
	}
	last := gs.Attrs{"axes": []int{-1}, "keepdims": 1}
	mean := s.add(name+"_mean", "ReduceMean", nil, x, last)
	d := s.add(name+"_centre", "Sub", typ, x, mean)
	square := s.add(name+"_square", "Mul", typ, d, d)
	variance := s.add(name+"_variance", "ReduceMean", nil, square, last)
	variance = s.add(name+"_guard", "Add", nil, variance, s.constant(name+"_epsilon", headEpsilon))
	deviation := s.add(name+"_sqrt", "Sqrt", nil, variance)
	h := s.add(name+"_div", "Div", typ, d, deviation)
	h = s.add(name+"_gain", "Mul", typ, h, gain)
	return s.add(name+"_offset", "Add", typ, h, offset)
}
