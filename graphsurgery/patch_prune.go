package graphsurgery

import (
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// liveness is what is needed in a model: the nodes whose results reach an output,
// and the constants that have a reader.
type liveness struct {
	nodes     map[*pb.NodeProto]bool
	constants map[any]bool // *pb.TensorProto or *pb.SparseTensorProto
}

func (m *Model) liveness() liveness {
	l := liveness{nodes: map[*pb.NodeProto]bool{}, constants: map[any]bool{}}
	var queue []*Node
	need := func(values []*Value) {
		for _, v := range values {
			if v != nil && v.producer != nil && !l.nodes[v.producer.pb] {
				l.nodes[v.producer.pb] = true
				queue = append(queue, v.producer)
			}
		}
	}
	need(m.Graph.outputs)
	for _, f := range m.functions {
		need(f.body.outputs)
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		need(n.inputs)
		for _, body := range n.bodies {
			need(body.outputs)
		}
	}
	m.walkAll(func(g *Graph) {
		for _, v := range g.constants() {
			if len(v.uses) > 0 || v.output {
				l.constants[v.tensorKey()] = true
			}
		}
	})
	return l
}

// constants are the graph's stored values, dense and sparse.
func (g *Graph) constants() []*Value {
	list := make([]*Value, 0, len(g.inits))
	for _, t := range g.inits {
		list = append(list, g.values[t.Name()])
	}
	for _, s := range g.pb.SparseInitializer {
		list = append(list, g.values[s.GetValues().GetName()])
	}
	return list
}

// tensorKey is the message that holds the constant.
func (v *Value) tensorKey() any {
	if v.tensor != nil {
		return v.tensor.pb
	}
	return v.sparse
}

// pruneDead drops what died because of this patch.
func (e *edit) pruneDead() error {
	if !e.patch.prune {
		return nil
	}
	m := e.patch.model
	live := m.liveness()
	dead := map[*pb.NodeProto]bool{}
	for n := range e.before.nodes {
		if !live.nodes[n] {
			dead[n] = true
		}
	}
	lost := e.dropNodes(dead)
	if err := m.reindex(); err != nil {
		return err
	}
	live = m.liveness()
	unread := map[any]bool{}
	m.walkAll(func(g *Graph) {
		for _, v := range g.constants() {
			if key := v.tensorKey(); e.before.constants[key] && !live.constants[key] {
				unread[key] = true
				lost.add(g, v.name)
			}
		}
	})
	e.dropConstants(unread)
	e.forget(lost)
	return m.reindex()
}

// lostNames are the names of values that are gone, by graph.
type lostNames map[*Graph]map[string]bool

func (l lostNames) add(g *Graph, name string) {
	if l[g] == nil {
		l[g] = map[string]bool{}
	}
	l[g][name] = true
}

// dropNodes takes nodes out of the message, and tells what they computed.
func (e *edit) dropNodes(dead map[*pb.NodeProto]bool) lostNames {
	lost := lostNames{}
	if len(dead) == 0 {
		return lost
	}
	for _, g := range e.graphs() {
		left := make([]*pb.NodeProto, 0, len(g.pb.Node))
		for _, n := range g.pb.Node {
			if !dead[n] {
				left = append(left, n)
				continue
			}
			for _, out := range n.Output {
				lost.add(g, out)
			}
		}
		if len(left) < len(g.pb.Node) {
			e.setNodes(g, left)
		}
	}
	return lost
}

// dropConstants takes initialisers out of the message.
func (e *edit) dropConstants(dead map[any]bool) {
	if len(dead) == 0 {
		return
	}
	for _, g := range e.graphs() {
		if g.function != nil {
			continue
		}
		set(e, &g.pb.Initializer, slices.DeleteFunc(slices.Clone(g.pb.Initializer), func(t *pb.TensorProto) bool { return dead[t] }))
		set(e, &g.pb.SparseInitializer, slices.DeleteFunc(slices.Clone(g.pb.SparseInitializer), func(t *pb.SparseTensorProto) bool { return dead[t] }))
	}
}

// forget drops what the model says of values that are gone: their types,
// quantisation parameters, and, of constants, their listing as an input.
func (e *edit) forget(lost lostNames) {
	for _, g := range e.graphs() {
		names := lost[g]
		if len(names) == 0 {
			continue
		}
		isLost := func(v *pb.ValueInfoProto) bool { return names[v.GetName()] }
		if slices.ContainsFunc(g.pb.ValueInfo, isLost) {
			e.setInfo(g, slices.DeleteFunc(slices.Clone(g.pb.ValueInfo), isLost))
		}
		if slices.ContainsFunc(g.pb.Input, isLost) {
			e.setInputs(g, slices.DeleteFunc(slices.Clone(g.pb.Input), isLost))
		}
		set(e, &g.pb.QuantizationAnnotation, slices.DeleteFunc(slices.Clone(g.pb.QuantizationAnnotation), func(a *pb.TensorAnnotation) bool {
			return names[a.GetTensorName()]
		}))
	}
}
