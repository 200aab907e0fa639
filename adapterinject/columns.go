package adapterinject

import (
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// spot says which columns of a layer's result the numbers of a value come from: the
// number at an index comes from column base + the sum of axes[a][index[a]]. An axis
// that chooses none is nil. Where no such form is known, axes is nil and columns
// lists them all.
type spot struct {
	axes    [][]int
	base    int
	columns []int
}

// all lists the columns, ascending.
func (s spot) all() []int {
	if s.axes == nil {
		return s.columns
	}
	out := []int{s.base}
	for _, axis := range s.axes {
		if axis == nil {
			continue
		}
		next := make([]int, 0, len(out)*len(axis))
		for _, c := range out {
			for _, d := range axis {
				next = append(next, c+d)
			}
		}
		out = next
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s spot) dissolved() spot { return spot{columns: s.all()} }

// partsOf traces which columns of a packed layer become the query, the key and the
// value.
func (f *facts) partsOf(l *linear, operands map[LayerName]*gs.Value) ([]Part, error) {
	owner := make([]LayerName, l.width)
	var out []Part
	for _, name := range layerNames() {
		operand := operands[name]
		if operand == nil {
			continue
		}
		columns, err := f.columns(l, operand)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, c := range columns {
			if owner[c] != "" {
				return nil, fmt.Errorf("column %d seems to go into %s and %s", c, owner[c], name)
			}
			owner[c] = name
		}
		out = append(out, Part{Name: name, Columns: columns})
	}
	return out, nil
}

// columns traces an operand of attention back to the columns of a layer's result.
func (f *facts) columns(l *linear, operand *gs.Value) ([]int, error) {
	start, err := f.spotOf(l)
	if err != nil {
		return nil, err
	}
	spots := map[*gs.Value]spot{l.out: start}
	walk := f.Back(operand, f.ways.projection, func(v *gs.Value) bool { return v == l.out })
	for _, n := range f.Between(walk, l.out, operand) {
		f.follow(n, spots)
	}
	s, ok := spots[operand]
	if !ok {
		return nil, fmt.Errorf("it is not made of the layer's result")
	}
	return s.all(), nil
}

// spotOf is where a layer's result has its columns.
func (f *facts) spotOf(l *linear) (spot, error) {
	rank := f.Rank(l.out)
	if rank < 1 || l.width <= 0 || l.width > maxWidth {
		return spot{}, fmt.Errorf("the shape of %q is not known", l.out.Name())
	}
	s := spot{axes: make([][]int, rank)}
	switch {
	case is(l.node, "Einsum"):
		return s, fmt.Errorf("the layer is an Einsum")
	case l.channels && rank > 1:
		s.axes[1] = count(l.width, 1)
	default:
		s.axes[rank-1] = count(l.width, 1)
	}
	return s, nil
}

// count is 0, step, 2·step, …
func count(n, step int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i * step
	}
	return out
}

// follow works out the spots of a node's results.
func (f *facts) follow(n *gs.Node, spots map[*gs.Value]spot) {
	var from []spot
	for _, in := range n.Inputs() {
		if s, ok := spots[in]; ok && in != nil {
			from = append(from, s)
		}
	}
	if len(from) == 0 {
		return
	}
	x := from[0]
	if first, ok := spots[n.Input(0)]; len(from) == 1 && ok && first.axes != nil && f.moves(n, first, spots) {
		return
	}
	// What is not followed may pick from all: too many columns are listed then, which
	// shows if they are another part's.
	keeps := len(from) == 1 && x.axes != nil && (pattern.Elementwise().Has(f.View, n) || pattern.Arithmetic().Has(f.View, n)) && f.Rank(n.Output(0)) == len(x.axes)
	if !keeps {
		union := spot{}
		for _, s := range from {
			union.columns = append(union.columns, s.all()...)
		}
		slices.Sort(union.columns)
		x = spot{columns: slices.Compact(union.columns)}
	}
	for _, out := range n.Outputs() {
		if out != nil {
			spots[out] = x
		}
	}
}

// moves follows the operators that move numbers; false if this one cannot be.
func (f *facts) moves(n *gs.Node, x spot, spots map[*gs.Value]spot) bool {
	set := func(s spot, ok bool) bool {
		if ok && n.Output(0) != nil {
			spots[n.Output(0)] = s
		}
		return ok
	}
	switch pattern.OpName(n) {
	case "Identity", "Cast", "Dropout":
		return set(x, true)
	case "Transpose":
		return set(x.turned(n.Ints("perm")))
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		return set(f.reshaped(n, x))
	case "Gather":
		return set(f.gathered(n, x))
	case "Slice":
		return set(f.sliced(n, x))
	case "Split":
		return f.parted(n, x, spots)
	}
	return false
}
