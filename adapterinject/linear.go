package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// linear is y = x·W + b, in any of its spellings: a product that package
// recognize knows, and the bias added behind it.
type linear struct {
	node         *gs.Node  // of the product
	in           *gs.Value // x
	weight, bias *gs.Value // bias nil if there is none
	product      *gs.Value // x·W, with the bias only if the operator adds it
	out          *gs.Value // y
	inDim, width int       // of W; 0 if its shape is not known
	channels     bool      // a convolution, so y's axis 1 is the wide one
	wide         bool      // a convolution that sees several positions
	activation   string    // fused into the operator
	quantised    bool
}

func (f *facts) findLinears() {
	for _, found := range recognize.Linears(f.View) {
		l := &linear{
			node: found.Node, in: found.In, weight: found.Weight, bias: found.Bias, product: found.Out, out: found.Out,
			channels: found.Channels, wide: found.Wide, activation: found.Activation, quantised: found.Quantised,
		}
		if !f.measure(l) {
			continue
		}
		if m, _ := f.rules.bias.At(f.View, l.out); m != nil && l.bias == nil && l.activation == "" && f.vector(m.Value("bias"), l) {
			l.bias, l.out = m.Value("bias"), m.Result()
		}
		f.linears = append(f.linears, l)
		f.linearAt[l.node], f.linearOf[l.out] = l, l
		f.linearsIn[l.in] = append(f.linearsIn[l.in], l)
	}
}

// measure reads the widths off the weight's shape; false if it has not that of a
// matrix.
func (f *facts) measure(l *linear) bool {
	n := l.node
	shape := f.known(l.weight)
	switch {
	case n.Op() == "MatMulNBits" || n.Op() == "MatMulBnb4":
		l.inDim, l.width = int(n.Int("K", 0)), int(n.Int("N", 0))
		return true
	case n.Op() == "Einsum":
		return f.measureEinsum(l, shape)
	case l.channels:
		if len(shape) >= 3 {
			l.inDim, l.width = int(shape[1]*n.Int("group", 1)), int(shape[0])
		}
		return shape == nil || len(shape) >= 3
	}
	for len(shape) > 2 && shape[0] == 1 {
		shape = shape[1:]
	}
	if shape == nil {
		return true
	}
	if len(shape) != 2 {
		return false
	}
	l.inDim, l.width = int(shape[0]), int(shape[1])
	if n.Int("transB", 0) != 0 {
		l.inDim, l.width = l.width, l.inDim
	}
	return true
}

func (f *facts) measureEinsum(l *linear, shape []int64) bool {
	e, ok := recognize.ParseEinsum(l.node)
	if !ok {
		return false
	}
	w := slices.Index(l.node.Inputs(), l.weight)
	if shape == nil || len(e.In[w]) != len(shape) {
		return true
	}
	l.inDim, l.width = 1, 1
	for i, c := range e.In[w] {
		if slices.Contains([]rune(e.Out), c) {
			l.width *= int(shape[i])
		} else {
			l.inDim *= int(shape[i])
		}
	}
	return true
}

// newBiasRule is the pattern of a fixed vector that is added to a product, also
// behind rearrangements.
func (f *facts) newBiasRule() *pattern.Pattern {
	product := pattern.Data("product")
	add := pattern.Op("Add", pattern.Via(pattern.Layout(), product).Alone(), pattern.Fixed("bias")).Commutes()
	return pattern.New("bias", add).Anchor(product)
}

// vector reports whether fixed value v is one row as wide as the layer; unknown
// shapes and widths pass.
func (f *facts) vector(v *gs.Value, l *linear) bool {
	if v == nil {
		return false
	}
	shape := f.known(v)
	if shape == nil || l.width == 0 {
		return true
	}
	if len(shape) == 0 {
		return false
	}
	if l.channels || among(l.node, "Einsum") || l.node.Int("transA", 0) != 0 {
		size := int64(1)
		for _, d := range shape {
			size *= d
		}
		return size == int64(l.width)
	}
	for _, d := range shape[:len(shape)-1] {
		if d != 1 {
			return false
		}
	}
	return shape[len(shape)-1] == int64(l.width)
}
