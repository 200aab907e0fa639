package prompt

import (
	"fmt"
	"slices"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// walk follows the tokens' axis from the first block's input to behind the last block.
type walk struct {
	target *adapterinject.Target
	blocks []adapterinject.Block
	more   int64 // tokens to add

	axis    int // of the tokens in the stream
	count   int64
	exit    *gs.Value
	at      map[*gs.Value][]place
	sums    int // products that sum over the tokens
	changes []change
}

// place is where a value has the tokens: an axis, with so many numbers of it inside.
type place struct {
	axis  int
	inner int64
}

// change gives a Reshape another target.
type change struct {
	node *gs.Node
	dims []int64
}

// run tries the axes that a stream of three dimensions can have its tokens on.
func (w *walk) run() error {
	entry, last := w.blocks[0].Residual, w.blocks[len(w.blocks)-1]
	w.exit = last.ResidualMLP
	if w.exit == nil && last.NormMLP == nil {
		w.exit = last.ResidualAttn
	}
	dims := w.target.Type(entry).Shape
	switch {
	case w.exit == nil:
		return w.refuse(nil, "the last residual addition is fused with a norm")
	case len(dims) != 3:
		return w.refuse(nil, "the stream has shape %v, want three dimensions", dims)
	}
	err := w.follow(entry, dims, 1)
	if err != nil || w.sums < len(w.blocks) {
		if w.follow(entry, dims, 0) == nil && w.sums >= len(w.blocks) {
			return nil
		}
		if err == nil {
			err = w.refuse(nil, "no axis of the stream is the one that attention sums over")
		}
	}
	return err
}

func (w *walk) refuse(n *gs.Node, format string, args ...any) error {
	e := &gs.UnsupportedError{File: w.target.Model.Path(), What: "prompts cannot be added: " + fmt.Sprintf(format, args...), Hint: "choose another method, such as prefix"}
	if n != nil {
		e.Node, e.Op = n.Label(), n.Op()
	}
	return e
}

func (w *walk) follow(entry *gs.Value, dims []gs.Dim, axis int) error {
	w.axis, w.count, w.sums, w.changes = axis, dims[axis].Value, 0, nil
	if w.count < 2 {
		return w.refuse(nil, "the number of tokens is %v, want one that the file fixes", dims[axis])
	}
	w.at = map[*gs.Value][]place{entry: {{axis, 1}}}
	for _, n := range w.target.Model.Graph.Nodes() {
		if !w.inside(n) || n.Op() == "Shape" {
			continue
		}
		out, err := w.step(n)
		if err != nil {
			return err
		}
		for _, v := range n.Outputs() {
			if v == nil {
				continue
			}
			if v.IsGraphOutput() && v != w.exit {
				return w.refuse(n, "%q, a value inside the blocks, is an output of the model", v.Name())
			}
			w.at[v] = out
		}
	}
	if !slices.Equal(w.at[w.exit], []place{{axis, 1}}) {
		return w.refuse(nil, "the tokens do not come to the end of the last block in one axis")
	}
	return nil
}

// inside reports whether a node reads tokens that were not dropped.
func (w *walk) inside(n *gs.Node) bool {
	for _, in := range n.Inputs() {
		if in != nil && in != w.exit && len(w.at[in]) > 0 {
			return true
		}
	}
	return false
}

// step gives the places of the tokens in a node's results.
func (w *walk) step(n *gs.Node) ([]place, error) {
	x := n.Input(0)
	switch n.Op() {
	case "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Equal", "SkipLayerNormalization", "BiasGelu":
		return w.beside(n)
	case "MatMul", "FusedMatMul":
		return w.product(n)
	case "Gemm":
		if n.Int("transA", 0) != 0 || len(w.at[n.Input(1)]) > 0 || len(w.at[n.Input(2)]) > 0 {
			break
		}
		return w.at[x], nil
	case "Reshape", "Squeeze", "Unsqueeze", "Flatten":
		return w.reshape(n)
	case "Transpose":
		return w.transpose(n)
	case "Split", "Slice", "Gather":
		return w.carve(n)
	case "Identity", "Cast", "Softmax", "LayerNormalization", "Relu", "Erf", "Tanh", "Sqrt", "Exp", "Neg", "Sigmoid", "Gelu", "Clip", "IsNaN", "Reciprocal", "Dropout",
		"RMSNormalization", "SimplifiedLayerNormalization", "FastGelu", "QuickGelu":
		return w.at[x], nil
	case "ReduceMean", "ReduceSum": // of a norm: the last axis, kept
		in, out := w.shape(x), w.shape(n.Output(0))
		if len(in) == len(out) && w.same(w.at[x], in, out) {
			return w.at[x], nil
		}
	}
	return nil, w.refuse(n, "what it does with more tokens is not known")
}

func (w *walk) shape(v *gs.Value) []int64 {
	var out []int64
	for _, d := range w.target.Type(v).Shape {
		out = append(out, d.Value)
	}
	return out
}

// same reports whether two shapes agree on the tokens' axes.
func (w *walk) same(ps []place, a, b []int64) bool {
	return !slices.ContainsFunc(ps, func(p place) bool { return p.axis >= len(a) || p.axis >= len(b) || a[p.axis] != b[p.axis] })
}

// beside joins operands of an elementwise node. What belongs to positions does not go
// with more of them.
func (w *walk) beside(n *gs.Node) ([]place, error) {
	rank := len(w.shape(n.Output(0)))
	var out []place
	for _, in := range n.Inputs() {
		if in == nil {
			continue
		}
		for _, p := range w.at[in] {
			p.axis += rank - len(w.shape(in))
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	for _, in := range n.Inputs() {
		if in == nil {
			continue
		}
		shape := w.shape(in)
		if w.target.Type(in).Shape == nil {
			return nil, w.refuse(n, "the shape of %q is not known", in.Name())
		}
		for _, p := range out {
			at := p.axis - rank + len(shape)
			own := slices.ContainsFunc(w.at[in], func(q place) bool { return q.axis == at })
			if at >= 0 && shape[at] != 1 && !own {
				return nil, w.refuse(n, "%q of shape %v belongs to the positions", in.Name(), shape)
			}
		}
	}
	return out, nil
}

func (w *walk) product(n *gs.Node) ([]place, error) {
	a, b := n.Input(0), n.Input(1)
	ra, rb := len(w.shape(a)), len(w.shape(b))
	if ra < 2 || rb < 2 || n.Int("transA", 0)+n.Int("transBatchA", 0)+n.Int("transBatchB", 0) != 0 {
		return nil, w.refuse(n, "the shapes of its operands are not known")
	}
	rank := max(ra, rb)
	rows, columns := rb-2, rb-1
	if n.Int("transB", 0) != 0 {
		rows, columns = columns, rows
	}
	var out []place
	left, right := false, false
	add := func(p place) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, p := range w.at[a] {
		if p.axis == ra-1 {
			left = true
			continue
		}
		add(place{p.axis + rank - ra, p.inner})
	}
	for _, p := range w.at[b] {
		switch p.axis {
		case rows:
			right = true
		case columns:
			add(place{rank - 1, p.inner})
		default:
			add(place{p.axis + rank - rb, p.inner})
		}
	}
	if left != right {
		return nil, w.refuse(n, "it sums over the positions with a weight for each")
	}
	if left {
		w.sums++
	}
	return out, nil
}

func (w *walk) transpose(n *gs.Node) ([]place, error) {
	perm := n.Ints("perm")
	if perm == nil {
		for i := len(w.shape(n.Input(0))) - 1; i >= 0; i-- {
			perm = append(perm, int64(i))
		}
	}
	var out []place
	for _, p := range w.at[n.Input(0)] {
		to := slices.Index(perm, int64(p.axis))
		if to < 0 {
			return nil, w.refuse(n, "perm %v does not fit", perm)
		}
		out = append(out, place{to, p.inner})
	}
	return out, nil
}

// carve passes nodes that take parts along other axes.
func (w *walk) carve(n *gs.Node) ([]place, error) {
	x, out := n.Input(0), []place{}
	in, result := w.shape(x), w.shape(n.Output(0))
	axis := int(n.Int("axis", 0))
	if axis < 0 {
		axis += len(in)
	}
	for _, p := range w.at[x] {
		if n.Op() == "Gather" && p.axis > axis {
			p.axis += len(result) - len(in)
		}
		out = append(out, p)
	}
	for i, p := range out {
		from := w.at[x][i]
		if from.axis >= len(in) || p.axis < 0 || p.axis >= len(result) || in[from.axis] != result[p.axis] || in[from.axis] < 0 || n.Op() == "Gather" && from.axis == axis {
			return nil, w.refuse(n, "it takes some of the positions")
		}
	}
	return out, nil
}

// reshape follows the tokens by the distance between one and the next in memory, and
// notes the target for more of them.
func (w *walk) reshape(n *gs.Node) ([]place, error) {
	in, out := w.shape(n.Input(0)), w.shape(n.Output(0))
	var places []place
	for _, p := range w.at[n.Input(0)] {
		step := p.inner
		for _, d := range in[min(p.axis+1, len(in)):] {
			step *= d
		}
		to, ok := find(out, step, w.count)
		if step <= 0 || !ok {
			return nil, w.refuse(n, "it cuts the tokens, from shape %v to %v, as windows do", in, out)
		}
		places = append(places, to)
	}
	if n.Op() != "Reshape" {
		return places, nil
	}
	dims, unknown := slices.Clone(out), 0
	for i, d := range dims {
		if d >= 0 {
			continue
		}
		dims[i] = -1
		unknown++
	}
	for _, p := range places {
		if dims[p.axis] > 0 {
			dims[p.axis] = dims[p.axis] / w.count * (w.count + w.more)
		}
	}
	if unknown > 1 {
		return nil, w.refuse(n, "several sizes of its result are not known")
	}
	w.changes = append(w.changes, change{n, dims})
	return places, nil
}

// find gives the axis of a shape that holds the tokens, one every step numbers.
func find(shape []int64, step, count int64) (place, bool) {
	inside := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		if step%inside != 0 {
			return place{}, false
		}
		d := shape[i]
		if d < 0 || d*inside >= step*count && d*inside%(step*count) == 0 {
			return place{i, step / inside}, true
		}
		inside *= d
	}
	return place{}, false
}
