package graphsurgery

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// String writes the type as the ONNX text syntax does: float[batch,3]; "float"
// is a scalar, "float[]" has an unknown rank, "?" is wholly unknown.
func (t Type) String() string {
	elem := "?"
	if t.Elem != nil {
		elem = t.Elem.String()
	}
	name := textType(int32(t.DType))
	switch {
	case t.Kind == KindSequence:
		return "seq(" + elem + ")"
	case t.Kind == KindOptional:
		return "optional(" + elem + ")"
	case t.Kind == KindMap:
		return "map(" + name + ", " + elem + ")"
	case t.Kind == KindSparse:
		t.Kind = KindTensor
		return "sparse_tensor(" + t.String() + ")"
	case t.DType == Undefined && t.Shape == nil:
		return "?"
	case t.Shape == nil:
		return name + "[]"
	case len(t.Shape) == 0:
		return name
	}
	parts := make([]string, len(t.Shape))
	for i, d := range t.Shape {
		parts[i] = d.String()
	}
	return name + "[" + strings.Join(parts, ",") + "]"
}

// textTypeProto writes a type, "" if there is none.
func textTypeProto(t *pb.TypeProto) string {
	switch v := t.GetValue().(type) {
	case *pb.TypeProto_TensorType:
		return textType(v.TensorType.GetElemType()) + textShape(v.TensorType.GetShape())
	case *pb.TypeProto_SparseTensorType:
		return "sparse_tensor(" + textType(v.SparseTensorType.GetElemType()) + textShape(v.SparseTensorType.GetShape()) + ")"
	case *pb.TypeProto_SequenceType:
		return "seq(" + textTypeProto(v.SequenceType.GetElemType()) + ")"
	case *pb.TypeProto_OptionalType:
		return "optional(" + textTypeProto(v.OptionalType.GetElemType()) + ")"
	case *pb.TypeProto_MapType:
		return "map(" + textType(v.MapType.GetKeyType()) + ", " + textTypeProto(v.MapType.GetValueType()) + ")"
	case *pb.TypeProto_OpaqueType:
		return "opaque(" + quoteText(v.OpaqueType.GetDomain()) + ", " + quoteText(v.OpaqueType.GetName()) + ")"
	}
	return ""
}

// textShape writes "" for a scalar and "[]" for an unknown rank.
func textShape(s *pb.TensorShapeProto) string {
	if s == nil {
		return "[]"
	}
	if len(s.Dim) == 0 {
		return ""
	}
	parts := make([]string, len(s.Dim))
	for i, d := range s.Dim {
		switch v := d.GetValue().(type) {
		case *pb.TensorShapeProto_Dimension_DimValue:
			parts[i] = strconv.FormatInt(v.DimValue, 10)
		case *pb.TensorShapeProto_Dimension_DimParam:
			parts[i] = textOp(v.DimParam)
		default:
			parts[i] = "?"
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// attribute writes "name = value", with the type between them where the value
// does not show it.
func (p *textPrinter) attribute(a *pb.AttributeProto, index *Node) {
	kind := attributeKind(a)
	if a.GetRefAttrName() != "" {
		p.put(textOp(a.GetName()), ": ", textKind(kind), " = @", textOp(a.GetRefAttrName()))
		return
	}
	p.put(textOp(a.GetName()))
	if !showsKind(a, kind) {
		p.put(": ", textKind(kind))
	}
	p.put(" = ")
	switch kind {
	case pb.AttributeProto_INT:
		p.put(strconv.FormatInt(a.GetI(), 10))
	case pb.AttributeProto_FLOAT:
		p.put(textFloat(a.GetF()))
	case pb.AttributeProto_STRING:
		p.put(quoteText(string(a.GetS())))
	case pb.AttributeProto_TENSOR:
		p.tensor(a.T, false)
	case pb.AttributeProto_GRAPH:
		p.graph(a.G, bodyOf(index, a.G))
	case pb.AttributeProto_SPARSE_TENSOR:
		p.sparse(a.SparseTensor)
	case pb.AttributeProto_TYPE_PROTO:
		p.put(textTypeProto(a.Tp))
	default:
		p.put("[")
		p.list(a, kind, index)
		p.put("]")
	}
}

func (p *textPrinter) list(a *pb.AttributeProto, kind pb.AttributeProto_AttributeType, index *Node) {
	switch kind {
	case pb.AttributeProto_INTS:
		p.put(joinText(a.Ints, func(x int64) string { return strconv.FormatInt(x, 10) }))
	case pb.AttributeProto_FLOATS:
		p.put(joinText(a.Floats, textFloat))
	case pb.AttributeProto_STRINGS:
		p.put(joinText(a.Strings, func(s []byte) string { return quoteText(string(s)) }))
	case pb.AttributeProto_TYPE_PROTOS:
		p.put(joinText(a.TypeProtos, textTypeProto))
	case pb.AttributeProto_TENSORS:
		eachText(p, a.Tensors, func(t *pb.TensorProto) { p.tensor(t, false) })
	case pb.AttributeProto_SPARSE_TENSORS:
		eachText(p, a.SparseTensors, p.sparse)
	case pb.AttributeProto_GRAPHS:
		eachText(p, a.Graphs, func(g *pb.GraphProto) { p.graph(g, bodyOf(index, g)) })
	}
}

func eachText[T any](p *textPrinter, list []T, write func(T)) {
	for i, x := range list {
		if i > 0 {
			p.put(", ")
		}
		write(x)
	}
}

// bodyOf finds the index of a subgraph, nil if there is none.
func bodyOf(n *Node, g *pb.GraphProto) *Graph {
	if n == nil {
		return nil
	}
	for _, b := range n.bodies {
		if b.pb == g {
			return b
		}
	}
	return nil
}

// attributeKind is the type given, else the one whose field is set.
func attributeKind(a *pb.AttributeProto) pb.AttributeProto_AttributeType {
	switch {
	case a.GetType() != pb.AttributeProto_UNDEFINED:
		return a.GetType()
	case a.F != nil:
		return pb.AttributeProto_FLOAT
	case a.I != nil:
		return pb.AttributeProto_INT
	case a.S != nil:
		return pb.AttributeProto_STRING
	case a.T != nil:
		return pb.AttributeProto_TENSOR
	case a.G != nil:
		return pb.AttributeProto_GRAPH
	case a.SparseTensor != nil:
		return pb.AttributeProto_SPARSE_TENSOR
	case a.Tp != nil:
		return pb.AttributeProto_TYPE_PROTO
	case len(a.Floats) > 0:
		return pb.AttributeProto_FLOATS
	case len(a.Strings) > 0:
		return pb.AttributeProto_STRINGS
	case len(a.Tensors) > 0:
		return pb.AttributeProto_TENSORS
	case len(a.Graphs) > 0:
		return pb.AttributeProto_GRAPHS
	case len(a.SparseTensors) > 0:
		return pb.AttributeProto_SPARSE_TENSORS
	case len(a.TypeProtos) > 0:
		return pb.AttributeProto_TYPE_PROTOS
	}
	return pb.AttributeProto_INTS // nothing set: an empty list
}

func textKind(k pb.AttributeProto_AttributeType) string {
	if k > 0 && int(k) < len(textKinds) {
		return textKinds[k]
	}
	return "ints"
}

// showsKind reports whether the value alone tells onnx's parser the type.
func showsKind(a *pb.AttributeProto, kind pb.AttributeProto_AttributeType) bool {
	switch kind {
	case pb.AttributeProto_INT, pb.AttributeProto_FLOAT, pb.AttributeProto_STRING:
		return true
	case pb.AttributeProto_INTS:
		return len(a.Ints) > 0
	case pb.AttributeProto_FLOATS:
		return len(a.Floats) > 0
	case pb.AttributeProto_STRINGS:
		return len(a.Strings) > 0
	case pb.AttributeProto_TENSOR:
		name := a.T.GetName()
		return name == "" || textID(name) == name
	case pb.AttributeProto_GRAPH:
		name := a.G.GetName()
		return textID(name) == name && !isFloatWord(name)
	}
	return false
}

// textFloat writes a float such that it is not taken for an integer.
func textFloat(x float32) string {
	s := textNumber(float64(x), 32)
	if strings.ContainsAny(s, ".en") {
		return s
	}
	return s + ".0"
}

// textNumber writes a float in the fewest digits that read back to it.
func textNumber(x float64, bits int) string {
	switch {
	case math.IsNaN(x) && math.Signbit(x):
		return "-nan"
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	return strconv.FormatFloat(x, 'g', -1, bits)
}

// tensor writes "type[dims] name = {values}"; the = stands only in a graph's list
// of tensors. Values in another file are a list of keys and values.
func (p *textPrinter) tensor(t *pb.TensorProto, initializer bool) {
	p.tensorAs(t.GetName(), t, initializer)
}

// tensorAs is tensor under another name, or none.
func (p *textPrinter) tensorAs(name string, t *pb.TensorProto, initializer bool) {
	p.put(textType(t.GetDataType()))
	if len(t.GetDims()) > 0 {
		dims := strings.ReplaceAll(joinText(t.Dims, func(d int64) string { return strconv.FormatInt(d, 10) }), " ", "")
		p.put("[", dims, "]")
	}
	if name != "" || initializer {
		p.put(" ", textID(name))
	}
	external := t.GetDataLocation() == pb.TensorProto_EXTERNAL
	if initializer || external {
		p.put(" =")
	}
	if external {
		p.put(" ", textPairs(t.ExternalData))
		return
	}
	if isHeld(t) {
		raw, err := windowOf(t, p.held).read()
		if err != nil {
			p.put(" {...}") // the text has no place for an error
			return
		}
		t = twin(t)
		release(t, raw)
	}
	n, element := textElements(t)
	p.put(" {")
	for i := range n {
		if i > 0 {
			p.put(", ")
		}
		if i == p.most {
			p.put("... ", strconv.Itoa(n), " values")
			break
		}
		p.put(element(i))
	}
	p.put("}")
}

// textElements gives the number of a tensor's stored values and the text of each.
// Types of less than 8 bits stay packed in bytes, as ONNX's typed form has them,
// and small floats are their bits.
func textElements(t *pb.TensorProto) (n int, element func(i int) string) {
	raw := t.GetRawData()
	le, kind := binary.LittleEndian, DType(t.GetDataType())
	unsigned := func(_ int, x uint64) string { return strconv.FormatUint(x, 10) }
	switch kind {
	case String:
		return len(t.StringData), func(i int) string { return quoteText(string(t.StringData[i])) }
	case Float, Complex64:
		if raw == nil {
			return len(t.GetFloatData()), func(i int) string { return textNumber(float64(t.FloatData[i]), 32) }
		}
		return len(raw) / 4, func(i int) string { return textNumber(float64(math.Float32frombits(le.Uint32(raw[4*i:]))), 32) }
	case Double, Complex128:
		if raw == nil {
			return len(t.DoubleData), func(i int) string { return textNumber(t.DoubleData[i], 64) }
		}
		return len(raw) / 8, func(i int) string { return textNumber(math.Float64frombits(le.Uint64(raw[8*i:])), 64) }
	case Int64:
		if raw == nil {
			return len(t.Int64Data), func(i int) string { return strconv.FormatInt(t.Int64Data[i], 10) }
		}
		return len(raw) / 8, func(i int) string { return strconv.FormatInt(int64(le.Uint64(raw[8*i:])), 10) }
	case Uint32, Uint64:
		if raw == nil {
			return len(t.Uint64Data), func(i int) string { return unsigned(i, t.Uint64Data[i]) }
		}
		if kind == Uint32 {
			return len(raw) / 4, func(i int) string { return unsigned(i, uint64(le.Uint32(raw[4*i:]))) }
		}
		return len(raw) / 8, func(i int) string { return unsigned(i, le.Uint64(raw[8*i:])) }
	}
	if raw == nil {
		return len(t.GetInt32Data()), func(i int) string { return strconv.Itoa(int(t.Int32Data[i])) }
	}
	return textSmall(raw, kind)
}

// textSmall is textElements for raw bytes of what is stored in int32_data.
func textSmall(raw []byte, kind DType) (int, func(i int) string) {
	le := binary.LittleEndian
	switch kind {
	case Int32:
		return len(raw) / 4, func(i int) string { return fmt.Sprint(int32(le.Uint32(raw[4*i:]))) }
	case Int16:
		return len(raw) / 2, func(i int) string { return fmt.Sprint(int16(le.Uint16(raw[2*i:]))) }
	case Uint16, Float16, BFloat16:
		return len(raw) / 2, func(i int) string { return fmt.Sprint(le.Uint16(raw[2*i:])) }
	case Int8:
		return len(raw), func(i int) string { return fmt.Sprint(int8(raw[i])) }
	}
	return len(raw), func(i int) string { return fmt.Sprint(raw[i]) }
}

// sparse writes "sparse(values, indices, [dims])", which onnx's syntax lacks.
func (p *textPrinter) sparse(t *pb.SparseTensorProto) { p.sparseAs(t.GetValues().GetName(), t) }

// sparseAs is sparse with another name of the values, or none.
func (p *textPrinter) sparseAs(name string, t *pb.SparseTensorProto) {
	p.put("sparse(")
	p.tensorAs(name, t.GetValues(), false)
	p.put(", ")
	p.tensor(t.GetIndices(), false)
	p.put(", [", joinText(t.GetDims(), func(d int64) string { return strconv.FormatInt(d, 10) }), "])")
}
