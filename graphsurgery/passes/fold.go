package passes

import (
	"strconv"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/eval"
)

// FoldOptions bound constant folding. A zero field means its default.
type FoldOptions struct {
	MaxInput  int64 // elements of an input of a folded node; default 1<<16
	MaxOutput int64 // elements of a folded node's output; default 1<<18
	// MaxMoved is the limit for nodes that only move elements of one constant
	// which nobody else reads, such as the Transpose of a weight: the file does
	// not grow by them. Default 1<<24.
	MaxMoved int64
	// MaxAdded is the limit for all results together, in bytes, but for those that
	// MaxMoved is for. Default 64 MiB.
	MaxAdded int64
	// Dequantize folds DequantizeLinear, too, which makes quantised weights
	// four times as large.
	Dequantize bool
}

func (o FoldOptions) withDefaults() FoldOptions {
	for _, f := range []struct {
		field *int64
		def   int64
	}{{&o.MaxInput, 1 << 16}, {&o.MaxOutput, 1 << 18}, {&o.MaxMoved, 1 << 24}, {&o.MaxAdded, 64 << 20}} {
		if *f.field == 0 {
			*f.field = f.def
		}
	}
	return o
}

// Fold computes nodes whose inputs are constants, on the host.
func Fold(o FoldOptions) Pass {
	o = o.withDefaults()
	return Pass{
		Name: "fold",
		Doc: "Computes nodes whose inputs are constants, and shapes and arithmetic on them as far as inference follows it to numbers, within limits of size, each and in all. " +
			"What is not known to be computed exactly as ONNX defines it stays, and so do random nodes. " +
			"Large weights: stay, but for nodes that only move their elements. Quantised weights: DequantizeLinear stays, unless asked for. " +
			"Subgraphs: nodes in them are computed, with the constants around them; If, Loop and Scan themselves are not. " +
			"Functions: computed inside, into Constant nodes. Graph outputs: keep their names, behind an Identity. Initialisers that a caller can override are no constants.",
		Edit: func(m *gs.Model, p *gs.Patch) (int, error) { return foldModel(m, p, o) },
	}
}

// folder computes; known holds the tensors of constant values, computed are those
// of them that are not in the model yet.
type folder struct {
	patch    *gs.Patch
	types    *gs.Types
	options  FoldOptions
	pure     purity
	known    map[*gs.Value]*gs.Tensor
	computed map[*gs.Node]bool
	added    int64 // bytes of the results so far
	read     int64 // elements that computed nodes read so far
}

// maxRead bounds the elements that all computed nodes read together: it takes
// seconds. What exports compute from constants is far below.
const maxRead = 1 << 27

func foldModel(m *gs.Model, p *gs.Patch, o FoldOptions) (int, error) {
	types, err := m.Infer()
	if err != nil {
		return 0, err
	}
	f := &folder{patch: p, types: types, options: o, pure: purity{}, known: map[*gs.Value]*gs.Tensor{}, computed: map[*gs.Node]bool{}}
	for _, g := range m.Graphs() {
		for _, n := range g.Nodes() {
			f.compute(n)
		}
	}
	for _, g := range m.Graphs() {
		for _, n := range g.Nodes() {
			if f.computed[n] {
				f.place(n)
			}
		}
	}
	p.Prune()
	return len(f.computed), nil
}

// compute evaluates a node if it can be. That a node cannot be computed is no
// error, not even if its inputs do not fit together: it may stand in a branch
// that is never taken.
func (f *folder) compute(n *gs.Node) {
	if n.Function() != nil || isConstant(n) || !f.pure.pure(n) || refersToCall(n) || f.givenOut(n) {
		return
	}
	for _, t := range []*gs.Tensor{f.shapeOf(n), f.followed(n)} {
		if t != nil {
			f.keep(n, []*gs.Tensor{t})
			return
		}
	}
	if !eval.Knows(n.Domain(), n.Op()) || len(n.Inputs()) == 0 {
		return
	}
	inputs := make([]*gs.Tensor, len(n.Inputs()))
	for i, v := range n.Inputs() {
		if v == nil {
			continue
		}
		if inputs[i] = f.lookup(v); inputs[i] == nil {
			return
		}
	}
	limits, ok := f.limits(n, inputs)
	if !ok || f.added > f.options.MaxAdded || f.read > maxRead {
		return
	}
	for _, t := range inputs {
		if t != nil {
			f.read += t.Len()
		}
	}
	if outputs, err := eval.Node(n, inputs, limits); err == nil && f.fits(n, outputs) && f.affordable(n, outputs) {
		f.keep(n, outputs)
	}
}

// affordable counts results towards the total, except those that take the place
// of what they are made of. Results that are too many end the folding.
func (f *folder) affordable(n *gs.Node, outputs []*gs.Tensor) bool {
	if f.moved(n) {
		return true
	}
	for _, t := range outputs {
		if t != nil {
			f.added += t.Len() * int64(max(1, t.DType().Size()))
		}
	}
	return f.added <= f.options.MaxAdded
}

// moved reports whether a node only moves elements that nobody else reads.
func (f *folder) moved(n *gs.Node) bool {
	return moves(n.Op()) && len(n.Input(0).Uses()) == 1 && !n.Input(0).IsGraphOutput()
}

func isConstant(n *gs.Node) bool { return n.Op() == "Constant" && n.Domain() == "" }

// refersToCall reports whether an attribute of the node is the calling node's.
func refersToCall(n *gs.Node) bool {
	for _, a := range n.AttrNames() {
		if n.AttrRef(a) != "" {
			return true
		}
	}
	return false
}

// givenOut reports whether the node is an Identity between a constant and a graph
// output, which is where folding ends.
func (f *folder) givenOut(n *gs.Node) bool {
	return n.Op() == "Identity" && n.Output(0) != nil && n.Output(0).IsGraphOutput()
}

func (f *folder) lookup(v *gs.Value) *gs.Tensor {
	if t, ok := f.known[v]; ok {
		return t
	}
	f.known[v] = constantOf(v)
	return f.known[v]
}

// moves names the operators that give each element of their first input at most
// once, and nothing else.
func moves(op string) bool {
	switch op {
	case "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Slice", "Split", "DepthToSpace", "SpaceToDepth":
		return true
	}
	return false
}

// limits gives the limits that hold for a node. Moved elements must be the node's
// alone, so that the old tensor can go.
func (f *folder) limits(n *gs.Node, inputs []*gs.Tensor) (eval.Limits, bool) {
	if n.Op() == "DequantizeLinear" && !f.options.Dequantize {
		return eval.Limits{}, false
	}
	small := true
	for _, t := range inputs {
		small = small && (t == nil || t.Len() <= f.options.MaxInput)
	}
	switch {
	case small:
		return eval.Limits{MaxElements: max(f.options.MaxInput, f.options.MaxOutput)}, true
	case f.moved(n):
		return eval.Limits{MaxElements: f.options.MaxMoved}, true
	}
	return eval.Limits{}, false
}

func (f *folder) fits(n *gs.Node, outputs []*gs.Tensor) bool {
	for _, t := range outputs {
		if t == nil || t.Len() <= f.options.MaxOutput {
			continue
		}
		if !moves(n.Op()) || t.Len() > f.lookup(n.Input(0)).Len() {
			return false
		}
	}
	return true
}

func (f *folder) keep(n *gs.Node, outputs []*gs.Tensor) {
	for i, v := range n.Outputs() {
		if v != nil {
			f.known[v] = outputs[i]
		}
	}
	f.computed[n] = true
}

// shapeOf computes Shape and Size from an inferred shape.
func (f *folder) shapeOf(n *gs.Node) *gs.Tensor {
	if n.Domain() != "" || n.Op() != "Shape" && n.Op() != "Size" || n.Input(0) == nil {
		return nil
	}
	dims := f.types.Of(n.Input(0)).Shape
	if dims == nil {
		return nil
	}
	if n.Op() == "Shape" {
		dims = cut(dims, n.Int("start", 0), n.Int("end", int64(len(dims))))
	}
	sizes, volume := make([]int64, len(dims)), int64(1)
	for i, d := range dims {
		if d.Value < 0 || d.Value > 0 && volume > (1<<62)/d.Value {
			return nil
		}
		sizes[i] = d.Value
		volume *= d.Value
	}
	if n.Op() == "Size" {
		return gs.NewTensor([]int64{}, []int64{volume})
	}
	return gs.NewTensor([]int64{int64(len(sizes))}, sizes)
}

// followed gives the result of shape arithmetic that inference followed to
// numbers, even where other dimensions are open: the batch size may be unknown and
// the width known.
func (f *folder) followed(n *gs.Node) *gs.Tensor {
	if len(n.Outputs()) != 1 || n.Output(0) == nil || n.Domain() != "" || len(n.Subgraphs()) > 0 {
		return nil
	}
	typ := f.types.Of(n.Output(0))
	elements, ok := f.types.Ints(n.Output(0))
	if !ok || typ.DType != gs.Int64 || typ.Shape == nil {
		return nil
	}
	shape, count := make([]int64, len(typ.Shape)), int64(1)
	for i, d := range typ.Shape {
		if d.Value < 0 || d.Value > int64(len(elements)) {
			return nil
		}
		shape[i] = d.Value
		count *= d.Value
	}
	values := make([]int64, len(elements))
	for i, d := range elements {
		x, err := strconv.ParseInt(d.String(), 10, 64)
		if err != nil {
			return nil
		}
		values[i] = x
	}
	if count != int64(len(values)) {
		return nil
	}
	return gs.NewTensor(shape, values)
}

// cut is the slice of Shape since opset 15: bounds count from the end if negative
// and are clamped.
func cut(dims []gs.Dim, start, end int64) []gs.Dim {
	rank := int64(len(dims))
	clamp := func(i int64) int64 {
		if i < 0 {
			i += rank
		}
		return max(0, min(rank, i))
	}
	start, end = clamp(start), clamp(end)
	return dims[start:max(start, end)]
}

// place puts a computed node's outputs that others than computed nodes read into
// the model, and lets go of the node.
func (f *folder) place(n *gs.Node) {
	part := f.patch.In(n.Graph())
	wires := make([]gs.Wire, len(n.Outputs()))
	for i, v := range n.Outputs() {
		if v != nil && f.wanted(v) {
			wires[i] = part.FreshInitializer(v.Name()+"_folded", f.known[v])
		}
	}
	part.Replace(n, wires...)
}

// wanted reports whether somebody who is not computed himself reads the value.
func (f *folder) wanted(v *gs.Value) bool {
	if v.IsGraphOutput() {
		return true
	}
	for _, u := range v.Uses() {
		if !f.computed[u.Node] || u.Input < 0 {
			return true
		}
	}
	return false
}
