package adapterinject

import (
	"fmt"
	"math"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// fixed is a constant of the copy that a node reads: a tensor, perhaps through
// operators that only move its numbers.
type fixed struct {
	source *gs.Value // the tensor's
	dtype  gs.DType  // of the tensor
	stored []int64   // shape of the tensor
	shape  []int64   // as it is read
	values []float64 // as it is read
	order  []int     // number i as it is read is number order[i] of the tensor
	alone  bool      // nothing else reads it, on the way or at the source
}

func (f *Folder) typeOf(v *gs.Value) gs.Type { return typeOf(f.types, v) }

// source names the tensor that a fixed value is made of, as far as it can be told.
func (f *Folder) source(v *gs.Value) string {
	own := f.model.Graph.Value(v.Name())
	for own.Producer() != nil && len(own.Producer().Inputs()) > 0 && own.Producer().Input(0) != nil {
		own = own.Producer().Input(0)
	}
	return own.Name()
}

// reader is a base's node in the copy.
func (f *Folder) reader(n *gs.Node) *gs.Node {
	return f.model.Graph.Value(n.Output(0).Name()).Producer()
}

// read gives what an input of a base's node is in the copy.
func (f *Folder) read(u gs.Use) (fixed, error) {
	return f.readOwn(f.reader(u.Node).Input(u.Input), 0)
}

func (f *Folder) readOwn(v *gs.Value, depth int) (fixed, error) {
	c := fixed{source: v, alone: len(v.Uses()) == 1 && !v.IsGraphOutput()}
	n := v.Producer()
	if n == nil || is(n, "Constant") {
		t := v.Initializer()
		if t == nil && n != nil {
			t = n.Tensor("value")
		}
		if t == nil {
			return c, f.refuse(v, "it is no tensor of the file")
		}
		values, err := t.Float64s()
		if err != nil {
			return c, err
		}
		c.dtype, c.stored, c.values, c.order = t.DType(), t.Shape(), values, count(len(values), 1)
		c.shape = slices.Clone(c.stored)
		return c, nil
	}
	const most = 16 // operators between a tensor and a product; exporters leave up to three
	if depth == most || !among(n, "Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten") {
		return c, f.refuse(v, "operator "+n.Op()+" computes it")
	}
	from, err := f.readOwn(n.Input(0), depth+1)
	if err != nil {
		return c, err
	}
	from.alone = from.alone && c.alone
	switch n.Op() {
	case "Transpose":
		return from.turned(n.Ints("perm"))
	case "Identity", "Cast":
		return from, nil
	}
	from.shape = nil
	for _, d := range typeOf(f.types, f.base.Value(v.Name())).Shape {
		if d.Value < 0 {
			return c, f.refuse(v, "its shape is not known")
		}
		from.shape = append(from.shape, d.Value)
	}
	return from, nil
}

func (f *Folder) refuse(v *gs.Value, why string) error {
	return &gs.UnsupportedError{What: fmt.Sprintf("nothing can be folded into %q: %s", v.Name(), why), Hint: "export the fused form"}
}

// turned is the constant behind a Transpose.
func (c fixed) turned(perm []int64) (fixed, error) {
	rank := len(c.shape)
	if perm == nil {
		for i := range rank {
			perm = append(perm, int64(rank-1-i))
		}
	}
	if len(perm) != rank {
		return c, &gs.FormatError{What: fmt.Sprintf("perm %v of a Transpose does not fit the shape %v", perm, c.shape)}
	}
	steps, step := make([]int, rank), 1
	for i := rank - 1; i >= 0; i-- {
		steps[i] = step
		step *= int(c.shape[i])
	}
	out := c
	out.shape, out.values, out.order = make([]int64, rank), make([]float64, len(c.values)), make([]int, len(c.order))
	for i, p := range perm {
		if p < 0 || int(p) >= rank {
			return c, &gs.FormatError{What: fmt.Sprintf("perm %v of a Transpose does not fit the shape %v", perm, c.shape)}
		}
		out.shape[i] = c.shape[p]
	}
	for i := range out.values {
		from, rest := 0, i
		for k := rank - 1; k >= 0; k-- {
			n := int(out.shape[k])
			from += rest % n * steps[perm[k]]
			rest /= n
		}
		out.values[i], out.order[i] = c.values[from], c.order[from]
	}
	return out, nil
}

// write lets one reader of a base's fixed value read other numbers, in the order it
// reads them: in the tensor itself if no one else reads it.
func (f *Folder) write(u gs.Use, values []float64) error {
	c, err := f.read(u)
	if err != nil {
		return err
	}
	if c.alone && len(values) == len(c.order) {
		turned := make([]float64, len(values))
		for i, x := range values {
			turned[c.order[i]] = x
		}
		t, err := f.tensor(c.dtype, c.stored, turned)
		if err != nil {
			return err
		}
		return f.SetWeight(c.source, t)
	}
	shape := c.shape
	if len(values) != len(c.order) {
		shape = []int64{int64(len(values))}
	}
	dtype := f.typeOf(u.Node.Input(u.Input)).DType
	if dtype == gs.Undefined {
		dtype = c.dtype
	}
	t, err := f.tensor(dtype, shape, values)
	if err != nil {
		return err
	}
	p := f.model.NewPatch("fold")
	p.ShuntUse(gs.Use{Node: f.reader(u.Node), Input: u.Input}, p.Initializer(f.model.FreshName(c.source.Name()+"_"+strings.ReplaceAll(strings.Trim(f.prefix, "/"), "/", "_")), t))
	return p.Apply()
}

// tensor makes a tensor of floats, rounded to its type, and notes by how much.
func (f *Folder) tensor(d gs.DType, shape []int64, values []float64) (*gs.Tensor, error) {
	single := make([]float32, len(values))
	for i, x := range values {
		single[i] = float32(x)
	}
	t, err := gs.NewFloatTensor(d, shape, single)
	if d == gs.Double {
		t, err = gs.NewTensor(shape, values), nil
	}
	if err != nil {
		return nil, err
	}
	stored, err := t.Float64s()
	if err != nil {
		return nil, err
	}
	r := Rounded{Adapter: strings.TrimSuffix(f.prefix, "/"), DType: d, Shape: slices.Clone(shape)}
	for i, x := range stored {
		if math.IsInf(x, 0) || math.IsNaN(x) {
			return nil, &gs.UnsupportedError{What: fmt.Sprintf("number %d of a folded tensor is %v, which %s cannot hold", i, values[i], d), Hint: "export the fused form"}
		}
		r.Error, r.Largest = max(r.Error, math.Abs(x-values[i])), max(r.Largest, math.Abs(x))
	}
	*f.rounded = append(*f.rounded, r)
	return t, nil
}
