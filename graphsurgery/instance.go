package graphsurgery

import (
	"fmt"
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Instance gives the body of the model-local function that the node calls, as a
// graph of its own in which the attributes that the body takes from its call have
// the values of this call, or the function's defaults; those that have neither
// are not given. The graph is for reading: it is no part of the model and no
// Patch can change it. Weights are shared, not copied.
//
// The error is a [FormatError] if the node calls no function of the model, and an
// [UnsupportedError] if the call hands down a graph.
func (n *Node) Instance() (*Graph, error) {
	f := n.Function()
	if f == nil {
		return nil, &FormatError{File: n.graph.model.path, Node: n.Label(), Op: n.Op(), What: "it calls no function of the model"}
	}
	view := f.view()
	view.Node = make([]*pb.NodeProto, len(f.pb.Node))
	for i, p := range f.pb.Node {
		view.Node[i] = twin(p)
		if err := n.bind(f, view.Node[i]); err != nil {
			return nil, err
		}
	}
	g := &Graph{model: n.graph.model, pb: view, function: f}
	if err := g.define(0); err != nil {
		return nil, err
	}
	var graphs []*Graph
	walk([]*Graph{g}, func(g *Graph) { graphs = append(graphs, g) })
	reads := 0
	for _, g := range graphs {
		reads += g.resolveInputs()
		g.resolveOutputs()
	}
	noteUses(graphs, reads)
	return g, nil
}

// bind gives a node of a copied body, and those in its subgraphs, the attributes
// of the call.
func (n *Node) bind(f *Function, p *pb.NodeProto) error {
	var attrs []*pb.AttributeProto
	for _, a := range p.Attribute {
		if from := a.GetRefAttrName(); from != "" {
			given := n.handed(f, from)
			if given == nil {
				continue
			}
			if len(graphsOf(given)) > 0 {
				return &UnsupportedError{File: n.graph.model.path, Node: n.Label(), Op: n.Op(), Domain: n.Domain(),
					What: fmt.Sprintf("attribute %q hands a graph down to the function's body", from)}
			}
			given = twin(given)
			given.Name = a.Name
			a = given
		}
		attrs = append(attrs, a)
		for _, g := range graphsOf(a) {
			for _, inner := range g.Node {
				if err := n.bind(f, inner); err != nil {
					return err
				}
			}
		}
	}
	p.Attribute = attrs
	return nil
}

// handed is the attribute of the call, else the function's default, else nil.
func (n *Node) handed(f *Function, name string) *pb.AttributeProto {
	if a := n.attr(name); a != nil {
		return a
	}
	i := slices.IndexFunc(f.pb.AttributeProto, func(d *pb.AttributeProto) bool { return d.GetName() == name })
	if i < 0 {
		return nil
	}
	return f.pb.AttributeProto[i]
}
