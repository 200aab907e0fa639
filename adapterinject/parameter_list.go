package adapterinject

import (
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// parameters finds the parameters of a graph.
type parameters struct {
	*facts
	places places
	role   map[gs.Use]ParameterRole
	names  map[string]int

	byOperator map[string]map[int]ParameterRole
}

// reading is a node that computes with a constant, or with what was made of it by
// moving its numbers.
type reading struct {
	use   gs.Use
	role  ParameterRole
	block int
	place ParameterPlace
	shape []int
}

func (s *parameters) list() []Parameter {
	var out []Parameter
	for _, v := range s.constants() {
		leafs := s.readings(v, 0)
		if len(leafs) == 0 || !learned(leafs[0].role) && (s.constant(v) || s.wide(v) == 0) {
			continue
		}
		if len(leafs) > 1 && uniform(v) {
			for _, r := range leafs {
				out = append(out, s.parameter(r.shape, []gs.Use{r.use}, []reading{r}))
			}
			continue
		}
		out = append(out, s.parameter(s.shapeOf(v), s.facts.Readers(v), leafs))
	}
	slices.SortStableFunc(out, func(a, b Parameter) int {
		return s.Place(a.leafs[0].use.Node) - s.Place(b.leafs[0].use.Node)
	})
	for i := range out {
		s.name(&out[i])
	}
	return out
}

// learned reports whether a role alone shows that a constant was learned.
func learned(r ParameterRole) bool { return r == RoleBias || r == RoleGain || r == RoleOffset }

// parameter makes one of its readings, of which the first in the file's order counts.
func (s *parameters) parameter(shape []int, uses []gs.Use, leafs []reading) Parameter {
	slices.SortStableFunc(leafs, func(a, b reading) int { return s.Place(a.use.Node) - s.Place(b.use.Node) })
	first := leafs[0]
	return Parameter{Role: first.role, Place: first.place, Block: first.block, Shape: shape, uses: uses, leafs: leafs}
}

// name says which layer's or norm's a parameter is, and what; others are numbered.
func (s *parameters) name(p *Parameter) {
	stem := string(p.Role)
	if layer := s.places.layer[p.leafs[0].use.Node]; layer != "" {
		stem = layer + "_" + stem
	}
	key := fmt.Sprintf("%d/%d/%s", p.Block, p.Place, stem)
	s.names[key]++
	p.Name = stem
	if n := s.names[key]; n > 1 || stem == string(p.Role) {
		p.Name = fmt.Sprintf("%s%d", stem, n)
	}
}

// constants are the float tensors of the file, initialisers first.
func (s *parameters) constants() []*gs.Value {
	var out []*gs.Value
	add := func(v *gs.Value) {
		if v != nil && tunable(s.Type(v).DType) && len(s.shapeOf(v)) > 0 {
			out = append(out, v)
		}
	}
	for _, t := range s.graph.Initializers() {
		add(s.graph.Value(t.Name()))
	}
	for _, n := range s.graph.Nodes() {
		if is(n, "Constant") {
			add(n.Output(0))
		}
	}
	return out
}

// shapeOf is a value's shape; nil if it is not known or that of a number.
func (s *parameters) shapeOf(v *gs.Value) []int {
	var out []int
	for _, d := range s.known(v) {
		out = append(out, int(d))
	}
	return out
}

// maxWays bounds the operators between a constant and a node that computes with it.
const maxWays = 64

// readings are the nodes that compute with a fixed value as with a parameter.
func (s *parameters) readings(v *gs.Value, depth int) []reading {
	if depth > maxWays {
		return nil
	}
	var out []reading
	for _, u := range s.Readers(v) {
		n := u.Node
		if !s.Fixed(n.Output(0)) {
			if role := s.roleAt(u); role != "" {
				out = append(out, s.reading(u, role))
			}
			continue
		}
		var behind []reading
		for _, o := range n.Outputs() {
			if o != nil {
				behind = append(behind, s.readings(o, depth+1)...)
			}
		}
		switch {
		case len(behind) == 0:
		case turns(u):
			out = append(out, behind...)
		case carves(u):
			out = append(out, s.lent(u, behind[0], behind[0].role))
		default:
			if role := s.roleInside(u); role != "" {
				out = append(out, s.lent(u, behind[0], role))
			}
		}
	}
	return out
}

func (s *parameters) reading(u gs.Use, role ParameterRole) reading {
	block, place := s.places.of(u.Node)
	return reading{u, role, block, place, s.shapeOf(u.Node.Input(u.Input))}
}

// lent is a reading by a node whose result is fixed: it belongs where that is used.
func (s *parameters) lent(u gs.Use, behind reading, role ParameterRole) reading {
	return reading{u, role, behind.block, behind.place, s.shapeOf(u.Node.Input(u.Input))}
}

// turns reports whether a node gives every number of the input once.
func turns(u gs.Use) bool {
	return u.Input == 0 && among(u.Node, "Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout")
}

// carves reports whether a node selects, repeats or joins numbers of the input.
func carves(u gs.Use) bool {
	return u.Input == 0 && among(u.Node, "Slice", "Split", "Gather", "Expand", "Tile", "Pad") || is(u.Node, "Concat")
}

// roleInside is the role of an input of a node whose result is fixed: of what is
// computed from constants at run time.
func (s *parameters) roleInside(u gs.Use) ParameterRole {
	if among(u.Node, "Sin", "Cos", "Range", "ConstantOfShape", "Equal", "Less", "Greater") {
		return ""
	}
	role, known := s.role[u]
	switch {
	case known:
		return role
	case s.constant(u.Node.Input(u.Input)):
		return ""
	case among(u.Node, "MatMul", "Gemm"):
		return RoleWeight
	}
	return RoleOther
}

// uniform reports whether all numbers of a tensor are the same.
func uniform(v *gs.Value) bool {
	t := pattern.Tensor(v)
	if t == nil {
		return false
	}
	xs, err := t.Float32s()
	return err == nil && len(xs) > 0 && all(t, xs[0])
}

// uniformly reports whether all numbers of a tensor are x.
func uniformly(v *gs.Value, x float32) bool {
	t := pattern.Tensor(v)
	return t != nil && all(t, x)
}
