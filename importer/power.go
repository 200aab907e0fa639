package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

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
