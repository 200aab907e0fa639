package importer

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// constantOps make tensors from nothing but attributes and shapes.
func constantOps() []operator {
	const forms = "value sparse_value value_float value_floats value_int value_ints"
	return []operator{
		{key: onnx("Constant", 1), attrs: "value", maxOut: 1, check: checkConstant, lower: lowerConstant},
		{key: onnx("Constant", 11), attrs: "value sparse_value", maxOut: 1, check: checkConstant, lower: lowerConstant},
		// Constant-12 adds the short forms; those of strings are refused.
		{key: onnx("Constant", 12), attrs: forms, maxOut: 1, check: checkConstant, lower: lowerConstant},
		{key: onnx("ConstantOfShape", 9), attrs: "value", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerConstantOfShape},
		{key: onnx("Range", 11), minIn: 3, maxIn: 3, maxOut: 1, lower: lowerRange},
		// Range-27 adds half types, and the type that they are computed in.
		{key: onnx("Range", 27), attrs: "stash_type", minIn: 3, maxIn: 3, maxOut: 1, check: checkRange, lower: lowerRange},
	}
}

// checkConstant refuses element types that no backend computes with.
func checkConstant(n *graphsurgery.Node) string {
	if t := n.Tensor("value"); t != nil {
		if _, err := computeDType(t.DType()); err != nil {
			return fmt.Sprintf("constant of type %s is not supported", t.DType())
		}
	}
	return ""
}

// lowerConstant is Constant-1, -11 and -12. A small constant stays on the host, and
// becomes a graph constant when an operator needs a node; large ones are variables.
func lowerConstant(c *call) []*wire {
	n := c.n
	if w := c.innerWire(n.Output(0)); w != nil {
		return []*wire{w}
	}
	switch {
	case n.HasAttr("value"):
		h, err := hostOf(n.Tensor("value"))
		if err != nil {
			panic(err)
		}
		return []*wire{hostWire(h)}
	case n.HasAttr("sparse_value"):
		return []*wire{hostWire(c.sparseValue())}
	case n.HasAttr("value_int"):
		h := newHost(graphsurgery.Int64)
		h.ints[0] = n.Int("value_int", 0)
		return []*wire{hostWire(h)}
	case n.HasAttr("value_ints"):
		return []*wire{hostWire(hostInts(c.attrInts("value_ints")))}
	case n.HasAttr("value_float"):
		h := newHost(graphsurgery.Float)
		h.setFloat(0, float64(n.Float("value_float", 0)))
		return []*wire{hostWire(h)}
	case n.HasAttr("value_floats"):
		values := n.Floats("value_floats")
		h := newHost(graphsurgery.Float, len(values))
		for i, v := range values {
			h.setFloat(i, float64(v))
		}
		return []*wire{hostWire(h)}
	}
	c.fail("a Constant without a value")
	return nil
}

// sparseValue reads a sparse constant, dense.
func (c *call) sparseValue() *hostTensor {
	t, err := c.n.DenseTensor("sparse_value")
	if err == nil && t == nil {
		c.fail("sparse_value is no sparse tensor")
	}
	var h *hostTensor
	if err == nil {
		h, err = hostOf(t)
	}
	if err != nil {
		panic(err)
	}
	return h
}

// lowerConstantOfShape is ConstantOfShape-9; without a value it is float32 zero.
func lowerConstantOfShape(c *call) []*wire {
	dims := c.bounded(c.ints(0))
	value := newHost(graphsurgery.Float, 1)
	if t := c.n.Tensor("value"); t != nil {
		h, err := hostOf(t)
		if err != nil {
			panic(err)
		}
		value = h
	}
	if value.len() != 1 {
		c.fail("value has %d elements, want 1", value.len())
	}
	return c.out(graph.BroadcastToDims(c.nodeOf(hostWire(value.reshaped(nil))), dims...))
}

// checkRange knows float32 as the type that half types are computed in.
func checkRange(n *graphsurgery.Node) string {
	if to := graphsurgery.DType(n.Int("stash_type", int64(graphsurgery.Float))); to != graphsurgery.Float {
		return "stash_type=" + to.String() + " of Range is not supported"
	}
	return ""
}

// lowerRange is Range-11: start, limit and delta decide the length, so they must
// be known. Only long ranges come here, see call.evaluate.
func lowerRange(c *call) []*wire {
	start, limit, delta := c.host(0), c.host(1), c.host(2)
	for i := range c.in {
		if n := c.host(i).len(); n != 1 {
			c.fail("input %d of Range has %d elements, want 1", i, n)
		}
	}
	if delta.scalar() == 0 {
		c.fail("delta of Range is zero")
	}
	n := c.rangeLen(start.scalar(), limit.scalar(), delta.scalar())
	dtype, err := computeDType(start.dtype)
	if err != nil {
		c.refuse("%v", err)
	}
	// Half types count in float32: past 2048 float16 has no odd numbers.
	wide := dtype
	if dtype.IsHalfPrecision() {
		wide = dtypes.Float32
	}
	steps := graph.Iota(c.graph, shapes.Make(wide, n), 0)
	out := graph.Add(graph.Mul(steps, graph.ConvertDType(c.arg(2), wide)), graph.ConvertDType(c.arg(0), wide))
	return c.out(graph.ConvertDType(out, dtype))
}

// rangeLen is the number of elements of Range-11.
func (c *call) rangeLen(start, limit, delta float64) int {
	n := math.Ceil((limit - start) / delta)
	if !(n <= maxElements) { // also when n is not a number
		c.refuse("a Range of %g elements", n)
	}
	return max(0, int(n))
}
