package draw

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

type itemKind int

const (
	nodeItem itemKind = iota
	groupItem
	portItem  // an input or output of the picture
	entryItem // where an edge comes into a group
	exitItem  // where an edge leaves a group
)

// item is a box of a scene.
type item struct {
	kind  itemKind
	id    int // unique in the picture
	lines []line
	class Class
	fill  Class // of a collapsed group
	tip   string
	inner *scene // of an open group

	x, y, w, h float64 // upper left corner, in the scene; size
	layer      int
	ins, outs  map[*gs.Value]float64 // where edges meet it, from its left side; else its middle
}

// line is a line of text in a box.
type line struct {
	text string
	bold bool
}

// link is an edge of a scene; its value is the one it carries.
type link struct {
	value    *gs.Value
	from, to *item
	class    Class
	back     bool // against the flow, from a group that is not convex
	path     []point
}

// scene is the picture, or the inside of an open group.
type scene struct {
	name   string
	parent *scene
	box    *item // in parent
	items  []*item
	links  []*link
	entry  map[*gs.Value]*item
	exit   map[*gs.Value]*item
	w, h   float64
}

func newScene(name string, parent *scene) *scene {
	return &scene{name: name, parent: parent, entry: map[*gs.Value]*item{}, exit: map[*gs.Value]*item{}}
}

// builder turns a graph into scenes.
type builder struct {
	Options
	graph  *gs.Graph
	root   *scene
	ids    int
	home   map[*gs.Node]*scene // where a node's item stands
	item   map[*gs.Node]*item
	fold   map[*gs.Node]bool // constants that are lines of others
	done   map[linkKey]bool  // links made
	ports  map[*gs.Value]*item
	used   [Removed + 1]bool
	whole  []*link // edges from box to box, walls or not
	direct map[linkKey]bool
}

func build(g *gs.Graph, o Options) *builder {
	if o.Class == nil {
		o.Class = func(*gs.Node) Class { return Plain }
	}
	if o.Type == nil {
		o.Type = declared
	}
	if o.Nodes == nil {
		o.Nodes = g.Nodes()
	}
	b := &builder{
		Options: o, graph: g, root: newScene(o.Title, nil),
		home: map[*gs.Node]*scene{}, item: map[*gs.Node]*item{}, fold: map[*gs.Node]bool{},
		done: map[linkKey]bool{}, direct: map[linkKey]bool{}, ports: map[*gs.Value]*item{},
	}
	drawn := map[*gs.Node]bool{}
	for _, n := range o.Nodes {
		drawn[n] = true
		b.fold[n] = folds(n)
	}
	b.groups(b.root, o.Groups, drawn)
	for _, n := range o.Nodes {
		b.leaf(b.root, n)
	}
	for _, v := range g.Inputs() {
		if len(o.Nodes) == len(g.Nodes()) || slices.ContainsFunc(v.Uses(), func(u gs.Use) bool { return b.item[drawnAs(u.Node, g)] != nil }) {
			b.port(v, "input")
		}
	}
	for _, n := range o.Nodes {
		if !b.fold[n] {
			b.reads(n)
		}
	}
	b.results(drawn)
	return b
}

// folds reports whether a node is shown as a line of those that read it.
func folds(n *gs.Node) bool {
	if n.Op() != "Constant" || n.Domain() != "" || len(n.Outputs()) != 1 || n.Output(0) == nil {
		return false
	}
	return !n.Output(0).IsGraphOutput() && len(n.Output(0).Uses()) > 0
}

// drawnAs is the node of g that a node in one of its subgraphs belongs to.
func drawnAs(n *gs.Node, g *gs.Graph) *gs.Node {
	if n == nil || n.Graph() == g {
		return n
	}
	for _, m := range g.Nodes() {
		for _, name := range m.AttrNames() {
			if sub := m.Subgraph(name); sub != nil && drawnAs(n, sub) != nil {
				return m
			}
		}
	}
	return nil
}

// groups makes the boxes of groups, and the nodes in them.
func (b *builder) groups(s *scene, list []Group, drawn map[*gs.Node]bool) {
	for _, g := range list {
		var own []*gs.Node
		for _, n := range g.Nodes {
			if drawn[n] && b.home[n] == nil {
				own = append(own, n)
			}
		}
		if len(own) == 0 {
			continue
		}
		it := b.add(s, &item{kind: groupItem, tip: fmt.Sprintf("%s: %d nodes", g.Name, len(own))})
		if g.Collapsed {
			b.collapse(s, it, g.Name, own)
			continue
		}
		it.inner = newScene(g.Name, s)
		it.inner.box = it
		inside := map[*gs.Node]bool{}
		for _, n := range own {
			inside[n] = true
		}
		b.groups(it.inner, g.Groups, inside)
		for _, n := range own {
			b.leaf(it.inner, n)
		}
	}
}

// add puts an item into a scene.
func (b *builder) add(s *scene, it *item) *item {
	it.id = b.ids
	it.ins, it.outs = map[*gs.Value]float64{}, map[*gs.Value]float64{}
	b.ids++
	s.items = append(s.items, it)
	return it
}

// leaf makes a node's box, unless it has one or is folded.
func (b *builder) leaf(s *scene, n *gs.Node) {
	if b.home[n] != nil {
		return
	}
	b.home[n] = s
	if b.fold[n] {
		return
	}
	class := b.Class(n)
	b.used[class] = true
	b.item[n] = b.add(s, &item{kind: nodeItem, lines: nodeLines(n), class: class, tip: n.Text(gs.Elide(8))})
}

// collapse makes one box of a group's nodes: filled as most of them are, with the
// border of the class that stands out most, and their parameters counted.
func (b *builder) collapse(s *scene, it *item, name string, nodes []*gs.Node) {
	count := [Removed + 1]int{}
	params := [Removed + 1]int64{}
	seen := map[*gs.Tensor]bool{}
	for _, n := range nodes {
		b.home[n], b.item[n] = s, it
		class := b.Class(n)
		it.class = max(it.class, class)
		if !b.fold[n] {
			count[class]++
		}
		for _, v := range n.Inputs() {
			if v != nil && v.Initializer() != nil && v.Initializer().DType().IsFloat() && !seen[v.Initializer()] {
				seen[v.Initializer()] = true
				params[class] += v.Initializer().Len()
			}
		}
	}
	for c := Plain; c <= Removed; c++ {
		b.used[c] = b.used[c] || count[c] > 0
		if count[c] > count[it.fill] {
			it.fill = c
		}
	}
	it.lines = []line{{name, true}, {tally(count[:], "nodes"), false}, {tally(params[:], "parameters"), false}}
}

// tally writes counts by class: "54 nodes", or "42 frozen + 12 added nodes".
func tally[N int | int64](counts []N, noun string) string {
	var parts []string
	for c, n := range counts {
		if n > 0 {
			parts = append(parts, thousands(int64(n))+" "+Class(c).String())
		}
	}
	switch {
	case len(parts) == 0:
		return "no " + noun
	case len(parts) == 1 && counts[Plain] > 0:
		return thousands(int64(counts[Plain])) + " " + noun
	}
	return strings.Join(parts, " + ") + " " + noun
}

// port makes the box of an input or output of the picture.
func (b *builder) port(v *gs.Value, what string) *item {
	if it := b.ports[v]; it != nil && what != "output" {
		return it
	}
	it := b.add(b.root, &item{kind: portItem, tip: what + " " + v.Name(), lines: []line{{short(v.Name(), 30), true}}})
	if t := b.Type(v); t != "" {
		it.lines = append(it.lines, line{short(t, 36), false})
	}
	if what != "output" {
		b.ports[v] = it
	}
	return it
}

// reads links a node to all it reads, in its subgraphs too.
func (b *builder) reads(n *gs.Node) {
	b.readsAs(n, n)
}

func (b *builder) readsAs(n, as *gs.Node) {
	for _, v := range n.Inputs() {
		if v != nil && v.Graph() == b.graph && v.Initializer() == nil {
			b.edge(v, b.home[as], b.item[as])
		}
	}
	for _, name := range n.AttrNames() {
		if sub := n.Subgraph(name); sub != nil {
			for _, inner := range sub.Nodes() {
				b.readsAs(inner, as)
			}
		}
	}
}

// results makes the outputs: the graph's, or what leaves the nodes drawn.
func (b *builder) results(drawn map[*gs.Node]bool) {
	for _, n := range b.Nodes {
		for _, v := range n.Outputs() {
			if v == nil || b.fold[n] {
				continue
			}
			leaves := v.IsGraphOutput()
			for _, u := range v.Uses() {
				leaves = leaves || !drawn[drawnAs(u.Node, b.graph)]
			}
			if leaves {
				b.edge(v, b.root, b.port(v, "output"))
			}
		}
	}
	for _, v := range b.graph.Outputs() {
		if v.Producer() == nil && b.ports[v] != nil {
			b.edge(v, b.root, b.port(v, "output"))
		}
	}
}

// edge leads a value to an item, through the walls of groups.
func (b *builder) edge(v *gs.Value, to *scene, target *item) {
	p := v.Producer()
	if b.fold[p] {
		return
	}
	from, source := b.root, b.ports[v]
	class := Plain
	if p != nil && b.item[p] != nil {
		from, source, class = b.home[p], b.item[p], b.Class(p)
	} else if source == nil {
		source = b.port(v, "input")
	}
	if key := (linkKey{v, source, target}); source != target && !b.direct[key] {
		b.whole = append(b.whole, &link{value: v, from: source, to: target, class: class})
		b.direct[key] = true
	}
	meet := common(from, to)
	for ; from != meet; from = from.parent { // out of the source's groups
		out := from.exit[v]
		if out == nil {
			out = b.add(from, &item{kind: exitItem})
			from.exit[v] = out
		}
		b.link(from, v, source, out, class)
		source = from.box
	}
	var way []*scene // into the target's groups
	for s := to; s != meet; s = s.parent {
		way = append(way, s)
	}
	for _, s := range slices.Backward(way) {
		b.link(s.parent, v, source, s.box, class)
		if s.entry[v] == nil {
			s.entry[v] = b.add(s, &item{kind: entryItem})
		}
		source = s.entry[v]
	}
	b.link(to, v, source, target, class)
}

// common is the innermost scene that both stand in.
func common(a, b *scene) *scene {
	above := map[*scene]bool{}
	for ; a != nil; a = a.parent {
		above[a] = true
	}
	for !above[b] {
		b = b.parent
	}
	return b
}

// link adds an edge to a scene, once for each value and pair of items.
func (b *builder) link(s *scene, v *gs.Value, from, to *item, class Class) {
	key := linkKey{v, from, to}
	if from == to || b.done[key] {
		return
	}
	b.done[key] = true
	s.links = append(s.links, &link{value: v, from: from, to: to, class: class})
}

type linkKey struct {
	value    *gs.Value
	from, to *item
}
