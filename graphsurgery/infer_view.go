package graphsurgery

import (
	"encoding/binary"
	"math"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// attrView gives a rule a node's attributes. Inside a function, an attribute may
// refer to one of the call's.
type attrView struct {
	list  []*pb.AttributeProto
	scope *inferScope
	walk  *inferrer
}

var _ infer.Attrs = (*attrView)(nil)

func (a *attrView) attr(name string) *pb.AttributeProto {
	for _, p := range a.list {
		if p.GetName() != name {
			continue
		}
		if ref := p.GetRefAttrName(); ref != "" {
			return a.scope.bound[ref]
		}
		return p
	}
	return nil
}

// Has reports whether the attribute is given.
func (a *attrView) Has(name string) bool { return a.attr(name) != nil }

// Int gives an integer attribute.
func (a *attrView) Int(name string, def int64) int64 {
	if p := a.attr(name); p != nil {
		return p.GetI()
	}
	return def
}

// Ints gives a list of integers.
func (a *attrView) Ints(name string) []int64 { return a.attr(name).GetInts() }

// Float gives a float attribute.
func (a *attrView) Float(name string, def float64) float64 {
	if p := a.attr(name); p != nil {
		return float64(p.GetF())
	}
	return def
}

// Floats gives a list of floats.
func (a *attrView) Floats(name string) []float64 {
	var out []float64
	for _, f := range a.attr(name).GetFloats() {
		out = append(out, float64(f))
	}
	return out
}

// Str gives a string attribute.
func (a *attrView) Str(name, def string) string {
	if p := a.attr(name); p != nil {
		return string(p.GetS())
	}
	return def
}

// Strs gives a list of strings.
func (a *attrView) Strs(name string) []string {
	var out []string
	for _, s := range a.attr(name).GetStrings() {
		out = append(out, string(s))
	}
	return out
}

// Tensor gives a tensor attribute.
func (a *attrView) Tensor(name string) (infer.Value, bool) {
	p := a.attr(name)
	switch {
	case p.GetT() != nil:
		return a.walk.constant(&Tensor{pb: p.T, model: a.walk.model}), true
	case p.GetSparseTensor() != nil:
		v := sparseValue(p.SparseTensor)
		v.Kind = infer.Tensor // Constant makes it dense
		return v, true
	}
	return infer.Value{}, false
}

// TypeOf gives a type attribute.
func (a *attrView) TypeOf(name string) (infer.Type, bool) {
	p := a.attr(name).GetTp()
	return a.walk.declared(p, false), p != nil
}

func sparseValue(t *pb.SparseTensorProto) infer.Value {
	return infer.Value{Type: infer.Type{Kind: infer.Sparse, DType: t.GetValues().GetDataType(), Shape: sizesOf(t.GetDims())}}
}

func sizesOf(dims []int64) []infer.Expr {
	out := make([]infer.Expr, len(dims))
	for i, d := range dims {
		out[i] = infer.Const(d)
		if d < 0 {
			out[i] = infer.Unknown()
		}
	}
	return out
}

// constant gives a tensor's type and, if it is small, its elements.
func (w *inferrer) constant(t *Tensor) infer.Value {
	v := infer.Value{Type: infer.Type{DType: int32(t.DType()), Shape: sizesOf(t.Shape())}}
	n, ok := product(t.Shape())
	if !ok || n > int64(w.ctx.MaxElements) {
		return v
	}
	switch t.DType() {
	case Int64, Int32, Bool:
	default:
		if n > maxFloatElem {
			return v
		}
	}
	v.Elems = elements(t)
	return v
}

// elements gives a small tensor's numbers, nil if they cannot be read.
func elements(t *Tensor) []infer.Elem {
	out := make([]infer.Elem, 0, t.Len())
	switch {
	case t.DType() == Double:
		raw, err := t.Raw()
		if err != nil {
			return nil
		}
		for i := 0; i+8 <= len(raw); i += 8 {
			out = append(out, infer.FloatElem(math.Float64frombits(binary.LittleEndian.Uint64(raw[i:]))))
		}
	case t.DType().IsFloat():
		list, err := t.Float32s()
		if err != nil {
			return nil
		}
		for _, f := range list {
			out = append(out, infer.FloatElem(float64(f)))
		}
	default:
		list, err := t.Int64s()
		if err != nil {
			return nil
		}
		for _, n := range list {
			out = append(out, infer.Int(n))
		}
	}
	return out
}

// declared reads a type of the file. Names of dimensions are the model's symbols in
// the main graph; in a body a name may stand for a different size in each run of it,
// so there it is left out.
func (w *inferrer) declared(p *pb.TypeProto, named bool) infer.Type {
	return w.declaredAt(p, named, 0)
}

func (w *inferrer) declaredAt(p *pb.TypeProto, named bool, depth int) infer.Type {
	elem := func(e *pb.TypeProto) *infer.Type {
		if e == nil || depth > maxNesting {
			return nil
		}
		t := w.declaredAt(e, named, depth+1)
		return &t
	}
	switch {
	case p.GetTensorType() != nil:
		t := p.GetTensorType()
		return infer.Type{DType: t.GetElemType(), Shape: w.declaredShape(t.GetShape(), named)}
	case p.GetSparseTensorType() != nil:
		t := p.GetSparseTensorType()
		return infer.Type{Kind: infer.Sparse, DType: t.GetElemType(), Shape: w.declaredShape(t.GetShape(), named)}
	case p.GetSequenceType() != nil:
		return infer.Type{Kind: infer.Sequence, Elem: elem(p.GetSequenceType().GetElemType())}
	case p.GetOptionalType() != nil:
		return infer.Type{Kind: infer.Optional, Elem: elem(p.GetOptionalType().GetElemType())}
	case p.GetMapType() != nil:
		return infer.Type{Kind: infer.Map, DType: p.GetMapType().GetKeyType(), Elem: elem(p.GetMapType().GetValueType())}
	}
	return infer.Type{}
}

func (w *inferrer) declaredShape(s *pb.TensorShapeProto, named bool) []infer.Expr {
	if s == nil || len(s.Dim) > maxRank {
		return nil
	}
	out := make([]infer.Expr, len(s.Dim))
	for i, d := range s.Dim {
		out[i] = infer.Unknown()
		switch x := d.Value.(type) {
		case *pb.TensorShapeProto_Dimension_DimValue:
			if x.DimValue >= 0 {
				out[i] = infer.Const(x.DimValue)
			}
		case *pb.TensorShapeProto_Dimension_DimParam:
			if named && x.DimParam != "" {
				out[i] = w.ctx.Parse(x.DimParam)
			}
		}
	}
	return out
}
