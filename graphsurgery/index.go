package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// reindex rebuilds the use–def index from the message. Values, nodes, graphs and
// functions that still exist keep their identity. It takes time in proportion to
// the nodes, not to the tensors.
func (m *Model) reindex() error {
	m.taken.Store(nil)
	m.types = nil
	if err := m.Graph.define(0); err != nil {
		return err
	}
	if err := m.defineFunctions(); err != nil {
		return err
	}
	graphs := m.Graphs()
	reads := 0
	for _, g := range graphs {
		reads += g.resolveInputs()
		g.resolveOutputs()
	}
	noteUses(graphs, reads)
	return nil
}

const maxNesting = 32

// define makes the values, nodes and tensors of g and its subgraphs.
func (g *Graph) define(depth int) error {
	if depth > maxNesting {
		return &FormatError{File: g.model.path, What: fmt.Sprintf("graphs are nested more than %d deep", maxNesting)}
	}
	old := g.values
	g.values = make(map[string]*Value, len(g.pb.Node)+len(g.pb.Initializer)+len(g.pb.Input))
	g.tensors = make(map[string]*Tensor, len(g.pb.Initializer))
	g.defineConstants(old)
	g.defineInputs(old)
	if err := g.defineNodes(old, depth); err != nil {
		return err
	}
	for _, info := range g.pb.ValueInfo {
		if v := g.values[info.GetName()]; v != nil && v.info == nil {
			v.info = info.Type
		}
	}
	g.defineOutputs(old)
	return nil
}

func (g *Graph) defineConstants(old map[string]*Value) {
	g.inits = make([]*Tensor, 0, len(g.pb.Initializer))
	for _, t := range g.pb.Initializer {
		tensor := &Tensor{pb: t, model: g.model}
		g.inits = append(g.inits, tensor)
		g.tensors[t.GetName()] = tensor
		g.value(old, t.GetName()).tensor = tensor
	}
	for _, s := range g.pb.SparseInitializer {
		g.value(old, s.GetValues().GetName()).sparse = s
	}
}

func (g *Graph) defineInputs(old map[string]*Value) {
	g.inputs = nil
	for _, in := range g.pb.Input {
		v := g.value(old, in.GetName())
		v.info, v.port = in.Type, true
		if v.tensor == nil && v.sparse == nil {
			v.input = true
			g.inputs = append(g.inputs, v)
		}
	}
}

// defineOutputs leaves the outputs that nothing here computes to connect, which
// finds them in a graph around.
func (g *Graph) defineOutputs(old map[string]*Value) {
	g.outputs = make([]*Value, len(g.pb.Output))
	for i, out := range g.pb.Output {
		v := g.values[out.GetName()]
		if v == nil && g.outer != nil {
			continue
		}
		if v == nil {
			v = g.value(old, out.GetName())
		}
		g.setOutput(i, v, out)
	}
}

func (g *Graph) setOutput(i int, v *Value, out *pb.ValueInfoProto) {
	v.output = true
	if out.Type != nil {
		v.info = out.Type
	}
	g.outputs[i] = v
}

// value gives the value of that name, made empty on its first mention in this
// indexing.
func (g *Graph) value(old map[string]*Value, name string) *Value {
	if v := g.values[name]; v != nil {
		return v
	}
	v := old[name]
	if v == nil {
		v = &Value{}
	}
	*v = Value{name: name, graph: g}
	g.values[name] = v
	return v
}

func (g *Graph) defineNodes(old map[string]*Value, depth int) error {
	seen := make(map[*pb.NodeProto]*Node, len(g.pb.Node))
	g.nodes = make([]*Node, 0, len(g.pb.Node))
	room := 0
	for _, p := range g.pb.Node {
		room += len(p.Output)
	}
	slots := make([]*Value, room) // one allocation for the outputs of all nodes
	for _, p := range g.pb.Node {
		n := g.seen[p]
		if n == nil {
			n = &Node{pb: p}
		}
		n.graph = g
		seen[p] = n
		g.nodes = append(g.nodes, n)
		k := len(p.Output)
		n.outputs, slots = slots[:k:k], slots[k:]
		for i, name := range p.Output {
			if name == "" {
				continue
			}
			v := g.value(old, name)
			v.producer, v.index = n, i
			n.outputs[i] = v
		}
		if err := n.defineBodies(depth); err != nil {
			return err
		}
	}
	g.seen = seen
	return nil
}

// resolveInputs fills in the inputs of g's nodes and counts them.
func (g *Graph) resolveInputs() int {
	room := 0
	for _, n := range g.nodes {
		room += len(n.pb.Input)
	}
	slots := make([]*Value, room)
	for _, n := range g.nodes {
		k := len(n.pb.Input)
		n.inputs, slots = slots[:k:k], slots[k:]
		for i, name := range n.pb.Input {
			if v := g.resolve(name); v != nil {
				n.inputs[i] = v
				v.reads++
			}
		}
	}
	return room
}

// resolveOutputs fills in the outputs of g that come from a graph around.
func (g *Graph) resolveOutputs() {
	for i, out := range g.pb.Output {
		if g.outputs[i] != nil {
			continue
		}
		v := g.outer.resolve(out.GetName())
		if v == nil {
			g.setOutput(i, g.value(nil, out.GetName()), out) // broken; Verify says so
			continue
		}
		g.outputs[i] = v
		v.returned = append(v.returned, returnedBy{g, out})
	}
}

// noteUses lists the uses of every value, in one allocation for those by nodes.
func noteUses(graphs []*Graph, reads int) {
	slots := make([]Use, reads)
	for _, g := range graphs {
		for _, n := range g.nodes {
			for i, v := range n.inputs {
				if v == nil {
					continue
				}
				if v.uses == nil {
					v.uses, slots = slots[:0:v.reads], slots[v.reads:]
				}
				v.uses = append(v.uses, Use{n, i})
			}
		}
		for _, v := range g.outputs {
			if v.graph != g {
				v.uses = append(v.uses, Use{g.owner, -1})
			}
		}
	}
}

// resolve finds a name in g or the graphs around it.
func (g *Graph) resolve(name string) *Value {
	if name == "" {
		return nil
	}
	for ; g != nil; g = g.outer {
		if v := g.values[name]; v != nil {
			return v
		}
	}
	return nil
}
