package pattern

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Pattern is a named set of results to be found together. It can be used by
// several goroutines at once when it is no longer changed.
type Pattern struct {
	name    string
	results []*Expr
	anchor  *Expr
	when    func(*View, *Match) string
	closed  bool
	over    Class // nodes that do not count
}

// New makes a pattern of one or more results. Further results must share a part
// with the first.
func New(name string, results ...*Expr) *Pattern {
	return &Pattern{name: name, results: results, anchor: results[0]}
}

// Anchor says which part is given to [Pattern.At], instead of the first result:
// a rare operator makes a good anchor.
func (p *Pattern) Anchor(e *Expr) *Pattern { p.anchor = e; return p }

// When asks something of a whole match; the answer is why it is none, or empty.
func (p *Pattern) When(why func(*View, *Match) string) *Pattern { p.when = why; return p }

// Closed accepts only matches that can be replaced: no value inside is read
// outside or is a graph output. Results are not inside, nor is anything that a
// Var stands for.
func (p *Pattern) Closed() *Pattern { p.closed = true; return p }

// Over leaves nodes of the class out of account wherever the pattern wants a node:
// it is also matched behind such nodes, and values that they alone part are one.
// They are not among the match's nodes.
func (p *Pattern) Over(class Class) *Pattern { p.over = class; return p }

// Name is the pattern's name.
func (p *Pattern) Name() string { return p.name }

// Match is where a pattern was found.
type Match struct {
	results []*gs.Value
	values  map[string]*gs.Value
	nodes   []*gs.Node
	found   map[*Expr]string // functions of cones
	ways    map[*Expr][]*gs.Value
}

// Result is the value of the pattern's first result.
func (m *Match) Result() *gs.Value { return m.results[0] }

// Results are the values of all results.
func (m *Match) Results() []*gs.Value { return m.results }

// Value is the value bound to a name; nil for an input that was left out or an
// alternative that was not taken.
func (m *Match) Value(name string) *gs.Value { return m.values[name] }

// Node computes the value bound to a name, or is nil.
func (m *Match) Node(name string) *gs.Node {
	if v := m.values[name]; v != nil {
		return v.Producer()
	}
	return nil
}

// Nodes are the matched nodes in the file's order, pass-through nodes and those
// of cones included; constants' are not.
func (m *Match) Nodes() []*gs.Node { return m.nodes }

// Function is the function that a [Cone] of the pattern was found to compute.
func (m *Match) Function(cone *Expr) string { return m.found[cone] }

// Way is the shortest way that a [Via] of the pattern goes back: the values from its
// own to the last before its source.
func (m *Match) Way(via *Expr) []*gs.Value { return m.ways[via] }

// Miss says how far the best partial match got.
type Miss struct {
	Pattern string
	Value   *gs.Value // where it stopped; nil for an input that is left out
	Node    *gs.Node  // that computes it, or was to read it; may be nil
	Want    string
	Got     string
	Matched []*gs.Node // that fitted
}

// Reason says where it stopped, what was wanted and what was there.
func (m *Miss) Reason() string {
	at := ""
	if m.Node != nil {
		at = fmt.Sprintf("at %s %q: ", displayed(m.Node), m.Node.Label())
	} else if m.Value != nil {
		at = fmt.Sprintf("at %q: ", m.Value.Name())
	}
	return at + "want " + m.Want + ", got " + m.Got
}

// String says it in a line, with how far it got.
func (m *Miss) String() string {
	return fmt.Sprintf("%s: after %d matching nodes, %s", m.Pattern, len(m.Matched), m.Reason())
}

func displayed(n *gs.Node) string { return strings.ReplaceAll(OpName(n), "::", ".") }

// Begins reports whether a node's operator is one that the pattern's anchor may be,
// where that is an [Op] or several by [Or].
func (p *Pattern) Begins(n *gs.Node) bool { return p.anchor.begins(n) }

func (e *Expr) begins(n *gs.Node) bool {
	return e.kind == kindOp && e.accepts(n) || e.kind == kindOr && slices.ContainsFunc(e.in, func(a *Expr) bool { return a.begins(n) })
}

// At matches the pattern with its anchor at the value. The miss is nil if it fits.
func (p *Pattern) At(v *View, x *gs.Value) (*Match, *Miss) { return p.match(v, x, nil) }

// From is At with some Vars bound beforehand, by name.
func (p *Pattern) From(v *View, x *gs.Value, bound map[string]*gs.Value) (*Match, *Miss) {
	return p.match(v, x, bound)
}

// Every gives the matches with the anchor at the value, one for each first result;
// the miss tells why there is none.
func (p *Pattern) Every(v *View, x *gs.Value) ([]*Match, *Miss) {
	var out []*Match
	miss := p.matches(v, x, nil, func(m *Match) bool {
		if !slices.ContainsFunc(out, func(old *Match) bool { return old.Result() == m.Result() }) {
			out = append(out, m)
		}
		return false
	})
	return out, miss
}

// All yields the matches in the file's order of their anchors. A node may belong
// to several.
func (p *Pattern) All(v *View) iter.Seq[*Match] {
	return func(yield func(*Match) bool) {
		for _, n := range v.graph.Nodes() {
			if p.anchor.kind == kindOp && !p.anchor.accepts(n) {
				continue
			}
			for _, o := range n.Outputs() {
				if o == nil || v.fixed[o] {
					continue
				}
				if m, _ := p.At(v, o); m != nil && !yield(m) {
					return
				}
			}
		}
	}
}
