package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// applyPrecision follows Options.Compute: where it is set, the program computes a copy of the
// model in which 16-bit floats are float32, and half types are for products alone.
func (p *Program) applyPrecision() error {
	switch p.options.Compute {
	case graphsurgery.Undefined:
		return nil
	case graphsurgery.Float:
	case graphsurgery.BFloat16:
		p.half = dtypes.BFloat16
	case graphsurgery.Float16:
		p.half = dtypes.Float16
	default:
		return &graphsurgery.UnsupportedError{File: p.model.Path(),
			What: fmt.Sprintf("computing in %s", p.options.Compute), Hint: "products are computed in Float, BFloat16 or Float16"}
	}
	wide, err := p.model.WidenHalf()
	if err != nil {
		return err
	}
	p.model = wide
	return nil
}

// refuseHalfProducts keeps half precision off the pure Go backend, see refuseHalf.
func (p *Program) refuseHalfProducts(b compute.Backend) {
	if p.half != dtypes.InvalidDType && b.String() == goBackend {
		panic(&graphsurgery.UnsupportedError{File: p.model.Path(),
			What: fmt.Sprintf("computing in %s on the pure Go backend", p.options.Compute), Hint: "use an XLA backend, or compute in float32"})
	}
}

// heldHalf tells whether a parameter lies on the device in the type of products: it is
// frozen, and nothing but products reads it.
func (p *Program) heldHalf(v *graphsurgery.Value) bool {
	return p.half != dtypes.InvalidDType && v.DType() == graphsurgery.Float && !p.trainable[v.Name()] && p.onlyMultiplied(v)
}

// onlyMultiplied tells whether all that reads a value, perhaps in another layout, multiplies
// it as halfProduct does.
func (p *Program) onlyMultiplied(v *graphsurgery.Value) bool {
	if v.IsGraphOutput() || v.IsDefault() || len(v.Uses()) == 0 {
		return false
	}
	for _, u := range v.Uses() {
		op := p.steps[u.Node]
		switch {
		case op == nil || u.Node.Graph() != p.model.Graph:
			return false
		case relayouts(u.Node) && u.Input == 0:
			if !p.onlyMultiplied(u.Node.Output(0)) {
				return false
			}
		case !multiplies(u.Node, u.Input):
			return false
		}
	}
	return true
}

// relayouts tells operators that move elements and change none.
func relayouts(n *graphsurgery.Node) bool {
	switch n.Op() {
	case "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity":
		return n.Domain() == ""
	}
	return false
}

// multiplies tells whether input i of a node is an operand of a product.
func multiplies(n *graphsurgery.Node, i int) bool {
	switch n.Domain() + ":" + n.Op() {
	case ":MatMul", ":Gemm", "com.microsoft:FusedMatMul", "com.microsoft:TransposeMatMul", "com.microsoft:FusedGemm":
		return i < 2
	case ":Einsum":
		return len(n.Inputs()) == 2
	case ":Conv", "com.microsoft:FusedConv":
		return i == 1 && n.Int("group", 1) == 1 // one kernel a channel is no product in half
	case ":ConvTranspose", "com.microsoft:Attention":
		return i == 1
	}
	return false
}

// paramTensor copies a parameter into a GoMLX tensor of the type it is held in.
func (p *Program) paramTensor(v *graphsurgery.Value, backend compute.Backend) (*tensors.Tensor, error) {
	stored, err := v.Dense()
	if err != nil {
		return nil, err
	}
	if p.heldHalf(v) {
		floats, err := stored.Float32s()
		if err != nil {
			return nil, err
		}
		if stored, err = graphsurgery.NewFloatTensor(p.options.Compute, stored.Shape(), floats); err != nil {
			return nil, err
		}
	}
	return paramTensor(stored, backend)
}

// narrow gives a float32 node in the type of products. Of what was widened when it was
// read, and then laid out otherwise, it is the stored elements laid out so.
func (t *tracer) narrow(x *graph.Node) *graph.Node {
	if n := t.narrowed[x]; n != nil {
		return n
	}
	var n *graph.Node
	switch x.Type() {
	case graph.NodeTypeReshape, graph.NodeTypeTranspose:
		if in := x.Inputs()[0]; t.parameterOf(in) != nil {
			n = x.CloneWithInputs(t.narrow(in))
		}
	}
	if n == nil {
		n = graph.ConvertDType(x, t.program.half)
	}
	t.narrowed[x] = n
	return n
}

// parameterOf gives the parameter that x is another layout of, as it was read, or nil.
func (t *tracer) parameterOf(x *graph.Node) *graph.Node {
	for {
		if _, ok := t.learned[x]; ok {
			return x
		}
		switch x.Type() {
		case graph.NodeTypeReshape, graph.NodeTypeTranspose:
			x = x.Inputs()[0]
		default:
			return nil
		}
	}
}

// halves tells whether the product of two nodes is one in half precision: there is a
// type for it, both are float32, and neither is trained. Adapters so compute in float32.
func (t *tracer) halves(x, y *graph.Node) bool {
	if t.program.half == dtypes.InvalidDType || x.DType() != dtypes.Float32 || y.DType() != dtypes.Float32 {
		return false
	}
	return !t.learned[t.parameterOf(x)] && !t.learned[t.parameterOf(y)]
}

// bilinear is a product and its two gradients. With operands of half precision, forward
// gives float32 if the backend can sum so, and the gradients likewise.
type bilinear struct {
	forward func(x, y *graph.Node) *graph.Node
	byX     func(v, y *graph.Node) *graph.Node
	byY     func(x, v *graph.Node) *graph.Node
}

// halfProduct computes a product, and its gradients, of float32 nodes rounded to half
// precision; sums, result and gradients are float32. A frozen operand gets no gradient.
func (t *tracer) halfProduct(x, y *graph.Node, b bilinear) *graph.Node {
	nx, ny := graph.StopGradient(t.narrow(x)), graph.StopGradient(t.narrow(y))
	in := make([]*graph.Node, 0, 2)
	moves := []bool{t.parameterOf(x) == nil, t.parameterOf(y) == nil}
	for i, n := range []*graph.Node{x, y} {
		if moves[i] {
			in = append(in, n)
		}
	}
	forward := func([]*graph.Node) *graph.Node { return wide(b.forward(nx, ny)) }
	if len(in) == 0 {
		return forward(nil)
	}
	return withGradient(in, forward, func(_ []*graph.Node, v *graph.Node) []*graph.Node {
		v, unit := fit(v, t.program.half)
		var grads []*graph.Node
		if moves[0] {
			grads = append(grads, unfit(wide(b.byX(v, ny)), unit))
		}
		if moves[1] {
			grads = append(grads, unfit(wide(b.byY(nx, v)), unit))
		}
		return grads
	})
}

// bilinear computes a product with its two gradients, in half precision where halves says so.
func (t *tracer) bilinear(x, y *graph.Node, b bilinear) *graph.Node {
	if t.halves(x, y) {
		return t.halfProduct(x, y, b)
	}
	own := func(n *graph.Node) *graph.Node { return graph.ConvertDType(n, x.DType()) }
	return withGradient([]*graph.Node{x, y},
		func(in []*graph.Node) *graph.Node { return own(b.forward(in[0], in[1])) },
		func(in []*graph.Node, v *graph.Node) []*graph.Node {
			return []*graph.Node{own(b.byX(v, in[1])), own(b.byY(in[0], v))}
		})
}

// wide is a node as float32.
func wide(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.Float32) }

// Precision gives the type for [Options.Compute] that a user names: f32, bf16, f16, or
// nothing for the model's own.
func Precision(name string) (t graphsurgery.DType, ok bool) {
	switch name {
	case "":
		return graphsurgery.Undefined, true
	case "f32":
		return graphsurgery.Float, true
	case "bf16":
		return graphsurgery.BFloat16, true
	case "f16":
		return graphsurgery.Float16, true
	}
	return graphsurgery.Undefined, false
}

// fitTop is what the largest element of a gradient becomes before it is rounded to float16:
// high in its range, with room for the sums that attention makes of it.
const fitTop = 64

// fit rounds a gradient to half precision, multiplied by unit so that it fits. Float16
// ends at 6e-8, and gradients of a mean over tokens lie there; a scale for each tensor does what
// a scale of the loss is for, and needs no search. BFloat16 has float32's range: unit is nil.
func fit(v *graph.Node, half dtypes.DType) (fitted, unit *graph.Node) {
	if half != dtypes.Float16 {
		return graph.ConvertDType(v, half), nil
	}
	unit = fitUnit(v)
	return graph.ConvertDType(graph.Mul(v, unit), half), unit
}

// fitUnit is what brings the largest element to fitTop, and 1 for zeros.
func fitUnit(v *graph.Node) *graph.Node {
	top := graph.ReduceAllMax(graph.Abs(v))
	zero := graph.Scalar(v.Graph(), v.DType(), 0)
	return graph.Div(constantLike(v, fitTop), graph.Where(graph.GreaterThan(top, zero), top, constantLike(v, fitTop)))
}

// unfit undoes fit in what was made of it.
func unfit(x, unit *graph.Node) *graph.Node {
	if unit == nil {
		return x
	}
	return graph.Div(x, unit)
}

// dotAxes are the axes of a product of two tensors, as graph.DotGeneral takes them.
type dotAxes struct{ sumX, batchX, sumY, batchY []int }

// dot is graph.DotGeneral in the type of products.
func (t *tracer) dot(x *graph.Node, sumX, batchX []int, y *graph.Node, sumY, batchY []int) *graph.Node {
	if !t.halves(x, y) && slices.IsSorted(sumX) && slices.IsSorted(sumY) {
		return graph.DotGeneral(x, sumX, batchX, y, sumY, batchY)
	}
	// GoMLX v0.28.8 puts the summed axes of a gradient in the wrong order if those of x and
	// of y come in different orders.
	a := dotAxes{sumX, batchX, sumY, batchY}
	shapeX, shapeY := x.Shape(), y.Shape()
	return t.bilinear(x, y, bilinear{
		forward: func(x, y *graph.Node) *graph.Node { return dotWide(x, a.sumX, a.batchX, y, a.sumY, a.batchY) },
		byX:     func(v, y *graph.Node) *graph.Node { return a.byX(v, y, shapeX, false) },
		byY: func(x, v *graph.Node) *graph.Node {
			return dotAxes{a.sumY, a.batchY, a.sumX, a.batchX}.byX(v, x, shapeY, true)
		},
	})
}

// dotWide is graph.DotGeneral, with float32 sums of half precision. XLA CPU has not all such
// products and is not faster at any, so there the rounded operands are multiplied as float32.
func dotWide(x *graph.Node, sumX, batchX []int, y *graph.Node, sumY, batchY []int) *graph.Node {
	if !x.DType().IsHalfPrecision() {
		return graph.DotGeneral(x, sumX, batchX, y, sumY, batchY)
	}
	if isCPU(x.Graph().Backend()) {
		return graph.DotGeneral(wide(x), sumX, batchX, wide(y), sumY, batchY)
	}
	return graph.Dot(x, y).WithOutputDType(dtypes.Float32).General(sumX, batchX, sumY, batchY)
}

// isCPU tells XLA on a CPU by the plugin's name, as go-xla does: a description begins with
// "xla:cpu - ".
func isCPU(b compute.Backend) bool {
	name, _, _ := strings.Cut(b.Description(), " - ")
	return strings.Contains(strings.ToUpper(name), "CPU")
}

// byX is the gradient by x, of the given shape, of a product with y, given that by the
// result, v: [batch, free of x, free of y], or with the last two exchanged if x came second.
func (a dotAxes) byX(v, y *graph.Node, x shapes.Shape, second bool) *graph.Node {
	freeX, freeY := freeAxes(x.Rank(), a.sumX, a.batchX), freeAxes(y.Rank(), a.sumY, a.batchY)
	from := len(a.batchX)
	if !second {
		from += len(freeX)
	}
	sumV := make([]int, len(freeY))
	for i := range sumV {
		sumV[i] = from + i
	}
	d := dotWide(v, sumV, allAxes(len(a.batchX)), y, freeY, a.batchY)
	// d is [batch, free of x, summed axes in y's order].
	place := make([]int, x.Rank())
	for i, axis := range a.batchX {
		place[axis] = i
	}
	for i, axis := range freeX {
		place[axis] = len(a.batchX) + i
	}
	for i, axis := range a.sumX {
		behind := 0
		for _, other := range a.sumY {
			if other < a.sumY[i] {
				behind++
			}
		}
		place[axis] = len(a.batchX) + len(freeX) + behind
	}
	return graph.TransposeAllAxes(d, place...)
}

// freeAxes are those of a tensor that a product neither sums nor stacks.
func freeAxes(rank int, sum, batch []int) []int {
	taken := make([]bool, rank)
	for _, axes := range [][]int{sum, batch} {
		for _, a := range axes {
			taken[a] = true
		}
	}
	var free []int
	for i, t := range taken {
		if !t {
			free = append(free, i)
		}
	}
	return free
}
