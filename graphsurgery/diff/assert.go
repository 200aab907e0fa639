package diff

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// AnyNumber as Only.Rewired leaves the number of rewired edges open.
const AnyNumber = -1

// Only says what may differ between a model and what was made of it by adding
// nodes: the zero value lets nothing differ.
type Only struct {
	// Prefix begins the names of all nodes and tensors added to the main graph. If
	// it is empty, none may be.
	Prefix string
	// Metadata begins the metadata keys that may be set. If it is empty, none may.
	Metadata string
	// Rewired is how many inputs of old nodes read an added node now, exactly; or
	// AnyNumber. They may read nothing else that is new.
	Rewired int
	// Outputs are graph outputs, old or new, that an added node may give, of any type. What
	// served only the old output may be gone.
	Outputs []string
}

// UnexpectedError says what differs that should not.
type UnexpectedError struct {
	Changes []Change // not allowed
	Rewired int      // edges that read an added node now
	Want    int      // Only.Rewired
}

// Error lists the first changes.
func (e *UnexpectedError) Error() string {
	const most = 10
	var lines []string
	if e.Want != AnyNumber && e.Rewired != e.Want {
		lines = append(lines, fmt.Sprintf("%d edges are rewired to added nodes, want %d", e.Rewired, e.Want))
	}
	for i, c := range e.Changes {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Changes)-most))
			break
		}
		lines = append(lines, c.String())
	}
	return "the models differ in what should be equal:\n" + strings.Join(lines, "\n")
}

// Assert compares the models and demands that only the given differs; else the
// error is an [UnexpectedError] with all the rest.
func Assert(a, b *gs.Model, only Only) error {
	d, err := Compare(a, b)
	if err != nil {
		return err
	}
	return only.Check(a, b, d)
}

// Check is [Assert] on what Compare gave for a and b.
func (o Only) Check(a, b *gs.Model, d Diff) error {
	w := warden{only: o, live: live(a.Graph, o.Outputs), added: map[string]bool{}, a: a.Graph, b: b.Graph}
	for _, c := range d.Of(NodeAdded) {
		if w.ours(c) {
			w.added[c.Name] = true
		}
	}
	e := &UnexpectedError{Want: o.Rewired}
	for _, c := range d.Changes {
		if c.What == EdgeRewired && c.Field != "output" && w.fromAdded(c.Graph, c.To) {
			e.Rewired++
			continue
		}
		if !w.allows(c) {
			e.Changes = append(e.Changes, c)
		}
	}
	if len(e.Changes) == 0 && (o.Rewired == AnyNumber || o.Rewired == e.Rewired) {
		return nil
	}
	return e
}

// warden judges single changes.
type warden struct {
	only  Only
	live  map[any]bool    // nodes and values of a that other outputs need
	added map[string]bool // labels of nodes
	a, b  *gs.Graph
}

// ours reports whether something was added to the main graph under the prefix.
func (w warden) ours(c Change) bool {
	return w.only.Prefix != "" && c.Graph == "" && strings.HasPrefix(c.Name, w.only.Prefix)
}

// fromAdded reports whether a value of b's main graph comes from an added node.
func (w warden) fromAdded(graph, name string) bool {
	v := w.b.Value(name)
	return graph == "" && v != nil && v.Producer() != nil && w.added[v.Producer().Label()]
}

func (w warden) allows(c Change) bool {
	switch c.What {
	case NodeAdded, TensorAdded:
		return w.ours(c)
	case MetadataSet:
		return w.only.Metadata != "" && strings.HasPrefix(c.Name, w.only.Metadata)
	}
	if c.Graph != "" {
		return false
	}
	switch c.What {
	case EdgeRewired:
		return slices.Contains(w.only.Outputs, c.Name) && w.fromAdded("", c.Name)
	case OutputAdded:
		return slices.Contains(w.only.Outputs, c.Name) && w.fromAdded("", c.Name)
	case TypeChanged, ValueRenamed:
		return slices.Contains(w.only.Outputs, c.Name)
	case TensorRemoved:
		return !w.live[w.a.Value(c.Name)]
	case NodeRemoved:
		i := slices.IndexFunc(w.a.Nodes(), func(n *gs.Node) bool { return n.Label() == c.Name && n.String() == c.From })
		return i >= 0 && !w.live[w.a.Nodes()[i]]
	}
	return false
}

// live gives the nodes and values that a graph needs for its outputs but some.
func live(g *gs.Graph, but []string) map[any]bool {
	seen := map[any]bool{}
	var need func(v *gs.Value)
	var visit func(n *gs.Node)
	visit = func(n *gs.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, v := range n.Inputs() {
			need(v)
		}
		for _, name := range n.AttrNames() {
			if sub := n.Subgraph(name); sub != nil {
				for _, inner := range sub.Nodes() {
					visit(inner)
				}
			}
		}
	}
	need = func(v *gs.Value) {
		if v == nil || seen[v] {
			return
		}
		seen[v] = true
		if v.Producer() != nil {
			visit(v.Producer())
		}
	}
	for _, v := range g.Outputs() {
		if !slices.Contains(but, v.Name()) {
			need(v)
		}
	}
	return seen
}
