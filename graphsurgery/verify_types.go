package graphsurgery

import (
	"errors"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// types tests element types and shapes, by inference.
func (c *checker) types() {
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
		level := LevelTypes
		if e.Rule == rules[ruleRuns].ID {
			level = LevelRunnable
		}
		if level > c.level {
			continue
		}
		p := Problem{Rule: e.Rule, Level: level, Graph: e.Graph, Node: e.Node, Op: e.Op, What: e.What}
		if !seen[p] { // a function is inferred for each call
			c.problems = append(c.problems, p)
		}
		seen[p] = true
	}
}

// constants holds a graph's initialisers against what the file says of their types:
// as inputs, which they stand in for, or in value_info.
func (c *checker) constants(g *pb.GraphProto, s *spot) {
	declared := make(map[string]*pb.TypeProto, len(g.Input))
	for _, list := range [][]*pb.ValueInfoProto{g.ValueInfo, g.Input} {
		for _, v := range list {
			declared[v.GetName()] = v.Type
		}
	}
	for _, t := range g.Initializer {
		want := declared[t.GetName()].GetTensorType()
		switch {
		case want == nil:
		case want.GetElemType() != t.GetDataType():
			c.report(s, ruleDeclared, t.GetName(), "initialiser %q is %s, and declared as %s", t.GetName(), DType(t.GetDataType()), DType(want.GetElemType()))
		case want.GetShape() != nil && !fits(t.Dims, want.GetShape().Dim):
			shape := (&Value{info: declared[t.GetName()]}).Shape()
			c.report(s, ruleDeclared, t.GetName(), "initialiser %q has shape %v, and is declared with %v", t.GetName(), t.Dims, shape)
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
