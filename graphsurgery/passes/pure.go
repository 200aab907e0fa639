package passes

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// pure reports whether a node computes the same outputs from the same inputs each
// time. Operators of unknown domains are taken not to.
func pure(n *gs.Node) bool { return pureWithin(n, map[*gs.Function]bool{}) }

func pureWithin(n *gs.Node, open map[*gs.Function]bool) bool {
	if f := n.Function(); f != nil {
		if open[f] {
			return false // recursion, which is not valid
		}
		open[f] = true
		defer delete(open, f)
		return pureGraph(f.Body(), open)
	}
	switch n.Domain() {
	case "", "ai.onnx.ml":
	default:
		return false
	}
	switch n.Op() {
	case "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli":
		return false
	case "Dropout": // random when training: an input from opset 12 on
		return n.Input(2) == nil && n.Int("is_test", 1) != 0
	case "BatchNormalization":
		return n.Int("training_mode", 0) == 0
	}
	for _, body := range n.Subgraphs() {
		if !pureGraph(body, open) {
			return false
		}
	}
	return true
}

func pureGraph(g *gs.Graph, open map[*gs.Function]bool) bool {
	for _, n := range g.Nodes() {
		if !pureWithin(n, open) {
			return false
		}
	}
	return true
}

// constantOf gives the tensor of a value that is known when the model is loaded:
// an initialiser that no caller can override, or the output of a Constant node.
func constantOf(v *gs.Value) *gs.Tensor {
	switch {
	case v == nil:
		return nil
	case v.IsConstant():
		return v.Initializer()
	}
	if n := v.Producer(); n != nil && n.Op() == "Constant" && n.Domain() == "" && n.AttrRef("value") == "" {
		return n.Tensor("value")
	}
	return nil
}
