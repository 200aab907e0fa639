package importer

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// lowerPow is Pow-7 (types mixed since 12). A constant exponent is written out as
// products and roots: that is exact, and has a gradient for a negative base,
// where GoMLX's Pow would take a logarithm.
func lowerPow(c *call) []*wire {
	whole := !isFloat(c.in[0].dtype)
	if h := c.in[1].host; h != nil && h.len() == 1 && len(h.dims) <= c.rank(0) {
		if f := powBy(h.scalar()); f != nil && (!whole || h.scalar() >= 1) {
			return c.mapped(f)
		}
	}
	n, dims, flat := c.broadcast(c.in...)
	if whole {
		return c.same(powWhole(n[0], n[1]), dims, flat)
	}
	return c.same(powNode(n[0], graph.ConvertDType(n[1], n[0].DType())), dims, flat)
}

// powBy gives x^p for the exponents that models use, else nil.
func powBy(p float64) func(*graph.Node) *graph.Node {
	switch {
	case p == 0.5:
		return graph.Sqrt
	case p == -0.5:
		return func(x *graph.Node) *graph.Node { return graph.Reciprocal(graph.Sqrt(x)) }
	case p == -1:
		return graph.Reciprocal
	case p >= 1 && p <= 8 && p == math.Trunc(p):
		return func(x *graph.Node) *graph.Node {
			out := x
			for range int(p) - 1 {
				out = graph.Mul(out, x)
			}
			return out
		}
	}
	return nil
}

// powNode is Pow on floats of one type and of broadcastable shapes. GoMLX's
// gradient is not a number where that by the base is 0·∞ (exponent 0 of a base 0)
// and where that by the exponent is 0·log 0 (base 0): it is put to zero there, as
// in PyTorch.
func powNode(a, b *graph.Node) *graph.Node {
	zero := graph.ZerosLike(graph.Add(a, b)) // of the common shape
	base := graph.Add(graph.ZerosLike(zero), a)
	exponent := graph.Add(graph.ZerosLike(zero), b)
	base = graph.IdentityWithCustomGradient(base, func(_, v *graph.Node) *graph.Node {
		return graph.Where(graph.Equal(graph.StopGradient(exponent), zero), zero, v)
	})
	guarded := graph.IdentityWithCustomGradient(exponent, func(_, v *graph.Node) *graph.Node {
		return graph.Where(graph.Equal(graph.StopGradient(base), zero), zero, v)
	})
	return graph.Pow(base, guarded)
}

// powWhole is Pow-12 with an integer base. By an integer exponent it is exact; by
// a float the result is cut towards zero, after rounding away the error of the
// backend's power where it is near a whole number.
func powWhole(a, b *graph.Node) *graph.Node {
	if !b.DType().IsFloat() {
		return graph.Pow(a, graph.ConvertDType(b, a.DType()))
	}
	p := graph.Pow(graph.ConvertDType(a, dtypes.Float64), graph.ConvertDType(b, dtypes.Float64))
	whole := graph.Round(p)
	near := graph.LessThan(graph.Abs(graph.Sub(p, whole)), graph.MulScalar(graph.OnePlus(graph.Abs(p)), 1e-12))
	return graph.ConvertDType(graph.Where(near, whole, p), a.DType())
}
