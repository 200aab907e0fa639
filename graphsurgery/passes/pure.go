package passes

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/eval"
)

// purity remembers which functions are pure, for one run of a pass: calls may be
// nested so that their number is exponential in the number of functions.
type purity map[*gs.Function]bool

// pure reports whether a node computes the same outputs from the same inputs each
// time. Operators of unknown domains are taken not to.
func (p purity) pure(n *gs.Node) bool {
	if f := n.Function(); f != nil {
		known, ok := p[f]
		if !ok {
			p[f] = false // while it is open: recursion, which is not valid, is not pure
			known = p.graph(f.Body())
			p[f] = known
		}
		return known
	}
	switch n.Domain() {
	case "", "ai.onnx.ml":
	default:
		return false
	}
	switch n.Op() {
	case "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli":
		return false
	case "Dropout":
		return !trains(n)
	case "BatchNormalization":
		return n.Int("training_mode", 0) == 0
	}
	for _, body := range n.Subgraphs() {
		if !p.graph(body) {
			return false
		}
	}
	return true
}

func (p purity) graph(g *gs.Graph) bool {
	for _, n := range g.Nodes() {
		if !p.pure(n) {
			return false
		}
	}
	return true
}

// trains reports whether a Dropout may drop elements: before opset 7 unless
// attribute is_test is set, from opset 12 on if an input says so.
func trains(n *gs.Node) bool {
	if opset, _ := n.Graph().Opset(""); opset < 7 {
		return n.Int("is_test", 0) == 0
	}
	return n.Input(2) != nil
}

// constantOf gives the tensor of a value that is known when the model is loaded:
// an initialiser that no caller can override, or the output of a Constant node in
// any of its forms. (Package pattern looks further: to it a weight that a caller
// can override is a weight.)
func constantOf(v *gs.Value) *gs.Tensor {
	switch {
	case v == nil:
		return nil
	case v.IsConstant():
		return v.Initializer()
	}
	n := v.Producer()
	if n == nil || !isConstant(n) || refersToCall(n) {
		return nil
	}
	if t := n.Tensor("value"); t != nil {
		return t
	}
	out, err := eval.Node(n, nil, eval.Limits{}) // value_ints and such
	if err != nil {
		return nil
	}
	return out[0]
}
