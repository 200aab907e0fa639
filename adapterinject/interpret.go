package adapterinject

import (
	"fmt"
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// interpret works out what an injected node's result means.
func (c *noop) interpret(n *gs.Node) error {
	out := n.Output(0)
	if out == nil {
		return fmt.Errorf("node %q has no result", n.Label())
	}
	var m meaning
	var err error
	switch n.Op() {
	case "Constant":
		if t := n.Tensor("value"); t != nil {
			err = finite(t)
		}
	case "MatMul":
		m, err = c.interpretMatMul(n)
	case "Add":
		m, err = c.interpretAdd(n)
	case "Mul":
		m = c.interpretMul(n)
	case "Div":
		a, b := c.of(n.Input(0)), c.of(n.Input(1))
		m = meaning{zero: a.zero, like: a.like}
		if m.like == "" {
			m.like = b.like
		}
	case "Cast": // to float32 and back: no number changes
		m = c.of(n.Input(0))
	default:
		m = meaning{like: c.of(n.Input(0)).like}
	}
	if err != nil {
		return fmt.Errorf("node %q: %w", n.Label(), err)
	}
	c.meaning[out] = m
	return nil
}

// of gives the meaning of any value of the injected graph.
func (c *noop) of(v *gs.Value) meaning {
	if v == nil {
		return meaning{}
	}
	if m, ok := c.meaning[v]; ok {
		return m
	}
	if t := v.Initializer(); t != nil {
		m := meaning{zero: all(t, 0), one: all(t, 1), dims: t.Shape()}
		if name, ok := c.name[v]; ok {
			m.same, m.like = name, name
		}
		return m
	}
	if name, ok := c.name[v]; ok {
		return meaning{same: name, like: name}
	}
	return meaning{}
}

func (c *noop) interpretMatMul(n *gs.Node) (meaning, error) {
	x, weight := c.of(n.Input(0)), n.Input(1)
	if weight == nil || weight.Initializer() == nil || len(weight.Initializer().Shape()) != 2 {
		return meaning{}, fmt.Errorf("it is no product with a weight matrix")
	}
	return meaning{zero: x.zero || all(weight.Initializer(), 0), like: x.like}, nil
}

// interpretMul knows a factor of zeros, and one of ones that is no larger than what
// it multiplies.
func (c *noop) interpretMul(n *gs.Node) meaning {
	a, b := c.of(n.Input(0)), c.of(n.Input(1))
	if a.one && a.same == "" {
		a, b = b, a
	}
	if b.one && a.same != "" && c.spreads(b.dims, a.same) {
		return a
	}
	m := meaning{zero: a.zero || b.zero, one: a.one && b.one, like: a.like}
	if m.like == "" {
		m.like = b.like
	}
	return m
}

// interpretAdd knows a bias, and the addition of zeros to a value of the base: those
// of an adapter of the same shape, or a tensor's.
func (c *noop) interpretAdd(n *gs.Node) (meaning, error) {
	a, b := c.of(n.Input(0)), c.of(n.Input(1))
	if a.same == "" && b.same != "" {
		a, b = b, a
	}
	switch {
	case a.same != "" && b.zero && b.dims != nil && c.spreads(b.dims, a.same):
		return a, nil
	case b.like == "":
		return meaning{zero: a.zero && b.zero, like: a.like}, nil
	case a.like == "":
		return meaning{zero: a.zero && b.zero, like: b.like}, nil
	case a.same == "":
		return meaning{zero: a.zero && b.zero, like: a.like}, nil
	case !b.zero:
		return meaning{}, fmt.Errorf("what it adds to %q is not zero: the up-projection has values (a trained model?)", a.same)
	case a.same != b.like && !c.alike[[2]string{a.same, b.like}]:
		return meaning{}, fmt.Errorf("it adds zeros shaped like %q to %q, which is not known to have that shape", b.like, a.same)
	}
	return meaning{same: a.same, like: a.same}, nil
}

// spreads reports whether a tensor of these dimensions, combined with a base value,
// gives the value's shape.
func (c *noop) spreads(dims []int64, value string) bool {
	shape := typeOf(c.types, c.base.Value(value)).Shape
	if len(dims) > len(shape) {
		return false
	}
	for i, d := range dims {
		if d != 1 && d != shape[len(shape)-len(dims)+i].Value {
			return false
		}
	}
	return true
}

// all reports whether every number of a tensor is x; 0 may have either sign.
func all(t *gs.Tensor, x float32) bool {
	xs, err := t.Float32s()
	if err != nil {
		return false
	}
	for _, y := range xs {
		if y != x {
			return false
		}
	}
	return true
}

// finite is an error if a floating-point tensor holds an Inf or a NaN, which times 0
// is a NaN.
func finite(t *gs.Tensor) error {
	if !t.DType().IsFloat() {
		return nil
	}
	xs, err := t.Float64s()
	if err != nil {
		return err
	}
	for i, x := range xs {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("number %d is %v, want finite numbers: times 0 that is not 0", i, x)
		}
	}
	return nil
}
