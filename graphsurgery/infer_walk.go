package graphsurgery

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Limits of inference. Rank is that of any real tensor; the work bound keeps
// functions that call functions from growing without end.
const (
	maxRank      = 64
	maxCalls     = maxCallDepth + maxNesting // what Verify allows
	workPerNode  = 24
	leastWork    = 20_000
	newestOpset  = 1 << 20 // of a domain that the model does not import
	maxFloatElem = 32      // floats are followed for scales only
)

// inferrer walks a model in the order of its nodes. It works on the message, so that
// the bodies of functions, which the index leaves out, are walked the same way.
type inferrer struct {
	model  *Model
	opts   InferOptions
	ctx    *infer.Context
	types  *Types
	graphs map[*pb.GraphProto]*Graph
	funcs  map[functionKey]*pb.FunctionProto
	fresh  map[freshID]infer.Expr
	calls  map[callPlace]*inferCall
	bodies map[*pb.FunctionProto]*Graph
	work   int
	depth  int
	said   map[complaint]bool
	muted  int // above 0 in a branch that is never taken
}

// inferCall tells one call of a function from another; nil is the main graph.
type inferCall struct{}

type callPlace struct {
	outer *inferCall
	node  *pb.NodeProto
}

// freshID is the place of a dimension that got a symbol of its own. The same place
// gets the same symbol when a loop's body is inferred again.
type freshID struct {
	call *inferCall
	at   any // node or graph message
	name string
	dim  int
}

// inferScope holds what is known of the names of a graph or function body.
type inferScope struct {
	values map[string]*infer.Value
	outer  *inferScope
	lookup func(name string) *infer.Value // instead of outer
	opsets map[string]int64
	bound  map[string]*pb.AttributeProto // attributes of the call; nil outside functions
	info   map[string]*pb.TypeProto      // declared types, nil for a function
	graph  *Graph                        // nil in a function
	call   *inferCall
	main   bool
	sorted bool   // the nodes are taken in another order than the file's
	at     string // place in words; "" is the main graph
}

// inside is the place of a body of a node in s.
func (s *inferScope) inside(n *pb.NodeProto, attr string) string {
	inner := (&Node{pb: n}).Label() + "." + attr
	if s.at != "" {
		return s.at + "/" + inner
	}
	return inner
}

func newInferrer(m *Model, o InferOptions) *inferrer {
	ctx := infer.NewContext(o.MaxElements)
	w := &inferrer{model: m, opts: o, ctx: ctx, graphs: map[*pb.GraphProto]*Graph{}, fresh: map[freshID]infer.Expr{}, calls: map[callPlace]*inferCall{}, said: map[complaint]bool{}}
	w.bodies = make(map[*pb.FunctionProto]*Graph, len(m.functions))
	for _, f := range m.functions {
		w.bodies[f.pb] = f.body
	}
	w.types = &Types{of: map[*Value]*infer.Value{}, ctx: ctx}
	w.funcs = make(map[functionKey]*pb.FunctionProto, len(m.pb.Functions))
	for _, f := range m.pb.Functions {
		w.funcs[functionKey{canonical(f.GetDomain()), f.GetName(), f.GetOverload()}] = f
	}
	for _, g := range m.Graphs() {
		w.graphs[g.pb] = g
		w.work += len(g.nodes)
	}
	w.work = w.work*workPerNode + leastWork
	return w
}

// opsets maps domains to versions. Before IR version 3 there was but version 1.
func (w *inferrer) opsets(imports []*pb.OperatorSetIdProto) map[string]int64 {
	out := map[string]int64{}
	for _, o := range imports {
		out[canonical(o.GetDomain())] = o.GetVersion()
	}
	if len(imports) == 0 && w.model.pb.GetIrVersion() < 3 {
		out[""] = 1
	}
	return out
}

func (s *inferScope) get(name string) (*infer.Value, bool) {
	for ; s != nil; s = s.outer {
		if v, ok := s.values[name]; ok {
			return v, true
		}
		if s.lookup != nil {
			return s.lookup(name), true
		}
	}
	return nil, false
}

func (w *inferrer) main() error {
	s := &inferScope{opsets: w.opsets(w.model.pb.OpsetImport), main: true}
	_, err := w.graph(w.model.pb.Graph, s, nil)
	return err
}

// graph infers a graph's values, given its inputs' types if it is a body, and gives
// its outputs'.
func (w *inferrer) graph(g *pb.GraphProto, s *inferScope, given []infer.Value) ([]infer.Value, error) {
	s.values = make(map[string]*infer.Value, len(g.Node)+len(g.Input)+len(g.Initializer))
	s.graph = w.graphs[g]
	s.info = declarations(g)
	if err := w.constants(g, s); err != nil {
		return nil, err
	}
	if err := w.inputs(g, s, given); err != nil {
		return nil, err
	}
	if err := w.nodes(g.Node, s); err != nil {
		return nil, err
	}
	out := make([]infer.Value, len(g.Output))
	for i, o := range g.Output {
		if v, _ := s.get(o.GetName()); v != nil {
			out[i] = *v
		}
	}
	w.record(s)
	return out, nil
}

// nodes infers the nodes of a graph or function. The file's order is topological as
// the standard demands; where it is not, as in files of the usual float16 converter,
// the nodes are taken in the order in which they can be computed.
func (w *inferrer) nodes(list []*pb.NodeProto, s *inferScope) error {
	for i, n := range list {
		if s.graph != nil && !s.sorted && s.readsAhead(n) {
			s.sorted = true
			order, err := s.graph.stableOrder()
			if err != nil {
				order = list // a cycle: what can be known is known in any order
			}
			done := make(map[*pb.NodeProto]bool, i)
			for _, d := range list[:i] {
				done[d] = true
			}
			rest := make([]*pb.NodeProto, 0, len(order)-i)
			for _, d := range order {
				if !done[d] {
					rest = append(rest, d)
				}
			}
			return w.nodes(rest, s)
		}
		if err := w.node(n, s); err != nil {
			return err
		}
	}
	return nil
}

// readsAhead reports whether the node reads what a later node computes.
func (s *inferScope) readsAhead(n *pb.NodeProto) bool {
	for _, name := range n.Input {
		if name == "" {
			continue
		}
		if _, found := s.get(name); !found {
			v := s.graph.values[name]
			return v != nil && v.producer != nil
		}
	}
	return false
}

// declarations collects the types that the file gives to node outputs.
func declarations(g *pb.GraphProto) map[string]*pb.TypeProto {
	out := make(map[string]*pb.TypeProto, len(g.ValueInfo)+len(g.Output))
	for _, list := range [][]*pb.ValueInfoProto{g.ValueInfo, g.Output} {
		for _, v := range list {
			if v.Type != nil {
				out[v.GetName()] = v.Type
			}
		}
	}
	return out
}

func (w *inferrer) constants(g *pb.GraphProto, s *inferScope) error {
	for _, t := range g.Initializer {
		v := w.constant(&Tensor{pb: t, model: w.model})
		s.values[t.GetName()] = &v
	}
	for _, t := range g.SparseInitializer {
		v := sparseValue(t)
		s.values[t.GetValues().GetName()] = &v
	}
	return nil
}

// inputs gives each input the better of its declared and its given type.
func (w *inferrer) inputs(g *pb.GraphProto, s *inferScope, given []infer.Value) error {
	for i, in := range g.Input {
		if def := s.values[in.GetName()]; def != nil {
			w.fed(in, s, def)
			continue
		}
		v := infer.Value{Type: w.declared(in.Type, s.main)}
		if s.main {
			if err := w.fix(in.GetName(), &v); err != nil {
				return err
			}
		}
		if i < len(given) {
			merged, err := w.ctx.MergeTypes(given[i].Type, v.Type)
			if err == nil {
				v = infer.Value{Type: merged, Elems: given[i].Elems}
			}
		}
		w.nameDims(&v.Type, in.GetName(), freshID{call: s.call, at: g, name: in.GetName()})
		s.values[in.GetName()] = &v
	}
	for _, in := range g.Input {
		w.resolve(&s.values[in.GetName()].Type)
	}
	return nil
}

// fed is for an input with a default, which since IR version 4 a caller may replace
// by anything of the declared type.
func (w *inferrer) fed(in *pb.ValueInfoProto, s *inferScope, def *infer.Value) {
	if w.model.pb.GetIrVersion() < 4 {
		return
	}
	def.Elems = nil
	if declared := w.declared(in.Type, s.main); declared.Shape != nil {
		def.Shape = declared.Shape
	}
	w.nameDims(&def.Type, in.GetName(), freshID{call: s.call, at: s.graph, name: in.GetName()})
}

// fix puts the caller's sizes into an input's type.
func (w *inferrer) fix(name string, v *infer.Value) error {
	sizes, ok := w.opts.Inputs[name]
	if !ok {
		return nil
	}
	if v.Shape == nil {
		v.Shape = make([]infer.Expr, len(sizes))
		for i := range v.Shape {
			v.Shape[i] = infer.Unknown()
		}
	}
	if len(v.Shape) != len(sizes) {
		return fmt.Errorf("input %q has %d dimensions, got %d sizes", name, len(v.Shape), len(sizes))
	}
	for i, n := range sizes {
		if n < 0 {
			continue
		}
		x, same := w.ctx.Merge(infer.Const(n), v.Shape[i])
		if !same {
			return fmt.Errorf("input %q has size %s in dimension %d, got %d", name, v.Shape[i], i, n)
		}
		w.ctx.Bind(v.Shape[i], n)
		v.Shape[i] = x
	}
	return nil
}

// record puts a scope's values into the result.
func (w *inferrer) record(s *inferScope) {
	if s.graph == nil {
		return
	}
	for name, v := range s.values {
		if at := s.graph.values[name]; at != nil && v != nil {
			if old := w.types.of[at]; old != nil && s.call != nil { // one body, several calls
				both := infer.Join(*old, *v)
				v = &both
			}
			w.types.of[at] = v
		}
	}
}

// node infers a node's outputs.
func (w *inferrer) node(n *pb.NodeProto, s *inferScope) error {
	outs := make([]infer.Value, len(n.Output))
	err := w.apply(n, s, outs)
	var broken *TypeError
	if errors.As(err, &broken) {
		return err // from a body, in strict mode
	}
	if err != nil && !errors.Is(err, errTooDeep) {
		if err := w.problem(n, s, err); err != nil {
			return err
		}
	}
	for i, name := range n.Output {
		if name == "" {
			continue
		}
		if err := w.finish(n, s, name, &outs[i]); err != nil {
			return err
		}
		s.values[name] = &outs[i]
	}
	return nil
}

// apply runs the rule of the node's operator, or infers the function it calls.
func (w *inferrer) apply(n *pb.NodeProto, s *inferScope, outs []infer.Value) error {
	if w.work--; w.work < 0 || len(outs) == 0 {
		return nil
	}
	in := make([]*infer.Value, len(n.Input))
	for i, name := range n.Input {
		if name == "" {
			continue
		}
		v, found := s.get(name)
		if !found {
			v = &infer.Value{}
		}
		in[i] = v
	}
	domain := domainOf(n)
	if len(w.funcs) > 0 {
		if f := w.funcs[functionKey{domain, n.GetOpType(), n.GetOverload()}]; f != nil {
			return w.function(f, n, s, in, outs)
		}
	}
	rule := infer.RuleOf(domain, n.GetOpType())
	if rule == nil {
		return nil
	}
	version, ok := s.opsets[domain]
	if !ok {
		version = newestOpset
	}
	view := &infer.Node{
		Attrs: &attrView{list: n.Attribute, scope: s, walk: w}, Op: n.GetOpType(), Domain: domain, Version: version,
		In: in, Out: outs, Ctx: w.ctx,
	}
	view.Dead = func(attr string) {
		w.muted++
		_, _ = w.body(n, s, attr, nil)
		w.muted--
	}
	view.Body = func(attr string, given []infer.Value) ([]infer.Value, error) { return w.body(n, s, attr, given) }
	err := rule(view)
	if bad := typesAllowed(n, domain, version, in, outs); bad != nil {
		return &ruleError{ruleType, bad}
	}
	return finer(err, in, outs)
}

// finer marks what follows from shapes that onnx's own inference would leave open.
func finer(err error, in []*infer.Value, outs []infer.Value) error {
	for _, v := range in {
		if v == nil || !v.Finer {
			continue
		}
		for i := range outs {
			outs[i].Finer = true
		}
		return infer.AsFiner(err)
	}
	return err
}

// finish brings an output's type together with the declared one and names the
// dimensions that are still unknown.
func (w *inferrer) finish(n *pb.NodeProto, s *inferScope, name string, v *infer.Value) error {
	if len(v.Shape) > maxRank {
		v.Shape, v.Elems = nil, nil
	}
	if err := w.negative(n, s, name, &v.Type); err != nil {
		return err
	}
	if info := s.info[name]; info != nil {
		declared := w.declared(info, s.main)
		merged, err := w.ctx.MergeTypes(v.Type, declared)
		if err == nil {
			v.Type = merged
			v.Finer = v.Finer && declared.Shape == nil
		} else if err := w.problem(n, s, &ruleError{w.contradicted(v, declared), fmt.Errorf("output %q is declared otherwise than it is: %w", name, err)}); err != nil {
			return err
		}
	}
	w.nameDims(&v.Type, name, freshID{call: s.call, at: n, name: name})
	return nil
}

// contradicted is the rule that a declared type breaks which does not fit v: one of
// onnx's own unless it is about a shape that onnx would leave open.
func (w *inferrer) contradicted(v *infer.Value, declared infer.Type) ruleID {
	declared.Shape = nil
	if _, err := w.ctx.MergeTypes(v.Type, declared); err != nil || !v.Finer {
		return ruleDeclared
	}
	return ruleRuns
}

// negative makes sizes below 0 unknown, and says so: they come of operands that do
// not fit, such as more taken off than there is.
func (w *inferrer) negative(n *pb.NodeProto, s *inferScope, name string, t *infer.Type) error {
	for i, d := range t.Shape {
		size, ok := d.Const()
		if !ok || size >= 0 {
			continue
		}
		shape := append([]infer.Expr(nil), t.Shape...) // rules share shapes
		for k := i; k < len(shape); k++ {
			if c, ok := shape[k].Const(); ok && c < 0 {
				shape[k] = infer.Unknown()
			}
		}
		t.Shape = shape
		return w.problem(n, s, fmt.Errorf("output %q would have size %d in dimension %d", name, size, i))
	}
	return nil
}

// nameDims gives each unknown dimension of a type its symbol.
func (w *inferrer) nameDims(t *infer.Type, name string, id freshID) {
	w.resolve(t)
	for i, d := range t.Shape {
		if !d.IsUnknown() {
			continue
		}
		id.dim = i
		e, ok := w.fresh[id]
		if !ok {
			e = w.ctx.Fresh(name + "_d" + strconv.Itoa(i))
			w.fresh[id] = e
		}
		shape := append([]infer.Expr(nil), t.Shape...) // rules share shapes
		shape[i] = e
		t.Shape = shape
	}
}

// resolve puts the equalities found so far into a shape.
func (w *inferrer) resolve(t *infer.Type) {
	if t.Shape == nil || !w.ctx.HasEqual() {
		return
	}
	shape := make([]infer.Expr, len(t.Shape)) // rules share shapes
	for i, d := range t.Shape {
		shape[i] = w.ctx.Resolve(d)
	}
	t.Shape = shape
}
