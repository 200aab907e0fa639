package adapterinject

import (
	"errors"
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// ParameterRole says what a parameter is to the layer that reads it.
type ParameterRole string

// The roles of a parameter.
const (
	RoleWeight ParameterRole = "weight" // a matrix, kernel or table of embeddings
	RoleBias   ParameterRole = "bias"   // of a linear layer or convolution
	RoleGain   ParameterRole = "gain"   // of a norm
	RoleOffset ParameterRole = "offset" // of a norm
	RoleOther  ParameterRole = "other"  // a position embedding, learned token, scale of a branch, slope
)

// ParameterPlace says where in a model a parameter is read first.
type ParameterPlace int

// The places of a parameter, in the order of the flow.
const (
	Before     ParameterPlace = iota // in no block and not behind one: the embedding of patches
	Inside                           // in a block
	Behind                           // in no block, behind one: the last norm, a projection, what joins stages
	Classifier                       // in the classifier that a new head would replace
)

// Parameter is a tensor that the base was trained with: a float constant, or one
// reading of it.
//
// Where several layers read one constant, it is one parameter if its numbers differ
// among each other: two tensors that were trained apart do not agree in all numbers.
// A constant of one number throughout, as untrained biases and gains are, is one that
// an exporter or optimiser merged because the numbers happen to be equal: each reading
// is a parameter of its own.
//
// What is read as a number (an epsilon, a scale), a mask, a sinusoidal or rotary
// table, a progression, a BatchNorm's statistics, or what normalises the model's
// input, is a constant and no parameter. A table of relative positions that an
// exporter worked out into the biases of scores is a parameter in that form. A matrix
// is taken for a weight: that of a Fourier transform or a filter bank in the file is
// not told from a learned one.
type Parameter struct {
	Name  string // of its layer and role, as q_weight; no two of one block or place have the same
	Role  ParameterRole
	Place ParameterPlace
	Block int // the first that reads it, or -1
	Shape []int

	uses  []gs.Use  // what reads it, all in one shape
	leafs []reading // the nodes that compute with it
}

// Len is the number of its numbers.
func (p Parameter) Len() int64 {
	n := int64(1)
	for _, d := range p.Shape {
		n *= int64(d)
	}
	return n
}

// Within is the parameter as the given blocks read it: where others share it, theirs
// stays. It is false if none of them reads it.
func (p Parameter) Within(blocks map[int]bool) (Parameter, bool) {
	var own []reading
	for _, r := range p.leafs {
		if blocks[r.block] {
			own = append(own, r)
		}
	}
	if len(own) == 0 {
		return p, false
	}
	if len(own) < len(p.leafs) {
		p.uses, p.Shape = nil, own[0].shape
		for _, r := range own {
			if !slices.Equal(r.shape, p.Shape) { // one way turned, one not: the first one's shape
				continue
			}
			p.uses = append(p.uses, r.use)
		}
	}
	p.Block, p.leafs = own[0].block, own
	return p, true
}

// Parameters lists the parameters of the main graph, in the order of the nodes that
// read them. The error is an *UnsupportedError if the model calls functions of its
// own, whose insides are not looked at, or has integer weights.
func (t *Target) Parameters() ([]Parameter, error) {
	if callsFunctions(t.Model.Graph) {
		return nil, &gs.UnsupportedError{File: t.Model.Path(), What: "the model calls functions of its own, inside which weights are not told from constants", Hint: "inline the model's functions"}
	}
	f := study(t.Model.Graph)
	for _, l := range f.linears {
		if l.quantised || f.quant[l.weight] {
			return nil, &gs.UnsupportedError{File: t.Model.Path(), Node: l.node.Label(), Op: l.node.Op(), What: "its weight is quantised to integers, which cannot be tuned", Hint: "tune the float32 model and quantise afterwards"}
		}
	}
	s := &parameters{facts: f, places: f.placesOf(t), role: f.rolesOf(), byOperator: operatorRoles(), names: map[string]int{}}
	return s.list(), nil
}

// Tune lets what reads a parameter read it plus a trainable offset that begins as zero.
func (s *Splicer) Tune(p Parameter) {
	offset := s.Param(p.Name, p.Shape, Zeros())
	made := map[*gs.Value]gs.Wire{}
	for _, u := range p.uses {
		v := u.Node.Input(u.Input)
		if _, ok := made[v]; !ok {
			made[v] = s.offsetBy(fmt.Sprintf("%s_sum%d", p.Name, len(made)+1), v, offset)
		}
		s.patch.ShuntUse(gs.Use{Node: s.node(u.Node), Input: u.Input}, made[v])
	}
}

// offsetBy adds to a constant in float32, and gives it back in its own type.
func (s *Splicer) offsetBy(name string, v *gs.Value, offset gs.Wire) gs.Wire {
	w, half := s.patch.Tap(s.own(v)), s.half(v)
	if half == gs.Undefined {
		return s.Op(name, "Add", w, offset)
	}
	w = s.Op(name+"_wide", "Cast", w, gs.Attrs{"to": int64(gs.Float)})
	return s.Op(name+"_half", "Cast", s.Op(name, "Add", w, offset), gs.Attrs{"to": int64(half)})
}

// FoldParameter adds the trained offset to the numbers that the parameter's readings
// read. The sum is rounded to the base's type.
func (f *Folder) FoldParameter(p Parameter) error {
	offset, err := f.Numbers(p.Name, int(p.Len()))
	if err != nil {
		return err
	}
	if f.foldSource(p, offset) == nil {
		return nil
	}
	for _, u := range p.uses {
		c, err := f.read(u)
		if err != nil {
			return err
		}
		if err := f.write(u, sums(c.values, offset)); err != nil {
			return err
		}
	}
	return nil
}

var errApart = errors.New("read elsewhere too")

// foldSource adds to the tensor itself, if the parameter has all its readings.
func (f *Folder) foldSource(p Parameter, offset []float64) error {
	v := p.uses[0].Node.Input(p.uses[0].Input)
	if own := f.model.Graph.Value(v.Name()); len(own.Uses()) != len(p.uses) || own.IsGraphOutput() {
		return errApart
	}
	for _, u := range p.uses {
		if u.Node.Input(u.Input) != v {
			return errApart
		}
	}
	t, err := f.Weight(v)
	if err != nil {
		return err
	}
	values, err := t.Float64s()
	if err != nil {
		return err
	}
	t, err = f.tensor(t.DType(), t.Shape(), sums(values, offset))
	if err != nil {
		return err
	}
	return f.SetWeight(v, t)
}

// sums are a + b, number by number.
func sums(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}
