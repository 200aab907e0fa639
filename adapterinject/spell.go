package adapterinject

import (
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// GELU is the form of GELU that goes with a block: by tanh if its MLP's is.
func (b Block) GELU() string {
	if b.Activation == ActivationGELUTanh {
		return ActivationGELUTanh
	}
	return ActivationGELU
}

// Activation adds an activation function: [ActivationGELU], [ActivationGELUTanh],
// [ActivationReLU] or [ActivationSiLU].
func (s *Splicer) Activation(name string, x gs.Wire, activation string) gs.Wire {
	switch activation {
	case ActivationReLU:
		return s.Op(name, "Relu", x)
	case ActivationSiLU:
		return s.Op(name, "Mul", x, s.Op(name+"_sigmoid", "Sigmoid", x))
	}
	return s.gelu(name, x, activation == ActivationGELUTanh)
}

// gelu adds x·Φ(x), exact or by tanh: as Gelu from opset 20 on, before spelled
// out.
func (s *Splicer) gelu(name string, x gs.Wire, tanh bool) gs.Wire {
	if s.opset >= 20 {
		approximate := "none"
		if tanh {
			approximate = "tanh"
		}
		return s.Op(name, "Gelu", x, gs.Attrs{"approximate": approximate})
	}
	if tanh {
		return s.spelledTanhGELU(name, x)
	}
	// ½·x·(1 + erf(x/√2))
	h := s.Op(name+"_div", "Div", x, s.Number(name+"_sqrt2", math.Sqrt2))
	h = s.Op(name+"_erf", "Erf", h)
	h = s.Op(name+"_add", "Add", h, s.Number(name+"_one", 1))
	h = s.Op(name+"_mul", "Mul", x, h)
	return s.Op(name+"_halve", "Mul", h, s.Number(name+"_half", 0.5))
}

// spelledTanhGELU adds ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
func (s *Splicer) spelledTanhGELU(name string, x gs.Wire) gs.Wire {
	h := s.Op(name+"_square", "Mul", x, x)
	h = s.Op(name+"_cube", "Mul", h, x)
	h = s.Op(name+"_cubic", "Mul", h, s.Number(name+"_c3", 0.044715))
	h = s.Op(name+"_poly", "Add", x, h)
	h = s.Op(name+"_inner", "Mul", h, s.Number(name+"_c1", math.Sqrt(2/math.Pi)))
	h = s.Op(name+"_tanh", "Tanh", h)
	h = s.Op(name+"_add", "Add", h, s.Number(name+"_one", 1))
	h = s.Op(name+"_mul", "Mul", x, h)
	return s.Op(name+"_halve", "Mul", h, s.Number(name+"_half", 0.5))
}

// LayerNorm adds LayerNormalization over the last axis from opset 17 on, before
// its spelling with ReduceMean, whose axes are an attribute there.
func (s *Splicer) LayerNorm(name string, x, gain, offset gs.Wire, epsilon float64) gs.Wire {
	if s.opset >= 17 {
		return s.Op(name, "LayerNormalization", x, gain, offset, gs.Attrs{"axis": -1, "epsilon": float32(epsilon)})
	}
	last := gs.Attrs{"axes": []int{-1}, "keepdims": 1}
	mean := s.Op(name+"_mean", "ReduceMean", x, last)
	d := s.Op(name+"_centre", "Sub", x, mean)
	square := s.Op(name+"_square", "Mul", d, d)
	variance := s.Op(name+"_variance", "ReduceMean", square, last)
	variance = s.Op(name+"_guard", "Add", variance, s.Number(name+"_epsilon", epsilon))
	deviation := s.Op(name+"_sqrt", "Sqrt", variance)
	h := s.Op(name+"_div", "Div", d, deviation)
	h = s.Op(name+"_gain", "Mul", h, gain)
	return s.Op(name+"_offset", "Add", h, offset)
}
