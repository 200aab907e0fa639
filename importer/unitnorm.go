package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// normUnit makes a unit of a LayerNorm or RMS norm spelt in nodes, nil if a value inside is
// read elsewhere. It is lowered as the operator is.
func normUnit(a recognize.Norm, place map[*graphsurgery.Node]int) *unit {
	if a.In == nil || a.Epsilon == 0 {
		return nil
	}
	s := speltNorm{a}
	return closedUnit("norm", a.Nodes, a.Out, place, s.lower)
}

// speltNorm is a norm in nodes.
type speltNorm struct{ recognize.Norm }

// lower computes the norm over the last axis, or declines if types or shapes turn out
// otherwise.
func (s speltNorm) lower(t *tracer) *wire {
	x := t.wireOf(s.In)
	rank := len(x.dims)
	if x.host != nil || rank < 2 || product(x.dims) == 0 || !isFloat(x.dtype) || !s.keepsType(x.dtype) {
		return nil
	}
	var affine []*graph.Node
	for _, v := range []*graphsurgery.Value{s.Gain, s.Bias} {
		if v == nil {
			affine = append(affine, nil)
			continue
		}
		w := t.wireOf(v)
		width := product(w.dims)
		if len(w.dims) > rank || width != 1 && (width != x.dims[rank-1] || w.dims[len(w.dims)-1] != width) || w.dtype != x.dtype {
			return nil
		}
		affine = append(affine, graph.Reshape(t.anyOf(w), 1, width))
	}
	f := centredStatistics
	if s.RMS {
		f = uncentredStatistics
	}
	y, _ := f(stashed(t.flatOf(x)), s.Epsilon)
	y = graph.ConvertDType(y, t.flatOf(x).DType())
	if affine[0] != nil {
		y = graph.Mul(y, affine[0])
	}
	if affine[1] != nil {
		y = graph.Add(y, affine[1])
	}
	if rank == 2 {
		return t.wire(y)
	}
	return t.flatWire(y, x.dims)
}

// keepsType tells whether all casts inside are to the type of the input.
func (s speltNorm) keepsType(d graphsurgery.DType) bool {
	return !slices.ContainsFunc(s.Nodes, func(n *graphsurgery.Node) bool { return n.Op() == "Cast" && castTarget(n) != d })
}
