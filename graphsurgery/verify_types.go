package graphsurgery

import (
	"errors"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// types tests element types and shapes, by inference.
func (c *checker) types() {
	c.defaults(c.model.pb.Graph)
	types, err := c.model.InferWith(InferOptions{dead: true})
	if err != nil {
		return // only options that do not fit give one
	}
	seen := map[Problem]bool{}
	for _, err := range types.Problems() {
		var e *TypeError
		if !errors.As(err, &e) || c.full() {
			return
		}
		p := Problem{Rule: e.Rule, Level: LevelTypes, Graph: e.Graph, Node: e.Node, Op: e.Op, What: e.What}
		if !seen[p] { // a function is inferred for each call
			c.problems = append(c.problems, p)
		}
		seen[p] = true
	}
}

// defaults holds initialisers against the types of the inputs they stand in for.
func (c *checker) defaults(g *pb.GraphProto) {
	inputs := make(map[string]*pb.TypeProto, len(g.Input))
	for _, in := range g.Input {
		inputs[in.GetName()] = in.Type
	}
	for _, t := range g.Initializer {
		want := inputs[t.GetName()].GetTensorType()
		switch {
		case want == nil:
		case want.GetElemType() != t.GetDataType():
			c.report(&spot{}, ruleDeclared, t.GetName(), "initialiser %q is %s, and %s as an input", t.GetName(), DType(t.GetDataType()), DType(want.GetElemType()))
		case want.GetShape() != nil && !fits(t.Dims, want.GetShape().Dim):
			shape := (&Value{info: inputs[t.GetName()]}).Shape()
			c.report(&spot{}, ruleDeclared, t.GetName(), "initialiser %q has shape %v, and %v as an input", t.GetName(), t.Dims, shape)
		}
	}
}

func fits(sizes []int64, dims []*pb.TensorShapeProto_Dimension) bool {
	if len(sizes) != len(dims) {
		return false
	}
	for i, d := range dims {
		if v, ok := d.Value.(*pb.TensorShapeProto_Dimension_DimValue); ok && v.DimValue != sizes[i] {
			return false
		}
	}
	return true
}
