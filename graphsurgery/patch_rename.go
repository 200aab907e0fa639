package graphsurgery

import (
	"fmt"
	"maps"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

type valueRename struct {
	value *Value
	name  string
}

type nodeRename struct {
	node *Node
	name string
}

// Rename gives a value another name wherever it is mentioned: where it is
// computed, fed, stored and read, in subgraphs too, in types and quantisation
// annotations. Renames come last in a patch; two values can swap their names.
func (p *Patch) Rename(v *Value, name string) {
	switch {
	case !p.has(v):
		p.fail("renaming of a value that is not in this model")
	case name == "":
		p.fail("value %q cannot have an empty name", v.name)
	default:
		p.renames = append(p.renames, valueRename{v, name})
	}
}

// RenameNode gives a node another name; "" takes its name away.
func (p *Patch) RenameNode(n *Node, name string) {
	if p.mine(n) {
		p.labels = append(p.labels, nodeRename{n, name})
	}
}

// Rename gives values of the main graph other names, see [Patch.Rename]: all of
// them, or none and an error. names maps old names to new ones.
func (m *Model) Rename(names map[string]string) error {
	p := m.NewPatch("rename")
	for _, old := range sortedKeys(names) {
		v := m.Graph.Value(old)
		if v == nil {
			p.fail("no value %q in the main graph", old)
			continue
		}
		p.Rename(v, names[old])
	}
	return p.Apply()
}

// RenameNodes gives nodes of the main graph other names: all of them, or none and
// an error.
func (m *Model) RenameNodes(names map[string]string) error {
	byName := make(map[string]*Node, len(m.Graph.nodes))
	for _, n := range m.Graph.nodes {
		byName[n.Name()] = n
	}
	p := m.NewPatch("rename")
	for _, old := range sortedKeys(names) {
		n := byName[old]
		if n == nil || old == "" {
			p.fail("no node %q in the main graph", old)
			continue
		}
		p.RenameNode(n, names[old])
	}
	return p.Apply()
}

func (e *edit) rename() error {
	if len(e.patch.labels) > 0 {
		if err := e.renameNodes(); err != nil {
			return err
		}
	}
	if len(e.patch.renames) > 0 {
		if err := e.renameValues(); err != nil {
			return err
		}
	}
	if len(e.patch.labels)+len(e.patch.renames) == 0 {
		return nil
	}
	return e.patch.model.reindex()
}

func (e *edit) renameNodes() error {
	next := make(map[*Node]string, len(e.patch.labels))
	for _, r := range e.patch.labels {
		if !r.node.current() {
			return fmt.Errorf("node %q is renamed and removed", r.node.Label())
		}
		next[r.node] = r.name
	}
	holder := map[string]*Node{}
	for _, g := range e.graphs() {
		for _, n := range g.nodes {
			if _, renamed := next[n]; !renamed {
				holder[n.Name()] = n
			}
		}
	}
	for _, r := range e.patch.labels {
		if next[r.node] != r.name {
			return fmt.Errorf("node %q is renamed twice, to %q and %q", r.node.Label(), r.name, next[r.node])
		}
		if other := holder[r.name]; r.name != "" && other != nil && other != r.node {
			return fmt.Errorf("node %q cannot be renamed to %q, another node has that name", r.node.Label(), r.name)
		}
		holder[r.name] = r.node
		set(e, &r.node.pb.Name, &r.name)
	}
	return nil
}

// renameValues renames in three sweeps: test for clashes, change the message,
// change the index so that each Value keeps its identity.
func (e *edit) renameValues() error {
	if err := e.testRenames(); err != nil {
		return err
	}
	byGraph := map[*Graph]map[string]string{}
	for _, r := range e.patch.renames {
		v := r.value
		if byGraph[v.graph] == nil {
			byGraph[v.graph] = map[string]string{}
		}
		byGraph[v.graph][v.name] = r.name
		e.renameReaders(v, r.name)
		if v.producer != nil {
			set(e, &v.producer.pb.Output[v.index], r.name)
		}
	}
	for _, g := range e.graphs() {
		if names := byGraph[g]; names != nil {
			e.renamePorts(g, names)
			e.renameConstants(g, names)
			e.renameNotes(g, names)
			set(e, &g.values, rekeyed(g.values, names))
		}
	}
	return nil
}

// testRenames refuses a name that another value which sees or is seen by the
// renamed one has; names are compared in the whole main graph or function.
func (e *edit) testRenames() error {
	next := make(map[*Value]string, len(e.patch.renames))
	for _, r := range e.patch.renames {
		if !r.value.current() {
			return fmt.Errorf("value %q is renamed, but the patch leaves no such value", r.value.name)
		}
		if name, twice := next[r.value]; twice && name != r.name {
			return fmt.Errorf("value %q is renamed twice, to %q and %q", r.value.name, name, r.name)
		}
		next[r.value] = r.name
	}
	type place struct {
		root *Graph
		name string
	}
	holder := map[place]*Value{}
	for _, g := range e.graphs() {
		for name, v := range g.values {
			if _, renamed := next[v]; !renamed {
				holder[place{g.root(), name}] = v
			}
		}
	}
	for _, r := range e.patch.renames {
		at := place{r.value.graph.root(), r.name}
		if other := holder[at]; other != nil && other != r.value {
			return fmt.Errorf("value %q cannot be renamed to %q, another value of graph %q has that name", r.value.name, r.name, other.graph.Name())
		}
		holder[at] = r.value
	}
	return nil
}

// renameReaders lets all readers of a value read it under another name.
func (e *edit) renameReaders(v *Value, name string) {
	for _, u := range v.uses {
		if u.Input >= 0 {
			set(e, &u.Node.pb.Input[u.Input], name)
		}
	}
	for _, out := range v.returned {
		set(e, &out.port.Name, &name)
		delete(e.outs, out.graph)
	}
}

func (e *edit) renamePorts(g *Graph, names map[string]string) {
	for _, list := range [][]*pb.ValueInfoProto{g.pb.Input, g.pb.Output} {
		for _, port := range list {
			if name, ok := names[port.GetName()]; ok && g.defines(port) {
				set(e, &port.Name, &name)
			}
		}
	}
	if f := g.function; f != nil {
		set(e, &f.pb.Input, portNames(g.pb.Input))
		set(e, &f.pb.Output, portNames(g.pb.Output))
	}
}

// defines reports whether a port names a value of g, not one around it.
func (g *Graph) defines(port *pb.ValueInfoProto) bool { return g.values[port.GetName()] != nil }

func (e *edit) renameConstants(g *Graph, names map[string]string) {
	for _, t := range g.pb.Initializer {
		if name, ok := names[t.GetName()]; ok {
			set(e, &t.Name, &name)
		}
	}
	for _, s := range g.pb.SparseInitializer {
		if name, ok := names[s.GetValues().GetName()]; ok {
			set(e, &s.Values.Name, &name)
		}
	}
}

// renameNotes renames in what the graph says about values: types and
// quantisation annotations.
func (e *edit) renameNotes(g *Graph, names map[string]string) {
	for _, info := range g.pb.ValueInfo {
		if name, ok := names[info.GetName()]; ok {
			set(e, &info.Name, &name)
		}
	}
	for _, a := range g.pb.QuantizationAnnotation {
		if name, ok := names[a.GetTensorName()]; ok {
			set(e, &a.TensorName, &name)
		}
		for _, p := range a.QuantParameterTensorNames {
			if name, ok := names[p.GetValue()]; ok {
				set(e, &p.Value, &name)
			}
		}
	}
}

// rekeyed is an index of values after a renaming.
func rekeyed(values map[string]*Value, names map[string]string) map[string]*Value {
	next := maps.Clone(values)
	for old := range names {
		delete(next, old)
	}
	for old, name := range names {
		next[name] = values[old]
	}
	return next
}
