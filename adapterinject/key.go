package adapterinject

import (
	"crypto/sha256"
	"encoding/hex"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// keyOf says how a node's first result is computed, in terms of the base's values
// and of constants: two results with one key are equal. It is empty where something
// trained goes in that does not cancel out, as zeros that are added to a value of
// the base do.
func (c *noop) keyOf(n *gs.Node) string {
	attributes, err := n.AttrKey()
	if err != nil || len(n.Subgraphs()) > 0 {
		return ""
	}
	h := sha256.New()
	tell := func(text string) { h.Write([]byte(text)); h.Write([]byte{0}) }
	tell(n.Domain())
	tell(n.Op())
	tell(attributes)
	for _, in := range n.Inputs() {
		m := c.of(in)
		switch {
		case in == nil:
			tell("left out")
		case m.same != "":
			tell("base " + m.same)
		case m.key != "":
			tell(m.key)
		default:
			return ""
		}
	}
	return "node " + hex.EncodeToString(h.Sum(nil))
}

// positive reports whether an injected value is a maximum with numbers above zero.
func (c *noop) positive(v *gs.Value) bool {
	n := v.Producer()
	if !is(n, "Max") || !hasPrefix(n.Name()) {
		return false
	}
	for _, in := range n.Inputs() {
		if p := in.Producer(); is(p, "Constant") && p.Tensor("value") != nil && above(p.Tensor("value"), 0) {
			return true
		}
	}
	return false
}

// above reports whether every number of a tensor is above x.
func above(t *gs.Tensor, x float32) bool {
	xs, err := t.Float32s()
	if err != nil {
		return false
	}
	for _, y := range xs {
		if !(y > x) {
			return false
		}
	}
	return len(xs) > 0
}
