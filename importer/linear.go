package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// linearOps are the matrix products.
func linearOps() []operator {
	return []operator{
		{key: onnx("MatMul", 1), minIn: 2, maxIn: 2, maxOut: 1, lower: lowerMatMul},
		// Gemm-1 and -6 need broadcast=1 where C is smaller than the product; 7
		// always broadcasts C one way; 11 makes it optional.
		{key: onnx("Gemm", 1), attrs: "alpha beta broadcast transA transB", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerGemm)},
		{key: onnx("Gemm", 7), attrs: "alpha beta transA transB", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerGemm)},
		{key: onnx("Gemm", 11), attrs: "alpha beta transA transB", minIn: 2, maxIn: 3, maxOut: 1, lower: single(lowerGemm)},
	}
}

// lowerMatMul is MatMul-1 to -13, numpy's matmul. The product of a tensor with a
// matrix is made of [rows, width] forms.
func lowerMatMul(c *call) []*wire {
	a, b := c.in[0], c.in[1]
	if len(a.dims) == 0 || len(b.dims) == 0 {
		c.fail("MatMul of a scalar")
	}
	inner := len(b.dims) - 2
	if len(b.dims) == 1 {
		inner = 0
	}
	if a.dims[len(a.dims)-1] != b.dims[inner] {
		c.fail("shapes %v and %v cannot be multiplied", a.dims, b.dims)
	}
	switch {
	case len(a.dims) >= 3 && len(b.dims) == 2 && product(a.dims) > 0:
		y := c.dot(c.flatOf(a), []int{1}, nil, c.nodeOf(b), []int{0}, nil)
		dims := append(slices.Clone(a.dims[:len(a.dims)-1]), b.dims[1])
		return []*wire{c.flatWire(y, dims)}
	case len(b.dims) <= 2:
		return c.out(c.dot(c.nodeOf(a), []int{len(a.dims) - 1}, nil, c.nodeOf(b), []int{inner}, nil))
	}
	return c.out(c.batchMatMul(a, b))
}

// batchMatMul multiplies stacks of matrices whose leading axes broadcast. A
// vector on the left is a row that is dropped from the result.
func (c *call) batchMatMul(a, b *wire) *graph.Node {
	left := a.dims
	if len(left) == 1 {
		left = []int{1, left[0]}
	}
	m, k, n := left[len(left)-2], left[len(left)-1], b.dims[len(b.dims)-1]
	stack, err := broadcastDims(left[:len(left)-2], b.dims[:len(b.dims)-2])
	if err != nil {
		c.fail("%v", err)
	}
	x := c.broadcastTo(c.wire(graph.Reshape(c.anyOf(a), left...)), append(slices.Clone(stack), m, k))
	y := c.broadcastTo(b, append(slices.Clone(stack), k, n))
	axes := make([]int, len(stack))
	for i := range axes {
		axes[i] = i
	}
	out := c.dot(x, []int{len(stack) + 1}, axes, y, []int{len(stack)}, axes)
	if len(a.dims) == 1 {
		out = graph.Reshape(out, append(slices.Clone(stack), n)...)
	}
	return out
}

// lowerGemm is Gemm-7 and -11: alpha·A·B + beta·C. A transposed operand is
// contracted along its other axis instead of being transposed.
func lowerGemm(c *call) *graph.Node {
	if c.rank(0) != 2 || c.rank(1) != 2 {
		c.fail("Gemm of shapes %v and %v, want matrices", c.dims(0), c.dims(1))
	}
	ka, kb := 1, 0
	if c.attrInt("transA", 0) != 0 {
		ka = 0
	}
	if c.attrInt("transB", 0) != 0 {
		kb = 1
	}
	if c.dims(0)[ka] != c.dims(1)[kb] {
		c.fail("shapes %v and %v cannot be multiplied", c.dims(0), c.dims(1))
	}
	y := scaled(c.dot(c.arg(0), []int{ka}, nil, c.arg(1), []int{kb}, nil), float64(c.n.Float("alpha", 1)))
	beta := float64(c.n.Float("beta", 1))
	if !c.has(2) || beta == 0 {
		return y
	}
	n, dims, _ := c.broadcast(c.wire(y), c.in[2])
	if !slices.Equal(dims, y.Shape().Dimensions) {
		c.fail("C of shape %v does not broadcast to the product's shape %v", c.dims(2), y.Shape().Dimensions)
	}
	return graph.Add(n[0], scaled(n[1], beta))
}

// scaled multiplies unless the factor is one. An integer is scaled in float64 and
// cut towards zero.
func scaled(x *graph.Node, factor float64) *graph.Node {
	if factor == 1 {
		return x
	}
	if !x.DType().IsFloat() {
		return graph.ConvertDType(graph.MulScalar(graph.ConvertDType(x, dtypes.Float64), factor), x.DType())
	}
	return graph.MulScalar(x, factor)
}
