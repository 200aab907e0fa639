package eval

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// matMul is MatMul: numpy's matmul.
func (c *call) matMul() ([]*array, error) {
	a, b := c.in[0], c.in[1]
	if a.dtype != b.dtype {
		return nil, c.broken("inputs are %s and %s, want one type", a.dtype, b.dtype)
	}
	p, err := c.planProduct(a.shape, b.shape)
	if err != nil {
		return nil, err
	}
	switch {
	case a.dtype.IsFloat():
		return []*array{newFloats(a.dtype, p.shape, multiply(p, a.floats(), b.floats()))}, nil
	case isInt(a.dtype):
		return []*array{newInts(a.dtype, p.shape, multiply(p, a.ints(), b.ints()))}, nil
	}
	return nil, c.broken("inputs are %s, want numbers", a.dtype)
}

// matrixProduct says which matrices of two stacks are multiplied.
type matrixProduct struct {
	shape   []int64 // of the result
	m, k, n int
	a, b    []int // first element of each pair's matrices
}

func (c *call) planProduct(a, b []int64) (*matrixProduct, error) {
	if len(a) == 0 || len(b) == 0 {
		return nil, c.broken("shapes %v and %v, want at least vectors", a, b)
	}
	left, right := a, b
	if len(a) == 1 {
		left = []int64{1, a[0]}
	}
	if len(b) == 1 {
		right = []int64{b[0], 1}
	}
	ra, rb := len(left), len(right)
	if left[ra-1] != right[rb-2] {
		return nil, c.broken("shapes %v and %v do not multiply", a, b)
	}
	stack, index, err := c.broadcast(&array{shape: left[:ra-2]}, &array{shape: right[:rb-2]})
	if err != nil {
		return nil, err
	}
	p := &matrixProduct{m: int(left[ra-2]), k: int(left[ra-1]), n: int(right[rb-1])}
	for i := range index[0] {
		p.a = append(p.a, index[0][i]*p.m*p.k)
		p.b = append(p.b, index[1][i]*p.k*p.n)
	}
	p.shape = slices.Clone(stack)
	if len(a) > 1 {
		p.shape = append(p.shape, left[ra-2])
	}
	if len(b) > 1 {
		p.shape = append(p.shape, right[rb-1])
	}
	n, err := c.size(p.shape)
	if err != nil {
		return nil, err
	}
	if int64(p.k) > 0 && int64(n) > c.limits.MaxWork/int64(p.k) {
		return nil, c.unsupported("a product of shapes %v and %v is over the limit of %d multiplications", a, b, c.limits.MaxWork)
	}
	return p, nil
}

// multiply sums in float64 (or int64), row by row.
func multiply[T float64 | int64](p *matrixProduct, a, b []T) []T {
	out := make([]T, len(p.a)*p.m*p.n)
	for i := range p.a {
		for r := range p.m {
			row := out[(i*p.m+r)*p.n:][:p.n]
			for k := range p.k {
				x := a[p.a[i]+r*p.k+k]
				for j, y := range b[p.b[i]+k*p.n:][:p.n] {
					row[j] += x * y
				}
			}
		}
	}
	return out
}

// gemm is Gemm (opset 7 on): alpha * A' * B' + beta * C.
func (c *call) gemm() ([]*array, error) {
	a, b := c.in[0], c.in[1]
	if !a.dtype.IsFloat() || a.dtype != b.dtype || a.rank() != 2 || b.rank() != 2 {
		return nil, c.unsupported("a product of %s%v and %s%v", a.dtype, a.shape, b.dtype, b.shape)
	}
	var err error
	swap := []int64{1, 0}
	if c.node.Int("transA", 0) != 0 {
		if a, err = c.permute(a, swap); err != nil {
			return nil, err
		}
	}
	if c.node.Int("transB", 0) != 0 {
		if b, err = c.permute(b, swap); err != nil {
			return nil, err
		}
	}
	p, err := c.planProduct(a.shape, b.shape)
	if err != nil {
		return nil, err
	}
	out := multiply(p, a.floats(), b.floats())
	alpha, beta := float64(c.node.Float("alpha", 1)), float64(c.node.Float("beta", 1))
	for i := range out {
		out[i] *= alpha
	}
	if bias := c.input(2); bias != nil {
		if err := c.addBias(out, p.shape, bias, beta, a.dtype); err != nil {
			return nil, err
		}
	}
	return []*array{newFloats(a.dtype, p.shape, out)}, nil
}

func (c *call) addBias(out []float64, shape []int64, bias *array, beta float64, d gs.DType) error {
	if bias.dtype != d {
		return c.broken("the bias is %s, want %s", bias.dtype, d)
	}
	full, index, err := c.broadcast(&array{dtype: d, shape: shape}, bias)
	if err != nil {
		return err
	}
	if !slices.Equal(full, shape) {
		return c.broken("the bias of shape %v does not broadcast to %v", bias.shape, shape)
	}
	x := bias.floats()
	for i, at := range index[1] {
		out[i] += beta * x[at]
	}
	return nil
}

// matMulInteger is MatMulInteger (opset 10): int32 sums of 8-bit products.
func (c *call) matMulInteger() ([]*array, error) {
	p, err := c.planProduct(c.in[0].shape, c.in[1].shape)
	if err != nil {
		return nil, err
	}
	var operands [2][]int64
	for i, a := range c.in[:2] {
		if a.dtype != gs.Int8 && a.dtype != gs.Uint8 {
			return nil, c.broken("input %d is %s, want 8-bit integers", i, a.dtype)
		}
		zero := c.input(2 + i)
		if zero != nil && (zero.len() != 1 || zero.dtype != a.dtype) {
			return nil, c.unsupported("a zero point %s%v", zero.dtype, zero.shape)
		}
		operands[i] = a.ints()
		for k := range operands[i] {
			if zero != nil {
				operands[i][k] -= zero.ints()[0]
			}
		}
	}
	return []*array{newInts(gs.Int32, p.shape, multiply(p, operands[0], operands[1]))}, nil
}
