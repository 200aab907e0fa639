package adapterinject

import (
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Misfit is something under the prefix that is no adapter and no head.
type Misfit struct {
	Node  string // label of the added node, or of the base's node that reads one
	Input int    // the input of the base's node; -1 for an added node
	Why   string
}

// String says where and why.
func (m Misfit) String() string {
	if m.Input < 0 {
		return fmt.Sprintf("node %q: %s", m.Node, m.Why)
	}
	return fmt.Sprintf("node %q, input %d: %s", m.Node, m.Input, m.Why)
}

// CheckStructure lists what an injected model, trained or not, has under the prefix
// that is neither an adapter nor the new head. Where a node of the base reads an
// added node, that must be the sum of the value it read before and of a bottleneck's
// result (arXiv 2401.10544), at a place where the base's blocks take adapters; a
// graph output may come from such a sum, or from a head on the base's pooled value;
// and every added node must be part of one of these. Names count for nothing but to
// tell added nodes from the base's. What else differs between the models is not
// looked at: package diff tells.
func CheckStructure(base, injected *gs.Model) ([]Misfit, error) {
	if base == nil || injected == nil {
		return nil, fmt.Errorf("no model: want a base and an injected one")
	}
	s := newStructure(base, injected)
	var misfits []Misfit
	stray := map[*gs.Node]bool{} // read as if they were sums
	for _, n := range injected.Graph.Nodes() {
		if s.added(n) {
			continue
		}
		for i, v := range n.Inputs() {
			if v == nil || !s.added(v.Producer()) {
				continue
			}
			if why := s.edge(n, i, v); why != "" {
				misfits = append(misfits, Misfit{n.Label(), i, why})
				stray[v.Producer()] = s.sum(v).stream == ""
			}
		}
	}
	for _, v := range injected.Graph.Outputs() {
		if s.added(v.Producer()) {
			s.output(v)
		}
	}
	for _, n := range injected.Graph.Nodes() {
		if s.added(n) && (stray[n] || !s.known[n]) {
			misfits = append(misfits, Misfit{n.Label(), -1, "it is part of no adapter and of no head"})
		}
	}
	return misfits, nil
}

// structure reads an injected graph against its base.
type structure struct {
	base     *gs.Graph
	byName   map[string]bool     // names of the base's nodes
	byLabel  map[string]*gs.Node // the base's nodes
	places   map[string]bool     // values of the base that an adapter's result is added to
	joints   map[string]bool     // labels of the base's residual additions
	reads    map[string]bool     // values of the base that an adapter reads
	view     *pattern.View       // of the injected graph
	rule     *pattern.Pattern
	replaced *HeadSite
	sums     map[*gs.Value]addition
	known    map[*gs.Node]bool // added nodes that are part of something
}

// addition is a value of the base and the added nodes that add adapters' results to it.
type addition struct {
	stream string // "" if it is no such sum
	nodes  []*gs.Node
}

func newStructure(base, injected *gs.Model) *structure {
	s := &structure{
		base: base.Graph, byName: map[string]bool{}, byLabel: map[string]*gs.Node{}, places: map[string]bool{}, joints: map[string]bool{}, reads: map[string]bool{},
		sums: map[*gs.Value]addition{}, known: map[*gs.Node]bool{},
	}
	s.view, s.rule = pattern.Look(injected.Graph, nil), s.newRule()
	for _, n := range base.Graph.Nodes() {
		s.byName[n.Name()], s.byLabel[n.Label()] = true, n
	}
	blocks, _ := Find(base)
	for _, b := range blocks {
		for _, name := range []SiteName{AttentionOut, MLPOut} {
			if site, ok := b.Site(name); ok {
				s.places[site.Value.Name()], s.reads[site.Value.Name()] = true, true
			}
		}
		for _, v := range []*gs.Value{b.ResidualAttn, b.ResidualMLP} {
			if v != nil && v.Producer() != nil {
				s.joints[v.Producer().Label()] = true
			}
		}
		if b.NormMLP != nil {
			s.reads[b.NormMLP.Name()] = true
		}
	}
	if info, ok := Provenance(injected); ok && len(info.Labels) > 0 {
		if site, err := FindHead(base); err == nil {
			s.replaced = &site
		}
	}
	return s
}

// added reports whether a node stands under the prefix and not in the base.
func (s *structure) added(n *gs.Node) bool {
	return n != nil && hasPrefix(n.Name()) && !s.byName[n.Name()]
}

// edge says why a node of the base must not read v, or nothing.
func (s *structure) edge(n *gs.Node, input int, v *gs.Value) string {
	x := s.sum(v)
	if x.stream == "" {
		return fmt.Sprintf("%q is not the sum of a base's value and an adapter's result", v.Name())
	}
	if old := s.byLabel[n.Label()]; old == nil || old.Input(input) == nil || old.Input(input).Name() != x.stream {
		return fmt.Sprintf("%q adds to %q, which the base does not read here", v.Name(), x.stream)
	}
	if !s.places[x.stream] && !s.joints[n.Label()] {
		return fmt.Sprintf("%q adds to %q, where no adapter goes", v.Name(), x.stream)
	}
	s.keep(x.nodes)
	return ""
}

// output notes what a graph output comes from, if it is a sum or a head. The
// output itself package diff reports.
func (s *structure) output(v *gs.Value) {
	if x := s.sum(v); x.stream == v.Name() && s.places[x.stream] {
		s.keep(x.nodes)
		return
	}
	if s.replaced == nil || v.Name() != s.replaced.Output.Name() {
		return
	}
	nodes, leaves := s.inside(v)
	if len(leaves) == 1 && leaves[0] == s.replaced.Pooled.Name() {
		s.keep(nodes)
	}
}

func (s *structure) keep(nodes []*gs.Node) {
	for _, n := range nodes {
		s.known[n] = true
	}
}

// name is the base's name of a value that no added node computes. A value that was
// a graph output, which an adapter took over, is computed under a longer name.
func (s *structure) name(v *gs.Value) string {
	if s.base.Value(v.Name()) != nil || v.Producer() == nil {
		return v.Name()
	}
	for _, o := range s.base.Outputs() {
		if p := o.Producer(); p != nil && p.Label() == v.Producer().Label() && o.OutputIndex() == v.OutputIndex() {
			return o.Name()
		}
	}
	return v.Name()
}

// sum reads v as a base's value plus adapters' results.
func (s *structure) sum(v *gs.Value) addition {
	if x, ok := s.sums[v]; ok {
		return x
	}
	x := s.readSum(v)
	s.sums[v] = x
	return x
}

func (s *structure) readSum(v *gs.Value) addition {
	m, _ := s.rule.At(s.view, v)
	if m == nil {
		return addition{}
	}
	return s.read(m)
}

// newRule is the pattern of a base's value, perhaps a sum itself, plus A(z), perhaps
// times a constant: a product with an added weight and its bias, and below them what
// reads z alone.
func (s *structure) newRule() *pattern.Pattern {
	added := func(op string, in ...*pattern.Expr) *pattern.Expr {
		return pattern.Op(op, in...).Attr("an added node", func(_ *pattern.View, n *gs.Node) bool { return s.added(n) })
	}
	stored := func() *pattern.Expr {
		return pattern.Var("").Where("an added weight", func(_ *pattern.View, v *gs.Value) bool { return weight(v) })
	}
	biased := added("Add", added("MatMul", pattern.Var("hidden"), stored()), stored())
	adapter := pattern.Or(added("Mul", biased, added("Constant")), biased).As("adapter")
	return pattern.New("adapter", added("Add", pattern.Var("stream"), adapter).Commutes()).When(func(_ *pattern.View, m *pattern.Match) string {
		if s.read(m).stream == "" {
			return "no value that adapters read and are added to"
		}
		return ""
	})
}

// read gives what a match of the rule adds to what.
func (s *structure) read(m *pattern.Match) addition {
	stream := m.Value("stream")
	nodes, leaves := s.inside(m.Value("adapter"))
	if len(leaves) != 1 || !s.reads[leaves[0]] {
		return addition{}
	}
	x := addition{nodes: append(nodes, m.Result().Producer())}
	if under := s.sum(stream); s.added(stream.Producer()) {
		x.stream, x.nodes = under.stream, append(x.nodes, under.nodes...)
	} else if !hasPrefix(stream.Name()) {
		x.stream = s.name(stream)
	}
	return x
}

// weight reports whether a value is an added initialiser.
func weight(v *gs.Value) bool { return v != nil && v.Initializer() != nil && hasPrefix(v.Name()) }

// inside gives the added nodes that v is computed by, and the base's values that
// they read.
func (s *structure) inside(v *gs.Value) (nodes []*gs.Node, leaves []string) {
	seen := map[*gs.Value]bool{}
	var visit func(v *gs.Value, top bool)
	visit = func(v *gs.Value, top bool) {
		if v == nil || seen[v] || weight(v) {
			return
		}
		seen[v] = true
		n := v.Producer()
		x := addition{}
		if !top {
			x = s.sum(v)
		}
		if x.stream == "" && s.added(n) {
			nodes = append(nodes, n)
			for _, in := range n.Inputs() {
				visit(in, false)
			}
			return
		}
		name := x.stream
		if name == "" {
			name = s.name(v)
		}
		if !slices.Contains(leaves, name) {
			leaves = append(leaves, name)
		}
	}
	visit(v, true)
	return nodes, leaves
}
