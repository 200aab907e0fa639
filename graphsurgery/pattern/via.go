package pattern

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// reach says which of the values that a [Via] is made of it may come from.
type reach struct {
	each  bool // several fit
	any   bool // nearer ones that fit do not hide others
	whole bool // there are no others
	alone bool // nothing else reads the values on the way
	tests []wayTest
}

type wayTest struct {
	want string
	ok   func(*View, []*gs.Node) bool
}

// via matches a Via: the walk back from v must meet a value that fits, and, but
// for Each and Any, only one.
func (m *matcher) via(e *Expr, v *gs.Value, next func() bool) bool {
	w, hits := m.hits(e, v)
	from, r := e.in[0], e.reach
	switch {
	case len(hits) == 0:
		return m.noHit(e, v, w)
	case len(hits) > 1 && !r.each && !r.any:
		return m.fail(v, v.Producer(), "one "+from.String(), fmt.Sprintf("%d of them", len(hits)))
	case r.whole && len(w.Ends) > 0:
		return m.fail(v, w.Ends[0], from.String()+" alone", "also "+displayedAll(w.Ends))
	case r.whole && w.Open:
		return m.fail(v, v.Producer(), from.String()+" alone", "also a value that no node computes")
	}
	length := len(m.nodes)
	for _, hit := range hits {
		between := m.view.Between(w, hit, v)
		if !m.wayFits(e, hit, v, between) {
			continue
		}
		m.nodes = append(m.nodes, between...)
		m.ways[e] = w.way(hit)
		if m.value(from, hit, next) {
			return true
		}
		m.nodes = m.nodes[:length]
	}
	return false
}

// hits gives the values a Via may come from, nearest first.
func (m *matcher) hits(e *Expr, v *gs.Value) (Walk, []*gs.Value) {
	from := e.in[0]
	if !e.reach.any {
		w := m.view.Back(v, e.class, func(x *gs.Value) bool { return m.fits(from, x) })
		return w, w.Hits
	}
	at := place{e, v}
	w, ok := m.walks[at]
	if !ok {
		w = m.view.Back(v, e.class, func(*gs.Value) bool { return false })
		m.walks[at] = w
	}
	old := m.lookup(from)
	if old == nil {
		return w, w.visited
	}
	if _, met := w.toward[old]; met {
		return w, []*gs.Value{old}
	}
	return w, nil
}

func (m *matcher) noHit(e *Expr, v *gs.Value, w Walk) bool {
	if !m.news() {
		return false
	}
	if len(w.Ends) > 0 {
		return m.fail(v, w.Ends[0], e.String(), displayedAll(w.Ends))
	}
	if len(w.visited) > 0 {
		v = w.visited[len(w.visited)-1]
	}
	return m.fail(v, v.Producer(), e.String(), m.view.describe(v))
}

// wayFits asks of the way from a hit what the expression wants of it.
func (m *matcher) wayFits(e *Expr, hit, v *gs.Value, between []*gs.Node) bool {
	for _, t := range e.reach.tests {
		if !t.ok(m.view, between) {
			got := "nothing"
			if len(between) > 0 {
				got = displayedAll(between)
			}
			return m.fail(v, v.Producer(), t.want, got)
		}
	}
	if !e.reach.alone {
		return true
	}
	for _, x := range append([]*gs.Value{hit}, results(between)...) {
		if readers := m.view.Readers(x); len(readers) > 1 {
			return m.fail(x, x.Producer(), "a value with one reader", fmt.Sprintf("%d readers", len(readers)))
		}
	}
	return true
}

func results(nodes []*gs.Node) []*gs.Value {
	var out []*gs.Value
	for _, n := range nodes {
		for _, o := range n.Outputs() {
			if o != nil {
				out = append(out, o)
			}
		}
	}
	return out
}

// displayedAll lists the nodes' operators, each once.
func displayedAll(nodes []*gs.Node) string {
	var names []string
	for _, n := range nodes {
		if name := displayed(n); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
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
