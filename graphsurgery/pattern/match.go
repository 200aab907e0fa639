package pattern

import (
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// maxSteps bounds the expressions tried in one match. The longest pattern of
// this project, an attention with its projections, needs some hundreds.
const maxSteps = 20000

// matcher is one attempt. Each function of it goes on by calling next, and undoes
// what it bound if that fails: backtracking over alternatives, operand orders and
// paths.
type matcher struct {
	p     *Pattern
	view  *View
	bound map[*Expr]*gs.Value
	names map[string]*gs.Value
	found map[*Expr]string
	ways  map[*Expr][]*gs.Value
	walks map[place]Walk // of Vias with Any
	nodes []*gs.Node
	steps int
	miss  *Miss
}

// place is where an expression was tried.
type place struct {
	e *Expr
	v *gs.Value
}

func (p *Pattern) match(v *View, x *gs.Value, bound map[string]*gs.Value) (*Match, *Miss) {
	var got *Match
	miss := p.matches(v, x, bound, func(m *Match) bool { got = m; return true })
	if got != nil {
		return got, nil
	}
	return nil, miss
}

// matches gives matches to enough until that is true, and returns the best miss.
func (p *Pattern) matches(v *View, x *gs.Value, bound map[string]*gs.Value, enough func(*Match) bool) *Miss {
	m := &matcher{
		p: p, view: v, bound: map[*Expr]*gs.Value{}, names: map[string]*gs.Value{}, found: map[*Expr]string{},
		ways: map[*Expr][]*gs.Value{}, walks: map[place]Walk{},
	}
	for name, value := range bound {
		m.names[name] = value
	}
	m.value(p.anchor, x, func() bool {
		return m.result(0, func() bool {
			got := m.finish()
			return got != nil && enough(got)
		})
	})
	if m.miss == nil {
		m.fail(x, nil, p.anchor.String(), "nothing")
	}
	return m.miss
}

// result matches results from the i-th on, each reached from what is bound.
func (m *matcher) result(i int, next func() bool) bool {
	if i == len(m.p.results) {
		return next()
	}
	e := m.p.results[i]
	then := func() bool { return m.result(i+1, next) }
	if m.bound[e] != nil {
		return then()
	}
	if v := m.names[e.name]; v != nil { // given beforehand
		return m.value(e, v, then)
	}
	for _, start := range m.known(e) {
		tried := map[*gs.Value]bool{}
		try := func(v *gs.Value) bool {
			if tried[v] {
				return false
			}
			tried[v] = true
			return m.value(e, v, then)
		}
		for _, path := range pathsTo(e, start) {
			if m.climb(path, len(path)-1, m.lookup(start), try) {
				return true
			}
		}
	}
	return false
}

// known are the parts of e that are bound already, the anchor first.
func (m *matcher) known(e *Expr) []*Expr {
	var out []*Expr
	seen := map[*Expr]bool{}
	var walk func(*Expr)
	walk = func(x *Expr) {
		if seen[x] {
			return
		}
		seen[x] = true
		if m.lookup(x) != nil {
			out = append(out, x)
			return
		}
		for _, in := range x.in {
			walk(in)
		}
	}
	walk(e)
	if i := slices.Index(out, m.p.anchor); i > 0 {
		out[0], out[i] = out[i], out[0]
	}
	return out
}

// lookup is the value of a bound expression.
func (m *matcher) lookup(e *Expr) *gs.Value {
	if v := m.bound[e]; v != nil {
		return v
	}
	if e.kind == kindVar && e.name != "" {
		return m.names[e.name]
	}
	return nil
}

// maxPaths bounds the ways through alternatives from a part to a result.
const maxPaths = 64

// pathsTo gives the ways from e down to part.
func pathsTo(e, part *Expr) [][]*Expr {
	if e == part {
		return [][]*Expr{{e}}
	}
	var out [][]*Expr
	for _, in := range e.in {
		for _, rest := range pathsTo(in, part) {
			if len(out) == maxPaths {
				return out
			}
			out = append(out, append([]*Expr{e}, rest...))
		}
	}
	return out
}

// climb goes from the value of path[i] to candidates for path[0].
func (m *matcher) climb(path []*Expr, i int, v *gs.Value, try func(*gs.Value) bool) bool {
	m.steps++
	if i == 0 {
		return try(v)
	}
	if m.steps > maxSteps {
		return false
	}
	parent := path[i-1]
	up := func(o *gs.Value) bool { return m.climb(path, i-1, o, try) }
	switch parent.kind {
	case kindOp:
		return m.climbOp(path, i, v, up)
	case kindVia:
		return m.climbOver(path, i, v, up)
	case kindCone:
		return slices.ContainsFunc(m.view.made(v, Elementwise()), up)
	case kindUnit:
		return slices.ContainsFunc(parent.unit.Results(v), up)
	}
	return up(v)
}

func (m *matcher) climbOp(path []*Expr, i int, v *gs.Value, up func(*gs.Value) bool) bool {
	parent := path[i-1]
	readers := m.view.Readers(v)
	if m.p.over.Has != nil {
		for _, o := range m.view.made(v, m.p.over)[1:] {
			readers = append(readers, m.view.Readers(o)...)
		}
	}
	over := i < len(path) && path[i].kind == kindVia // and says itself what it ended at
	for _, u := range readers {
		switch {
		case !parent.accepts(u.Node):
			if !over && m.news() {
				m.fail(u.Node.Output(0), u.Node, parent.String(), displayed(u.Node))
			}
		case slices.ContainsFunc(parent.outputs(u.Node), up):
			return true
		}
	}
	if len(readers) == 0 && !over {
		m.fail(v, v.Producer(), "to be read by "+parent.String(), "no reader")
	}
	return false
}

// climbOver tries the values made from v by steps of a Via's class.
func (m *matcher) climbOver(path []*Expr, i int, v *gs.Value, up func(*gs.Value) bool) bool {
	made := m.view.made(v, path[i-1].class)
	before := m.miss
	if slices.ContainsFunc(made, up) {
		return true
	}
	if m.miss != before || !m.news() {
		return false
	}
	var readers, ends []*gs.Node
	for _, x := range made {
		for _, u := range m.view.Readers(x) {
			readers = append(readers, u.Node)
			if !path[i-1].class.Has(m.view, u.Node) {
				ends = append(ends, u.Node)
			}
		}
	}
	want := path[i-1].String()
	if i >= 2 {
		want = fmt.Sprintf("to be read by %v, perhaps behind %s", path[i-2], path[i-1].class.Name)
	}
	switch {
	case len(ends) > 0:
		return m.fail(v, v.Producer(), want, displayedAll(ends))
	case len(readers) > 0:
		return m.fail(v, v.Producer(), want, "only "+displayedAll(readers))
	}
	return m.fail(v, v.Producer(), want, "no reader")
}

// news reports whether a failure now is further than any before, so that it is
// worth its words.
func (m *matcher) news() bool { return m.miss == nil || len(m.nodes) > len(m.miss.Matched) }

// fail notes why an attempt stopped, if none got further.
func (m *matcher) fail(v *gs.Value, n *gs.Node, want, got string) bool {
	if m.news() {
		m.miss = &Miss{Pattern: m.p.name, Value: v, Node: n, Want: want, Got: got, Matched: m.view.sorted(m.nodes)}
	}
	return false
}

// value matches an expression with a value; nil is an input that is left out.
func (m *matcher) value(e *Expr, v *gs.Value, next func() bool) bool {
	m.steps++
	if m.steps > maxSteps {
		return m.fail(v, nil, e.String(), "too many possibilities")
	}
	if v == nil {
		if e.optional {
			return next()
		}
		return m.fail(nil, nil, e.String(), "an input that is left out")
	}
	if old := m.lookup(e); old != nil {
		if old == v || m.p.over.Has != nil && m.under(old, nil) == m.under(v, nil) {
			return next()
		}
		return m.fail(v, v.Producer(), fmt.Sprintf("the value %q again", old.Name()), fmt.Sprintf("%q", v.Name()))
	}
	if e.kind == kindOp {
		v = m.under(v, e)
	}
	for _, t := range e.tests {
		if !t.ok(m.view, v) {
			if m.news() {
				m.fail(v, v.Producer(), t.want, m.view.describe(v))
			}
			return false
		}
	}
	return m.bind(e, v, next)
}

// under goes back over nodes that do not count, to one that the expression accepts.
func (m *matcher) under(v *gs.Value, e *Expr) *gs.Value {
	for range maxChain {
		n := v.Producer()
		if m.p.over.Has == nil || n == nil || n.Graph() != m.view.graph || m.view.Fixed(v) || !m.p.over.Has(m.view, n) || e != nil && e.accepts(n) || n.Input(0) == nil {
			break
		}
		v = n.Input(0)
	}
	return v
}

// bind notes the value of an expression while its inside is matched.
func (m *matcher) bind(e *Expr, v *gs.Value, next func() bool) bool {
	m.bound[e] = v
	old, had := m.names[e.name]
	if e.name != "" {
		m.names[e.name] = v
	}
	if m.inside(e, v, next) {
		return true
	}
	delete(m.bound, e)
	if e.name != "" {
		if had {
			m.names[e.name] = old
		} else {
			delete(m.names, e.name)
		}
	}
	return false
}

func (m *matcher) inside(e *Expr, v *gs.Value, next func() bool) bool {
	switch e.kind {
	case kindOp:
		return m.node(e, v, next)
	case kindOr:
		for _, a := range e.in {
			if m.value(a, v, next) {
				return true
			}
		}
		return false
	case kindVia:
		return m.via(e, v, next)
	case kindCone:
		return m.cone(e, v, next)
	case kindUnit:
		return m.unit(e, v, next)
	}
	return next()
}

func (m *matcher) node(e *Expr, v *gs.Value, next func() bool) bool {
	n := v.Producer()
	if n == nil || n.Graph() != m.view.graph || !e.accepts(n) {
		if m.news() {
			m.fail(v, n, e.String(), m.view.describe(v))
		}
		return false
	}
	if e.out >= 0 && v.OutputIndex() != e.out {
		return m.fail(v, n, fmt.Sprintf("output %d of it", e.out), fmt.Sprintf("output %d", v.OutputIndex()))
	}
	for _, t := range e.attrs {
		if !t.ok(m.view, n) {
			return m.fail(v, n, t.want, "another")
		}
	}
	m.nodes = append(m.nodes, n)
	length := len(m.nodes)
	if m.operands(e, n, n.Inputs(), 0, next) {
		return true
	}
	m.nodes = m.nodes[:length]
	if ins := n.Inputs(); e.commutes && len(ins) >= 2 && ins[0] != ins[1] {
		swapped := append([]*gs.Value{ins[1], ins[0]}, ins[2:]...)
		if m.operands(e, n, swapped, 0, next) {
			return true
		}
	}
	m.nodes = m.nodes[:length-1]
	return false
}

// unit matches the result of something recognised before.
func (m *matcher) unit(e *Expr, v *gs.Value, next func() bool) bool {
	ins := e.unit.Operands(v)
	if len(ins) < max(1, len(e.in)) {
		if m.news() {
			m.fail(v, v.Producer(), e.String(), m.view.describe(v))
		}
		return false
	}
	m.nodes = append(m.nodes, v.Producer())
	length := len(m.nodes)
	var operand func(i int) bool
	operand = func(i int) bool {
		return i == len(e.in) && next() || i < len(e.in) && m.value(e.in[i], ins[i], func() bool { return operand(i + 1) })
	}
	if operand(0) {
		return true
	}
	m.nodes = m.nodes[:length-1]
	return false
}

func (m *matcher) operands(e *Expr, n *gs.Node, ins []*gs.Value, i int, next func() bool) bool {
	if i == len(e.in) {
		for _, in := range ins[min(i, len(ins)):] {
			if in != nil {
				return m.fail(in, n, fmt.Sprintf("%d inputs", i), fmt.Sprintf("%d", len(ins)))
			}
		}
		return next()
	}
	if i == len(e.in)-1 && e.in[i].kind == kindVar && e.in[i].name == "…" {
		return next()
	}
	var in *gs.Value
	if i < len(ins) {
		in = ins[i]
	}
	length := len(m.nodes)
	if m.value(e.in[i], in, func() bool { return m.operands(e, n, ins, i+1, next) }) {
		return true
	}
	m.nodes = m.nodes[:length]
	return false
}

func (m *matcher) cone(e *Expr, v *gs.Value, next func() bool) bool {
	from := []*gs.Value{m.lookup(e.in[0])}
	if from[0] == nil {
		from = m.view.sources(v)
	}
	for _, x := range from {
		p, ok := m.view.Expression(x, v)
		if !ok {
			continue
		}
		name, ok := m.view.Name(p, e.want)
		if !ok || name == "" {
			m.fail(v, v.Producer(), e.String(), fmt.Sprintf("another expression of %q", x.Name()))
			continue
		}
		length := len(m.nodes)
		m.nodes = append(m.nodes, p.Nodes...)
		m.found[e] = name
		if m.value(e.in[0], x, next) {
			return true
		}
		m.nodes = m.nodes[:length]
		delete(m.found, e)
	}
	return m.fail(v, v.Producer(), e.String(), m.view.describe(v))
}

// finish checks a complete assignment and makes the match.
func (m *matcher) finish() *Match {
	got := &Match{values: map[string]*gs.Value{}, nodes: m.view.sorted(m.nodes), found: map[*Expr]string{}}
	for _, e := range m.p.results {
		got.results = append(got.results, m.bound[e])
	}
	for name, v := range m.names {
		got.values[name] = v
	}
	for e, name := range m.found {
		got.found[e] = name
	}
	got.ways = map[*Expr][]*gs.Value{}
	for e, way := range m.ways {
		got.ways[e] = way
	}
	if m.p.closed && !m.isClosed(got) {
		return nil
	}
	if m.p.when != nil {
		if why := m.p.when(m.view, got); why != "" {
			m.fail(got.Result(), got.Result().Producer(), "a match that holds together", why)
			return nil
		}
	}
	return got
}

// isClosed reports whether nothing outside reads a value inside the match.
func (m *matcher) isClosed(got *Match) bool {
	for _, n := range got.nodes {
		for _, o := range n.Outputs() {
			if o == nil || slices.Contains(got.results, o) {
				continue
			}
			if o.IsGraphOutput() {
				return m.fail(o, n, "a value read inside only", "a graph output")
			}
			for _, u := range o.Uses() {
				if !slices.Contains(got.nodes, u.Node) {
					return m.fail(o, n, "a value read inside only", fmt.Sprintf("a reader outside, %s %q", displayed(u.Node), u.Node.Label()))
				}
			}
		}
	}
	return true
}

// sorted gives the nodes once each, in the file's order.
func (v *View) sorted(nodes []*gs.Node) []*gs.Node {
	out := slices.Clone(nodes)
	slices.SortFunc(out, func(a, b *gs.Node) int { return v.place[a] - v.place[b] })
	return slices.Compact(out)
}

// describe says what a value is: an operator's result, an input or a constant.
func (v *View) describe(x *gs.Value) string {
	n := x.Producer()
	if s, ok := v.Scalar(x); ok {
		return fmt.Sprintf("the constant %g", s)
	}
	switch {
	case v.Fixed(x) && n == nil:
		return "a stored constant"
	case n == nil:
		return "a graph input"
	case v.Fixed(x):
		return "a constant of " + displayed(n)
	}
	return displayed(n)
}
