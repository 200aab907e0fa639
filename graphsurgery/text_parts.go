package graphsurgery

import "strings"

// Text is the tensor in ONNX's text syntax, such as float[2] w {1, 2}.
func (t *Tensor) Text(opts ...TextOption) string {
	p := newTextPrinter(opts)
	if t.model != nil {
		p.held = t.model.held
	}
	p.tensor(t.pb, false)
	return p.String()
}

// AttrText is an attribute in ONNX's text syntax, such as axis = -1; "" if it is
// not given.
func (n *Node) AttrText(name string, opts ...TextOption) string {
	a := n.attr(name)
	if a == nil {
		return ""
	}
	p := newTextPrinter(opts)
	p.attribute(a, n)
	return p.String()
}

// TypeText is the type that the file declares for the value, in ONNX's text
// syntax, such as float[batch,3] or seq(int64[]); "" if it declares none.
func (v *Value) TypeText() string {
	if v.tensor != nil {
		return Type{DType: v.tensor.DType(), Shape: Known(v.tensor.Shape()...)}.String()
	}
	return textTypeProto(v.info)
}

// SparseText is the value's sparse initialiser as sparse(values, indices, [dims]),
// see [Model.Text]; "" if it has none.
func (v *Value) SparseText() string {
	if v.sparse == nil {
		return ""
	}
	p := newTextPrinter(nil)
	p.sparseAs("", v.sparse)
	return p.String()
}

// OpsetImports gives the imported operator set version of each domain; "" is
// ai.onnx.
func (m *Model) OpsetImports() map[string]int64 {
	out := map[string]int64{}
	for _, o := range m.pb.OpsetImport {
		out[canonical(o.GetDomain())] = o.GetVersion()
	}
	return out
}

// Text is the function in ONNX's text syntax, its header included.
func (f *Function) Text(opts ...TextOption) string {
	p := newTextPrinter(opts)
	p.function(f.pb)
	return strings.TrimPrefix(p.String(), "\n")
}
