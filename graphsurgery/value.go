package graphsurgery

import (
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Value is a named tensor of a graph: an input, an initialiser or a node's
// output.
type Value struct {
	name     string
	graph    *Graph
	producer *Node
	index    int
	reads    int // while indexing: how many uses by nodes there are
	uses     []Use
	input    bool
	output   bool
	port     bool // listed among the graph's inputs, be it an initialiser too
	info     *pb.TypeProto
	tensor   *Tensor
	sparse   *pb.SparseTensorProto
	returned []returnedBy // outputs of graphs further in that name this value
}

type returnedBy struct {
	graph *Graph
	port  *pb.ValueInfoProto
}

// Use is one place where a value is read. Input counts from 0; a use inside a
// subgraph names the node of the subgraph. Input is -1 where a body of the node
// declares this value, computed outside it, as its output.
type Use struct {
	Node  *Node
	Input int
}

// Name is the value's name.
func (v *Value) Name() string { return v.name }

// Graph is the graph that defines the value.
func (v *Value) Graph() *Graph { return v.graph }

// Producer is the node that computes the value; nil for inputs and initialisers.
func (v *Value) Producer() *Node { return v.producer }

// OutputIndex is the value's place among its producer's outputs.
func (v *Value) OutputIndex() int { return v.index }

// Uses are the places that read the value, in the file's order, subgraphs after
// the graph they stand in. A node that reads it twice is there twice.
func (v *Value) Uses() []Use { return v.uses }

// IsGraphInput reports whether a caller feeds the value.
func (v *Value) IsGraphInput() bool { return v.input }

// IsGraphOutput reports whether a caller gets the value.
func (v *Value) IsGraphOutput() bool { return v.output }

// IsConstant reports whether the value is stored with the graph, densely or
// sparsely, and a caller cannot feed another one.
func (v *Value) IsConstant() bool { return (v.tensor != nil || v.sparse != nil) && !v.IsDefault() }

// IsDefault reports whether the value is an initialiser that is also listed as
// an input, so that a caller may feed another one. Before IR version 4 every
// initialiser had to be listed and none could be fed (ONNX IR specification,
// "Graphs").
func (v *Value) IsDefault() bool {
	return v.port && (v.tensor != nil || v.sparse != nil) && v.graph.model.IRVersion() >= 4
}

// Initializer is the value's constant tensor, or nil; a sparse one is not given.
func (v *Value) Initializer() *Tensor { return v.tensor }

// DType is the element type as far as the file says it, else Undefined.
func (v *Value) DType() DType {
	switch {
	case v.tensor != nil:
		return v.tensor.DType()
	case v.sparse != nil:
		return DType(v.sparse.GetValues().GetDataType())
	}
	return DType(v.info.GetTensorType().GetElemType())
}

// Shape is the shape as far as the file says it; nil if it does not. A scalar
// has an empty, non-nil shape.
func (v *Value) Shape() []Dim {
	switch {
	case v.tensor != nil:
		return Known(v.tensor.Shape()...)
	case v.sparse != nil:
		return Known(v.sparse.Dims...)
	}
	shape := v.info.GetTensorType().GetShape()
	if shape == nil {
		return nil
	}
	dims := make([]Dim, len(shape.Dim))
	for i, d := range shape.Dim {
		dims[i] = Dim{Value: -1, Param: d.GetDimParam()}
		if x, ok := d.Value.(*pb.TensorShapeProto_Dimension_DimValue); ok && x.DimValue >= 0 {
			dims[i] = Dim{Value: x.DimValue}
		}
	}
	return dims
}

// Kind says whether the value is a tensor or, as far as the file says it, a
// sequence, an optional, a map or a sparse tensor.
func (v *Value) Kind() Kind {
	switch {
	case v.tensor != nil || v.sparse != nil:
		return KindTensor
	case v.info.GetSequenceType() != nil:
		return KindSequence
	case v.info.GetOptionalType() != nil:
		return KindOptional
	case v.info.GetMapType() != nil:
		return KindMap
	case v.info.GetSparseTensorType() != nil:
		return KindSparse
	}
	return KindTensor
}

// typ is what the file says of the value.
func (v *Value) typ() Type { return Type{DType: v.DType(), Shape: v.Shape()} }

// current reports whether the value is still part of its model.
func (v *Value) current() bool { return v.graph.values[v.name] == v && v.graph.current() }
