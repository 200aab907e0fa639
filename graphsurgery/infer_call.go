package graphsurgery

import (
	"errors"
	"fmt"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// errTooDeep leaves a body unknown; it is a limit of ours, no fault of the model's.
var errTooDeep = errors.New("graphs and functions are nested too deep to infer")

// body infers a subgraph of a node. What it shows about values outside holds only
// where it runs, and is forgotten.
func (w *inferrer) body(n *pb.NodeProto, s *inferScope, attr string, given []infer.Value) ([]infer.Value, error) {
	view := &attrView{list: n.Attribute, scope: s, walk: w}
	g := view.attr(attr).GetG()
	if g == nil {
		return nil, fmt.Errorf("attribute %s holds no graph", attr)
	}
	if w.depth++; w.depth > maxCalls {
		w.depth--
		return nil, errTooDeep
	}
	before := w.ctx.Mark()
	defer func() {
		w.depth--
		w.ctx.Forget(before, false)
	}()
	if err := w.given(n, s, g, given); err != nil {
		return nil, err
	}
	return w.graph(g, &inferScope{outer: s, opsets: s.opsets, bound: s.bound, call: s.call, at: s.inside(n, attr)}, given)
}

// given tests that a body's inputs are declared as what they are given, and that
// initialisers that hide values around them are of the same type, as onnx's inference
// demands. A loop's states may change their shapes.
func (w *inferrer) given(n *pb.NodeProto, s *inferScope, g *pb.GraphProto, given []infer.Value) error {
	for i, in := range g.Input {
		if i >= len(given) || in.Type == nil {
			continue
		}
		is, declared := given[i].Type, w.declared(in.Type, false)
		if n.GetOpType() != "Scan" {
			declared.Shape = nil
		}
		if _, err := w.ctx.MergeTypes(is, declared); err != nil {
			return fmt.Errorf("input %q of the body is declared otherwise than it is: %w", in.GetName(), err)
		}
	}
	for _, t := range g.Initializer {
		hidden, found := s.get(t.GetName())
		if !found || hidden == nil {
			continue
		}
		if _, err := w.ctx.MergeTypes(hidden.Type, w.constant(&Tensor{pb: t, model: w.model}).Type); err != nil {
			return &ruleError{ruleDeclared, fmt.Errorf("initialiser %q of the body hides a value of another type: %w", t.GetName(), err)}
		}
	}
	return nil
}

// function infers the body of a function for one call: inputs and attributes are
// the call's.
func (w *inferrer) function(f *pb.FunctionProto, n *pb.NodeProto, s *inferScope, in []*infer.Value, outs []infer.Value) error {
	if w.depth++; w.depth > maxCalls {
		w.depth--
		return errTooDeep
	}
	defer func() { w.depth-- }()
	id := callPlace{s.call, n}
	if w.calls[id] == nil {
		w.calls[id] = new(inferCall)
	}
	inner := &inferScope{values: make(map[string]*infer.Value, len(f.Node)), opsets: w.opsets(f.OpsetImport), call: w.calls[id], at: "function " + functionName(f)}
	inner.bound = bind(f, &attrView{list: n.Attribute, scope: s, walk: w})
	for i, name := range f.Input {
		inner.values[name] = nil // omitted, unless the call gives it
		if i < len(in) {
			inner.values[name] = in[i]
		}
	}
	if err := w.nodes(f.Node, inner); err != nil {
		return err
	}
	for i, name := range f.Output {
		if v := inner.values[name]; v != nil && i < len(outs) {
			outs[i] = *v
		}
	}
	w.recordCall(f, inner)
	return nil
}

// recordCall puts a function's values into the result: what is the same in all calls.
func (w *inferrer) recordCall(f *pb.FunctionProto, s *inferScope) {
	body := w.bodies[f]
	if body == nil {
		return
	}
	for name, v := range s.values {
		at := body.values[name]
		if at == nil || v == nil {
			continue
		}
		if old := w.types.of[at]; old != nil {
			both := infer.Join(*old, *v)
			v = &both
		}
		w.types.of[at] = v
	}
}

// bind gives the attributes that a function's body may refer to.
func bind(f *pb.FunctionProto, callView *attrView) map[string]*pb.AttributeProto {
	bound := map[string]*pb.AttributeProto{}
	for _, a := range f.AttributeProto {
		bound[a.GetName()] = a
	}
	for _, a := range callView.list {
		if got := callView.attr(a.GetName()); got != nil {
			bound[a.GetName()] = got
		}
	}
	return bound
}
