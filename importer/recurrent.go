package importer

import (
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// recurrentOps walk along a sequence. XLA's loop has no gradient in GoMLX, so the
// steps are written out: compile time grows with the length.
func recurrentOps() []operator {
	var ops []operator
	for _, kind := range []*cellKind{rnnCell(), gruCell(), lstmCell()} {
		for _, version := range kind.versions {
			ops = append(ops, operator{key: onnx(kind.op, version.since), attrs: recurrentAttrs + " " + version.attrs,
				minIn: 3, maxIn: kind.inputs, maxOut: kind.states + 1,
				check: kind.check, lower: func(c *call) []*wire { return c.recur(kind) }})
		}
	}
	return ops
}

// recurrentAttrs are the attributes of every recurrent operator.
const recurrentAttrs = "activation_alpha activation_beta activations clip direction hidden_size"

// cellKind is what tells RNN, GRU and LSTM apart.
type cellKind struct {
	op       string
	versions []cellVersion
	inputs   int
	gates    int      // rows of W and R, in units of the hidden size
	states   int      // the hidden state, and LSTM's cell state
	defaults []string // activations of one direction
	// step computes the next states from the gates' inputs x·Wᵀ and the states.
	step func(c *cell, x *graph.Node, state []*graph.Node) []*graph.Node
}

// cellVersion is a since-version and the attributes that it adds.
type cellVersion struct {
	since int64
	attrs string
}

// cell is one direction of one node while it is written out.
type cell struct {
	*call
	hidden int
	r      *graph.Node // [gates·hidden, hidden]
	wb, rb *graph.Node // [1, gates·hidden], nil for none
	peep   *graph.Node // LSTM: [1, 3·hidden], nil for none
	act    []func(*graph.Node) *graph.Node
	clip   float64 // 0 for none
}

// check knows the directions and activations.
func (k *cellKind) check(n *graphsurgery.Node) string {
	switch d := n.Str("direction", "forward"); d {
	case "forward", "reverse", "bidirectional":
	default:
		return "direction=" + d + " of " + n.Op() + " is not supported"
	}
	for _, name := range n.Strs("activations") {
		if _, ok := activationOf(name, nil, nil); !ok {
			return "activation " + name + " of " + n.Op() + " is not supported"
		}
	}
	return ""
}

// recur writes a recurrent operator out: RNN-1, GRU-1 and LSTM-1 to -22. Inputs
// are X, W, R, B, sequence_lens, initial_h, initial_c and P; outputs Y, Y_h, Y_c.
func (c *call) recur(kind *cellKind) []*wire {
	x := c.sequence()
	steps, batch, hidden := x.Shape().Dimensions[0], x.Shape().Dimensions[1], c.dims(2)[c.rank(2)-1]
	backwards := map[string][]bool{"forward": {false}, "reverse": {true}, "bidirectional": {false, true}}[c.n.Str("direction", "forward")]
	c.checkRecurrent(kind, x, hidden, len(backwards))
	lens := c.lengths(steps, batch)
	var all []*graph.Node                      // per direction [steps, 1, batch, hidden]
	last := make([][]*graph.Node, kind.states) // per state and direction [1, batch, hidden]
	for d, back := range backwards {
		cell, state := c.cell(kind, d, len(backwards), hidden), make([]*graph.Node, kind.states)
		for i := range state {
			state[i] = c.initial(5+i, d, batch, hidden, x)
		}
		y, state := cell.walk(kind, cell.project(x, d), state, lens, back)
		all = append(all, y)
		for i, s := range state {
			last[i] = append(last[i], graph.InsertAxes(s, 0))
		}
	}
	out := []*graph.Node{graph.Concatenate(all, 1)}
	for _, s := range last {
		out = append(out, graph.Concatenate(s, 0))
	}
	return c.laidOut(out)
}

// sequence gives X as [steps, batch, width]; layout=1 has the batch first.
func (c *call) sequence() *graph.Node {
	if c.rank(0) != 3 || c.rank(1) != 3 || c.rank(2) != 3 {
		c.fail("%s of shapes %v, %v and %v, want rank 3", c.n.Op(), c.dims(0), c.dims(1), c.dims(2))
	}
	if c.attrInt("layout", 0) != 0 {
		return graph.TransposeAllAxes(c.arg(0), 1, 0, 2)
	}
	return c.arg(0)
}

// laidOut brings outputs into the order of axes that layout asks for.
func (c *call) laidOut(out []*graph.Node) []*wire {
	wires := make([]*wire, len(out))
	for i, n := range out {
		switch {
		case c.attrInt("layout", 0) == 0:
		case i == 0:
			n = graph.TransposeAllAxes(n, 2, 0, 1, 3)
		default:
			n = graph.TransposeAllAxes(n, 1, 0, 2)
		}
		wires[i] = c.wire(n)
	}
	return wires
}

// checkRecurrent compares the shapes of the weights.
func (c *call) checkRecurrent(kind *cellKind, x *graph.Node, hidden, directions int) {
	rows := kind.gates * hidden
	want := [][]int{1: {directions, rows, x.Shape().Dimensions[2]}, 2: {directions, rows, hidden}, 3: {directions, 2 * rows}}
	for i := 1; i < len(want); i++ {
		if c.has(i) && !slices.Equal(c.dims(i), want[i]) {
			c.fail("input %d of %s has shape %v, want %v", i, c.n.Op(), c.dims(i), want[i])
		}
	}
	if given := c.attrInt("hidden_size", hidden); given != hidden {
		c.fail("hidden_size %d, but the weights have %d", given, hidden)
	}
	if x.Shape().Dimensions[0] == 0 {
		c.refuse("%s of an empty sequence is not supported", c.n.Op())
	}
}

// lengths gives sequence_lens as [batch, 1], nil when every sequence is whole.
func (c *call) lengths(steps, batch int) *graph.Node {
	if !c.has(4) {
		return nil
	}
	if h := c.in[4].host; h != nil && slices.Min(h.ints) >= int64(steps) {
		return nil
	}
	return graph.Reshape(c.arg(4), batch, 1)
}

// initial gives a direction's first state as [batch, hidden].
func (c *call) initial(i, direction, batch, hidden int, x *graph.Node) *graph.Node {
	if !c.has(i) {
		return graph.Zeros(c.graph, shapes.Make(x.DType(), batch, hidden))
	}
	axis := 0
	if c.attrInt("layout", 0) != 0 {
		axis = 1
	}
	return graph.Reshape(graph.SliceAxis(c.arg(i), axis, graph.AxisElem(direction)), batch, hidden)
}

// cell prepares one direction.
func (c *call) cell(kind *cellKind, direction, directions, hidden int) *cell {
	row := func(i, from, to int) *graph.Node {
		if !c.has(i) {
			return nil
		}
		one := graph.Reshape(graph.SliceAxis(c.arg(i), 0, graph.AxisElem(direction)), 1, c.dims(i)[1])
		return graph.SliceAxis(one, 1, graph.AxisRange(from, to))
	}
	rows := kind.gates * hidden
	return &cell{call: c, hidden: hidden, r: c.weightOf(2, direction), clip: float64(c.n.Float("clip", 0)),
		wb: row(3, 0, rows), rb: row(3, rows, 2*rows), peep: row(7, 0, 3*hidden),
		act: c.activations(kind, direction, directions)}
}

// weightOf gives a direction's matrix of input i.
func (c *call) weightOf(i, direction int) *graph.Node {
	return graph.Reshape(graph.SliceAxis(c.arg(i), 0, graph.AxisElem(direction)), c.dims(i)[1], c.dims(i)[2])
}

// project multiplies the whole sequence by Wᵀ at once: [steps, batch, gates·hidden].
func (c *cell) project(x *graph.Node, direction int) *graph.Node {
	d := x.Shape().Dimensions
	y := graph.DotGeneral(graph.Reshape(x, d[0]*d[1], d[2]), []int{1}, nil, c.weightOf(1, direction), []int{1}, nil)
	if c.wb != nil {
		y = graph.Add(y, c.wb)
	}
	return graph.Reshape(y, d[0], d[1], y.Shape().Dimensions[1])
}

// walk runs the steps. Past the end of a sequence its states stay and its output
// is zero; a backward walk so begins at its own end.
func (c *cell) walk(kind *cellKind, x *graph.Node, state []*graph.Node, lens *graph.Node, back bool) (*graph.Node, []*graph.Node) {
	at := unstack(x)
	outs := make([]*graph.Node, len(at))
	for i := range at {
		t := i
		if back {
			t = len(at) - 1 - i
		}
		next := kind.step(c, at[t], state)
		y := next[0]
		if lens != nil {
			dims := y.Shape().Dimensions
			inside := graph.BroadcastToDims(graph.GreaterThan(lens, constantLike(lens, float64(t))), dims...)
			y = graph.Where(inside, y, graph.ZerosLike(y))
			for j := range next {
				next[j] = graph.Where(inside, next[j], state[j])
			}
		}
		outs[t], state = graph.InsertAxes(y, 0, 0), next
	}
	return graph.Concatenate(outs, 0), state
}

// unstack cuts the first axis into its elements, by halves: the gradient of a cut
// is as large as what it was cut from, so that cutting each element from the whole
// would cost the square of the length.
func unstack(x *graph.Node) []*graph.Node {
	d := x.Shape().Dimensions
	if d[0] == 1 {
		return []*graph.Node{graph.Reshape(x, d[1:]...)}
	}
	half := d[0] / 2
	return append(unstack(graph.SliceAxis(x, 0, graph.AxisRange(0, half))),
		unstack(graph.SliceAxis(x, 0, graph.AxisRange(half, d[0])))...)
}
