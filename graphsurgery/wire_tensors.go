package graphsurgery

import pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"

// tensorWalk is called for every tensor; initializer says that it is one, in any
// graph, and not part of an attribute or a sparse tensor.
type tensorWalk func(t *pb.TensorProto, initializer bool)

// eachTensor visits every tensor of a model: initialisers, attributes, and the
// parts of sparse tensors, in subgraphs, functions and training graphs too.
func eachTensor(m *pb.ModelProto, w tensorWalk) {
	w.graph(m.Graph)
	for _, t := range m.TrainingInfo {
		w.graph(t.Initialization)
		w.graph(t.Algorithm)
	}
	for _, f := range m.Functions {
		w.attributes(f.AttributeProto)
		w.nodes(f.Node)
	}
}

func (w tensorWalk) graph(g *pb.GraphProto) {
	if g == nil {
		return
	}
	w.nodes(g.Node)
	for _, t := range g.Initializer {
		w(t, true)
	}
	w.sparse(g.SparseInitializer)
}

func (w tensorWalk) nodes(nodes []*pb.NodeProto) {
	for _, n := range nodes {
		w.attributes(n.Attribute)
	}
}

func (w tensorWalk) attributes(attributes []*pb.AttributeProto) {
	for _, a := range attributes {
		if a.T != nil {
			w(a.T, false)
		}
		for _, t := range a.Tensors {
			w(t, false)
		}
		if a.SparseTensor != nil {
			w.sparse([]*pb.SparseTensorProto{a.SparseTensor})
		}
		w.sparse(a.SparseTensors)
		for _, g := range graphsOf(a) {
			w.graph(g)
		}
	}
}

func (w tensorWalk) sparse(list []*pb.SparseTensorProto) {
	for _, s := range list {
		if s.Values != nil {
			w(s.Values, false)
		}
		if s.Indices != nil {
			w(s.Indices, false)
		}
	}
}
