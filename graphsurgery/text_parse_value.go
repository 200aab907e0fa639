package graphsurgery

import (
	"math"
	"strconv"
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// int64 reads an integer.
func (p *textParser) int64() *int64 {
	at := p.tok
	x, err := strconv.ParseInt(p.take(tokInt, "an integer"), 10, 64)
	if err != nil && p.ok() {
		p.tok = at
		p.fail("%s is no 64-bit integer", at)
	}
	return &x
}

// uint64 reads an integer of at most the given bits. Signed types take negative
// numbers, unsigned ones do not.
func (p *textParser) uint64() uint64 {
	at := p.tok
	x, err := strconv.ParseUint(p.take(tokInt, "an integer"), 10, 64)
	if err != nil && p.ok() {
		p.tok = at
		p.fail("%s is no unsigned 64-bit integer", at)
	}
	return x
}

// float reads a number of the given bits.
func (p *textParser) float(bits int) float64 {
	at := p.tok
	if at.kind != tokInt && at.kind != tokFloat && (at.kind != tokIdent || !isFloatWord(at.text)) {
		p.fail("want a number, got %s", at)
		return 0
	}
	p.step()
	digits, negative := strings.CutPrefix(at.text, "-")
	x, err := strconv.ParseFloat(digits, bits)
	if err != nil {
		p.tok = at
		p.fail("%s is no %d-bit float", at, bits)
	}
	if x != x {
		x = math.Float64frombits(0x7ff8000000000000) // the plain one, in 32 bits too
	}
	if negative {
		x = math.Copysign(x, -1)
	}
	return x
}

// atType reports whether a type begins here.
func (p *textParser) atType() bool {
	if p.tok.kind != tokIdent {
		return false
	}
	if isTypeWord(p.tok.text) {
		return true
	}
	if !isExtraTypeWord(p.tok.text) {
		return false
	}
	next := p.ahead()
	switch {
	case p.tok.text == "opaque":
		return next.kind == tokMark && next.text == "("
	case next.kind == tokMark:
		return next.text == "[" || next.text == "{"
	}
	return next.kind == tokIdent || next.kind == tokString
}

func (p *textParser) element() *int32 {
	d, ok := parseTextType(p.tok.text)
	if p.tok.kind != tokIdent || !ok {
		p.fail("want an element type such as float, got %s", p.tok)
	}
	p.step()
	return &d
}

// typeProto reads a type. An empty sequence, optional or map has no element type.
func (p *textParser) typeProto() *pb.TypeProto {
	p.nest()
	defer func() { p.depth-- }()
	word := p.tok.text
	inner := func() (t *pb.TypeProto) {
		if !p.at(")") {
			t = p.typeProto()
		}
		p.want(")", "behind the element type")
		return t
	}
	if p.tok.kind == tokIdent {
		switch word {
		case "seq", "map", "optional", "sparse_tensor", "opaque":
			p.step()
			p.want("(", "behind "+word)
		}
	}
	switch word {
	case "seq":
		return &pb.TypeProto{Value: &pb.TypeProto_SequenceType{SequenceType: &pb.TypeProto_Sequence{ElemType: inner()}}}
	case "optional":
		return &pb.TypeProto{Value: &pb.TypeProto_OptionalType{OptionalType: &pb.TypeProto_Optional{ElemType: inner()}}}
	case "map":
		m := &pb.TypeProto_Map{KeyType: p.element()}
		p.want(",", "behind the key type")
		m.ValueType = inner()
		return &pb.TypeProto{Value: &pb.TypeProto_MapType{MapType: m}}
	case "sparse_tensor":
		s := &pb.TypeProto_SparseTensor{ElemType: p.element(), Shape: p.shape()}
		p.want(")", "behind the element type")
		return &pb.TypeProto{Value: &pb.TypeProto_SparseTensorType{SparseTensorType: s}}
	case "opaque":
		o := &pb.TypeProto_Opaque{Domain: p.text()}
		p.want(",", "behind the domain")
		o.Name = p.text()
		p.want(")", "behind the name")
		return &pb.TypeProto{Value: &pb.TypeProto_OpaqueType{OpaqueType: o}}
	}
	t := &pb.TypeProto_Tensor{ElemType: p.element(), Shape: p.shape()}
	return &pb.TypeProto{Value: &pb.TypeProto_TensorType{TensorType: t}}
}

// shape reads dimensions; none is a scalar, empty brackets an unknown rank.
func (p *textParser) shape() *pb.TensorShapeProto {
	s := &pb.TensorShapeProto{}
	if !p.at("[") {
		return s
	}
	p.bracketed(func() { s.Dim = append(s.Dim, p.dim()) })
	if len(s.Dim) == 0 {
		return nil
	}
	return s
}

func (p *textParser) dim() *pb.TensorShapeProto_Dimension {
	switch {
	case p.accept("?"):
		return &pb.TensorShapeProto_Dimension{}
	case p.isName():
		return &pb.TensorShapeProto_Dimension{Value: &pb.TensorShapeProto_Dimension_DimParam{DimParam: *p.name("a dimension")}}
	case p.tok.kind != tokInt:
		p.fail("want a dimension (a size, a name or ?), got %s", p.tok)
	}
	return &pb.TensorShapeProto_Dimension{Value: &pb.TensorShapeProto_Dimension_DimValue{DimValue: *p.int64()}}
}

// values reads a tensor's values, whose type was read before. A name is set even
// if it is empty.
func (p *textParser) values(kind *pb.TypeProto, name *string) *pb.TensorProto {
	t := &pb.TensorProto{Name: name}
	form := kind.GetTensorType()
	if form == nil || form.Shape == nil {
		p.fail("a tensor needs an element type and its sizes before its name")
		return t
	}
	t.DataType = form.ElemType
	for _, d := range form.Shape.Dim {
		size, ok := d.Value.(*pb.TensorShapeProto_Dimension_DimValue)
		if !ok {
			p.fail("the sizes of a tensor are numbers")
			return t
		}
		t.Dims = append(t.Dims, size.DimValue)
	}
	switch {
	case p.at("{"):
		open := p.tok
		p.enclosed("{", "}", func() { p.value(t) })
		p.counted(t, open)
	case p.at("["):
		location := pb.TensorProto_EXTERNAL
		t.DataLocation = &location
		t.ExternalData = p.pairs()
	}
	return t
}

// counted demands that as many values were given as the shape holds. Types of
// less than a byte are packed, so that their number of values tells nothing.
func (p *textParser) counted(t *pb.TensorProto, open token) {
	want, ok := product(t.Dims)
	per := int64(1)
	switch kind := DType(t.GetDataType()); {
	case kind == Complex64 || kind == Complex128:
		per = 2
	case kind > BFloat16 && kind != 17 && kind != 18 && kind != 19 && kind != 20 && kind != 24:
		return
	}
	got := int64(len(t.FloatData) + len(t.Int32Data) + len(t.StringData) + len(t.Int64Data) + len(t.DoubleData) + len(t.Uint64Data))
	if p.ok() && (!ok || want > math.MaxInt64/per || got != per*want) {
		p.tok = open
		p.fail("%d values for a tensor of shape %v", got, t.Dims)
	}
}

// value reads one value of a tensor into the field of its type.
func (p *textParser) value(t *pb.TensorProto) {
	if p.at("...") {
		p.fail("the values were left out when the text was made, so it cannot be read back")
		return
	}
	switch DType(t.GetDataType()) {
	case String:
		t.StringData = append(t.StringData, []byte(p.take(tokString, "a string")))
	case Float, Complex64:
		t.FloatData = append(t.FloatData, float32(p.float(32)))
	case Double, Complex128:
		t.DoubleData = append(t.DoubleData, p.float(64))
	case Int64:
		t.Int64Data = append(t.Int64Data, *p.int64())
	case Uint32, Uint64:
		t.Uint64Data = append(t.Uint64Data, p.uint64())
	default:
		at := p.tok
		x := *p.int64()
		if x != int64(int32(x)) && p.ok() {
			p.tok = at
			p.fail("%s does not fit the 32 bits that values of %s have", at, textType(t.GetDataType()))
		}
		t.Int32Data = append(t.Int32Data, int32(x))
	}
}

// tensor reads "type[dims] name = {values}", where name and = may be left out.
func (p *textParser) tensor() *pb.TensorProto {
	if !p.atType() {
		p.fail("want a tensor such as float[2] {1, 2}, got %s", p.tok)
	}
	kind := p.typeProto()
	var name *string
	if p.isName() {
		name = p.name("a name")
	}
	p.accept("=")
	return p.values(kind, name)
}

// sparse reads "sparse(values, indices, [dims])".
func (p *textParser) sparse() *pb.SparseTensorProto {
	if p.tok.kind != tokIdent || p.tok.text != "sparse" {
		p.fail("want a sparse tensor, got %s", p.tok)
	}
	p.step()
	s := &pb.SparseTensorProto{}
	p.want("(", "behind sparse")
	s.Values = p.tensor()
	p.want(",", "behind the values")
	s.Indices = p.tensor()
	p.want(",", "behind the indices")
	p.bracketed(func() { s.Dims = append(s.Dims, *p.int64()) })
	p.want(")", "behind the sizes")
	return s
}
