package adapterinject

import (
	"cmp"
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
		m, err = constantMeaning(n.Tensor("value"))
	case "MatMul":
		m = c.interpretMatMul(n)
	case "Add":
		m, err = c.interpretAdd(n)
	case "Sub":
		m = c.interpretSub(n)
	case "Mul":
		m = c.interpretMul(n)
	case "Div":
		m = c.interpretDiv(n)
	case "Conv", "Einsum":
		m = c.interpretProduct(n)
	case "Concat", "Gather", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Expand":
		m = c.interpretMoved(n)
	case "Cast": // to float32 and back: no number changes
		m = c.of(n.Input(0))
	default:
		m = meaning{like: c.of(n.Input(0)).like}
	}
	if err != nil {
		return fmt.Errorf("node %q: %w", n.Label(), err)
	}
	if m.dims == nil {
		m.dims = c.dims(out)
	}
	if m.same == "" && m.key == "" {
		m.key = c.keyOf(n)
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
		m := meaning{zero: all(t, 0), one: all(t, 1), dims: dimsOf(t)}
		if name, ok := c.name[v]; ok {
			m.same, m.like = name, name
		}
		c.meaning[v] = m
		return m
	}
	if name, ok := c.name[v]; ok {
		return meaning{same: name, like: name}
	}
	return meaning{}
}

// constantMeaning is that of a Constant node's tensor.
func constantMeaning(t *gs.Tensor) (meaning, error) {
	if t == nil {
		return meaning{}, nil
	}
	if err := finite(t); err != nil {
		return meaning{}, err
	}
	digest, err := t.Digest()
	return meaning{zero: all(t, 0), one: all(t, 1), dims: dimsOf(t), key: "constant " + digest}, err
}

func (c *noop) interpretMatMul(n *gs.Node) meaning {
	x, weight := c.of(n.Input(0)), c.of(n.Input(1))
	if len(weight.dims) != 2 { // by matrices or activations: only inference tells the shape
		return meaning{zero: x.zero || weight.zero}
	}
	m := meaning{zero: x.zero || weight.zero, like: x.like}
	if len(x.dims) == 2 {
		m.dims = []int64{x.dims[0], weight.dims[1]}
	}
	return m
}

// interpretProduct knows products with zeros in other forms.
func (c *noop) interpretProduct(n *gs.Node) meaning {
	bias := n.Op() == "Conv" && n.Input(2) != nil
	return meaning{zero: (c.of(n.Input(0)).zero || c.of(n.Input(1)).zero) && (!bias || c.of(n.Input(2)).zero)}
}

// interpretMul knows a factor of zeros, and one of ones that is no larger than what
// it multiplies.
func (c *noop) interpretMul(n *gs.Node) meaning {
	i, j := 0, 1
	if m := c.of(n.Input(0)); m.one && m.same == "" {
		i, j = j, i
	}
	a, b := c.of(n.Input(i)), c.of(n.Input(j))
	if b.one && a.same != "" {
		fits, known := c.fits(n.Input(j), n.Input(i))
		if known && fits || !known && b.dims != nil && c.spreads(b.dims, a.same) {
			return a
		}
	}
	m := meaning{zero: a.zero || b.zero, one: a.one && b.one, like: a.like, dims: spread(a.dims, b.dims)}
	if m.like == "" {
		m.like = b.like
	}
	return m
}

// interpretSub knows differences of zeros and of ones.
func (c *noop) interpretSub(n *gs.Node) meaning {
	a, b := c.of(n.Input(0)), c.of(n.Input(1))
	return meaning{zero: a.zero && b.zero || a.one && b.one, one: a.one && b.zero, like: cmp.Or(a.like, b.like), dims: spread(a.dims, b.dims)}
}

// interpretDiv knows zeros that are divided, and that a positive value divided by
// itself is one.
func (c *noop) interpretDiv(n *gs.Node) meaning {
	a, b := c.of(n.Input(0)), c.of(n.Input(1))
	m := meaning{zero: a.zero, like: cmp.Or(a.like, b.like), dims: spread(a.dims, b.dims)}
	m.one = a.one && b.one || a.key != "" && a.key == b.key && c.positive(n.Input(1))
	return m
}

// sumOf names the base's own sum of two of its values; empty if it has none.
func (c *noop) sumOf(a, b string) string {
	for _, u := range c.base.Value(a).Uses() {
		if is(u.Node, "Add") && u.Node.Input(1-u.Input) == c.base.Value(b) {
			return u.Node.Output(0).Name()
		}
	}
	return ""
}

// interpretAdd knows a bias, and the addition of zeros to a value of the base: those
// of an adapter of the same shape, or a tensor's.
func (c *noop) interpretAdd(n *gs.Node) (meaning, error) {
	i, j := 0, 1
	if c.of(n.Input(0)).same == "" && c.of(n.Input(1)).same != "" {
		i, j = j, i
	}
	a, b := c.of(n.Input(i)), c.of(n.Input(j))
	fits, known := c.fits(n.Input(j), n.Input(i))
	switch {
	case a.same != "" && b.zero && known && fits:
		return a, nil
	case a.key != "" && b.zero && known && fits:
		return meaning{key: a.key, like: a.like, dims: a.dims}, nil
	case a.same != "" && b.zero && known:
		return meaning{}, fmt.Errorf("it adds zeros of shape %v to %q of shape %v", c.own.Of(n.Input(j)).Shape, a.same, c.own.Of(n.Input(i)).Shape)
	case a.same != "" && b.zero && b.dims != nil && c.spreads(b.dims, a.same):
		return a, nil
	case b.like == "":
		return meaning{zero: a.zero && b.zero, like: a.like, dims: spread(a.dims, b.dims)}, nil
	case a.like == "":
		return meaning{zero: a.zero && b.zero, like: b.like}, nil
	case a.same == "":
		return meaning{zero: a.zero && b.zero, like: a.like}, nil
	case !b.zero && b.same != "": // two of the base's own values
		return meaning{like: c.sumOf(a.same, b.same), dims: spread(a.dims, b.dims)}, nil
	case !b.zero:
		return meaning{}, fmt.Errorf("what it adds to %q is not zero: the up-projection has values (a trained model?)", a.same)
	case a.same != b.like && !c.alike[[2]string{a.same, b.like}]:
		return meaning{}, fmt.Errorf("it adds zeros shaped like %q to %q, which is not known to have that shape", b.like, a.same)
	}
	return meaning{same: a.same, like: a.same}, nil
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
