package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Function is a model-local function (ONNX IR version 8 and later): an operator
// that the model itself defines by a graph.
type Function struct {
	model *Model
	pb    *pb.FunctionProto
	body  *Graph
}

// Functions are the model's functions in the file's order.
func (m *Model) Functions() []*Function { return m.functions }

// Name is the operator that the function defines.
func (f *Function) Name() string { return f.pb.GetName() }

// Domain is the operator's domain; "" is ai.onnx.
func (f *Function) Domain() string { return canonical(f.pb.GetDomain()) }

// Overload tells functions of the same domain and name apart (IR version 10).
func (f *Function) Overload() string { return f.pb.GetOverload() }

// Body is the function's graph. It has no initialisers, reads nothing from
// outside, and its attributes may refer to those of the call, see
// [Function.Attributes].
func (f *Function) Body() *Graph { return f.body }

// Attributes are the names of the attributes that a call can give, those without
// a default first, in the file's order.
func (f *Function) Attributes() []string {
	names := append([]string(nil), f.pb.Attribute...)
	for _, a := range f.pb.AttributeProto {
		names = append(names, a.GetName())
	}
	return names
}

// Opset is the operator set version that the function's nodes of a domain
// follow.
func (f *Function) Opset(domain string) (int64, bool) { return opsetOf(f.pb.OpsetImport, domain) }

func opsetOf(imports []*pb.OperatorSetIdProto, domain string) (int64, bool) {
	for _, o := range imports {
		if canonical(o.GetDomain()) == canonical(domain) {
			return o.GetVersion(), true
		}
	}
	return 0, false
}

// Function is the model-local function that the node calls, or nil if the
// operator is not one of the model's functions.
func (n *Node) Function() *Function {
	if len(n.graph.model.functions) == 0 {
		return nil
	}
	return n.graph.model.functionOf(functionKey{n.Domain(), n.Op(), n.pb.GetOverload()})
}

// functionKey is what a call names a function by.
type functionKey struct{ domain, name, overload string }

func (f *Function) key() functionKey { return functionKey{f.Domain(), f.Name(), f.Overload()} }

// functionOf gives the first function of that key, or nil.
func (m *Model) functionOf(k functionKey) *Function {
	return m.byKey[k]
}

// defineFunctions indexes the functions' bodies.
func (m *Model) defineFunctions() error {
	old := make(map[*pb.FunctionProto]*Function, len(m.functions))
	for _, f := range m.functions {
		old[f.pb] = f
	}
	m.functions, m.byKey = nil, make(map[functionKey]*Function, len(m.pb.Functions))
	for _, p := range m.pb.Functions {
		f := old[p]
		if f == nil {
			f = &Function{model: m, pb: p, body: &Graph{model: m}}
			f.body.function = f
		}
		f.body.pb = f.view()
		m.functions = append(m.functions, f)
		if m.byKey[f.key()] == nil {
			m.byKey[f.key()] = f
		}
		if err := f.body.define(0); err != nil {
			return fmt.Errorf("function %q: %w", f.Name(), err)
		}
	}
	return nil
}

// view shows the function as a graph message that shares its nodes. It is made
// anew at each indexing; what edits it edits the function, too (edit.setNodes).
func (f *Function) view() *pb.GraphProto {
	types := make(map[string]*pb.TypeProto, len(f.pb.ValueInfo))
	for _, info := range f.pb.ValueInfo {
		types[info.GetName()] = info.Type
	}
	ports := func(names []string) []*pb.ValueInfoProto {
		list := make([]*pb.ValueInfoProto, len(names))
		for i, name := range names {
			list[i] = &pb.ValueInfoProto{Name: &name, Type: types[name]}
		}
		return list
	}
	return &pb.GraphProto{
		Name: f.pb.Name, Node: f.pb.Node, ValueInfo: f.pb.ValueInfo,
		Input: ports(f.pb.Input), Output: ports(f.pb.Output),
	}
}
