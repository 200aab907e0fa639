package recognize

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Activation is an activation function, as one operator or spelled out.
type Activation struct {
	In, Out  *gs.Value
	Function string // "gelu" or "gelu_tanh", see package pattern
	Nodes    []*gs.Node
}

// GELUs finds the GELUs of a graph, exact (arXiv 1606.08415) and by tanh, in
// whatever spelling. ONNX Runtime's fused operators count if they have no bias.
func GELUs(v *pattern.View) []Activation {
	cone := pattern.Cone(pattern.Data("x"), pattern.GELU(), pattern.GELUTanh())
	p := pattern.New("GELU", cone)
	var out []Activation
	for _, n := range v.Graph().Nodes() {
		for _, end := range geluEnds(v, n) {
			if m, _ := p.At(v, end); m != nil {
				out = append(out, Activation{In: m.Value("x"), Out: end, Function: m.Function(cone), Nodes: m.Nodes()})
				break
			}
		}
	}
	return out
}

// geluEnds are the values that may be a GELU's result if n is its heart: those
// that follow an Erf or Tanh by up to four basic operations.
func geluEnds(v *pattern.View, n *gs.Node) []*gs.Value {
	if n.Output(0) == nil || v.Fixed(n.Output(0)) {
		return nil
	}
	switch pattern.OpName(n) {
	case "Gelu", "com.microsoft::Gelu", "com.microsoft::FastGelu":
		return []*gs.Value{n.Output(0)}
	case "Erf", "Tanh":
		const steps = 6 // casts included
		ends := []*gs.Value{}
		for x, i := n.Output(0), 0; i < steps; i++ {
			u, ok := v.SoleReader(x)
			if !ok || !pattern.Elementwise().Has(v, u.Node) || u.Node.Output(0) == nil {
				break
			}
			x = u.Node.Output(0)
			ends = append(ends, x)
		}
		return ends
	}
	return nil
}
