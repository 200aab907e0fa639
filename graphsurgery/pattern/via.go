package pattern

import (
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// maxWalk bounds the values one walk may visit. The longest honest walk, a
// rotary embedding between a projection and its product, needs about thirty.
const maxWalk = 128

// Walk is what a walk over a graph met.
type Walk struct {
	Hits []*gs.Value // where it was told to stop
	Ends []*gs.Node  // that it could not pass
	Path []*gs.Node  // that it passed
}

// Back walks from x against the flow, through the nodes of the class, along
// inputs that are activations, up to values at which stop is true.
func (v *View) Back(x *gs.Value, class Class, stop func(*gs.Value) bool) Walk {
	var w Walk
	seen := map[*gs.Value]bool{x: true}
	for queue := []*gs.Value{x}; len(queue) > 0 && len(seen) <= maxWalk; queue = queue[1:] {
		x := queue[0]
		if stop(x) {
			w.Hits = append(w.Hits, x)
			continue
		}
		n := x.Producer()
		if n == nil || n.Graph() != v.graph {
			continue
		}
		if !class.Has(v, n) {
			w.Ends = append(w.Ends, n)
			continue
		}
		w.Path = append(w.Path, n)
		for _, in := range v.DataInputs(n) {
			if !seen[in] {
				seen[in] = true
				queue = append(queue, in)
			}
		}
	}
	return w
}

// via matches a Via: the walk back from v must meet a value that fits, and, but
// for Each, only one.
func (m *matcher) via(e *Expr, v *gs.Value, next func() bool) bool {
	from := e.in[0]
	w := m.view.Back(v, e.class, func(x *gs.Value) bool { return m.fits(from, x) })
	if !e.every && len(w.Hits) > 1 {
		return m.fail(v, v.Producer(), "one "+from.String(), fmt.Sprintf("%d of them", len(w.Hits)))
	}
	length := len(m.nodes)
	for _, hit := range w.Hits {
		m.nodes = append(m.nodes, m.view.Between(w, hit, v)...)
		if m.value(from, hit, next) {
			return true
		}
		m.nodes = m.nodes[:length]
	}
	if len(w.Hits) == 0 {
		end, got := v.Producer(), m.view.describe(v)
		if len(w.Ends) > 0 {
			end, got = w.Ends[0], displayed(w.Ends[0])
		}
		return m.fail(v, end, e.String(), got)
	}
	return false
}

// fits reports whether e alone matches v. It leaves no trace but a miss that got
// further than where the walk began: that the values on the way are not the one
// looked for is no news.
func (m *matcher) fits(e *Expr, v *gs.Value) bool {
	length, miss := len(m.nodes), m.miss
	ok := false
	m.value(e, v, func() bool { ok = true; return false })
	m.nodes = m.nodes[:length]
	if m.miss != nil && len(m.miss.Matched) <= length {
		m.miss = miss
	}
	return ok
}

// Between are the nodes of a walk's path that lead from one of its hits to the
// value it began at, in the file's order.
func (v *View) Between(w Walk, hit, end *gs.Value) []*gs.Node {
	if hit == end {
		return nil
	}
	reached := map[*gs.Value]bool{hit: true}
	var out []*gs.Node
	for _, n := range v.sorted(w.Path) {
		if !slices.ContainsFunc(n.Inputs(), func(in *gs.Value) bool { return reached[in] }) {
			continue
		}
		out = append(out, n)
		for _, o := range n.Outputs() {
			if o != nil {
				reached[o] = true
			}
		}
	}
	return out
}
