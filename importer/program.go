package importer

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Defaults of [Options].
const (
	DefaultMaxHostElements = 4096
	DefaultMaxPrograms     = 8
)

// Options tunes [Load]. The zero value is a frozen model with default limits.
type Options struct {
	// Trainable says which initialisers are to be trained; nil means none.
	Trainable func(initializer string) bool
	// Fixed gives inputs whose elements are built into the program, so that they may
	// decide shapes in [Program.Call] too; they are not fed. A Runner needs none: it
	// compiles a program per value of an input that decides a shape.
	Fixed map[string]*graphsurgery.Tensor
	// Compute is the type that products take their operands in: Float, or BFloat16 or
	// Float16, which XLA alone computes with. They are MatMul and its kin, Gemm, Einsum,
	// convolutions (depthwise ones excepted) and attention's two; sums, and all else, are float32,
	// and so are products with a trainable initialiser. Frozen initialisers that
	// nothing but products read lie on the device in this type. Half precision in the file
	// becomes float32 first, in the types of inputs and outputs too. Undefined computes
	// as the file says.
	Compute graphsurgery.DType
	// Recompute names values on the way through the model, such as the residual stream before
	// each block: the backward pass keeps these and computes what lies between two of them
	// again, which takes less memory and more time. On XLA CPU the memory is saved only
	// with --xla_cpu_enable_concurrency_optimized_scheduler=false in XLA_FLAGS.
	Recompute []string
	// MaxHostElements bounds the tensors that are computed in plain Go while the
	// graph is built; larger ones are left to the backend, and constants above it are
	// variables wherever they stand. 0 means DefaultMaxHostElements.
	MaxHostElements int
	// MaxPrograms bounds how many compiled programs (input shapes times output
	// sets) a Runner keeps; the least recently used goes first. 0 means
	// DefaultMaxPrograms.
	MaxPrograms int
}

// Port is an input or output of a program. A dimension below zero is free.
type Port struct {
	Name  string
	DType graphsurgery.DType
	Shape []graphsurgery.Dim
}

// Program is an ONNX model resolved against the operator table. It is immutable
// and safe for concurrent use, as long as the model it came from is not changed.
type Program struct {
	model     *graphsurgery.Model
	options   Options
	table     table
	steps     map[*graphsurgery.Node]*operator           // of nodes that are always lowered
	instances map[*graphsurgery.Node]*graphsurgery.Graph // of calls among those
	defaults  []*graphsurgery.Value                      // initialisers that a caller may override
	params    []*graphsurgery.Value                      // initialisers that become variables, in file order
	isParam   map[*graphsurgery.Value]bool
	trainable map[string]bool
	inners    []*inner // large constants elsewhere
	innerOf   map[*graphsurgery.Value]*inner
	units     map[*graphsurgery.Node]*unit
	fixed     map[*graphsurgery.Value]*hostTensor // inputs that are built in
	kept      []*graphsurgery.Value               // of Options.Recompute
	half      dtypes.DType                        // of products, InvalidDType if that of their operands
}

// Load resolves every node of m. It returns a *graphsurgery.UnsupportedError
// naming the first node with an operator, domain, opset, attribute or input
// type outside the table, and a *graphsurgery.FormatError for a node that the
// ONNX standard does not allow.
func Load(m *graphsurgery.Model, o Options) (*Program, error) {
	o.MaxHostElements = cmp.Or(o.MaxHostElements, DefaultMaxHostElements)
	o.MaxPrograms = cmp.Or(o.MaxPrograms, DefaultMaxPrograms)
	p := &Program{
		model: m, options: o,
		table:     newTable(),
		steps:     make(map[*graphsurgery.Node]*operator),
		instances: make(map[*graphsurgery.Node]*graphsurgery.Graph),
		isParam:   make(map[*graphsurgery.Value]bool),
		trainable: make(map[string]bool),
		innerOf:   make(map[*graphsurgery.Value]*inner),
		fixed:     make(map[*graphsurgery.Value]*hostTensor),
	}
	if err := p.applyPrecision(); err != nil {
		return nil, err
	}
	m = p.model
	if n := expansion(m.Graph, make(map[*graphsurgery.Function]int)); n > maxUnrolled+len(m.Graph.Nodes()) {
		return nil, &graphsurgery.UnsupportedError{File: m.Path(), What: fmt.Sprintf("functions that expand to more than %d nodes", maxUnrolled)}
	}
	if err := p.resolve(m.Graph); err != nil {
		return nil, err
	}
	if err := p.checkPorts(); err != nil {
		return nil, err
	}
	if err := p.fixInputs(); err != nil {
		return nil, err
	}
	if err := p.collectParams(); err != nil {
		return nil, err
	}
	if err := p.checkRemat(); err != nil {
		return nil, err
	}
	p.findUnits()
	return p, nil
}

// resolve finds the table entry of each node of a graph, and of the functions
// that it calls, and checks them. Nodes in bodies of If, Loop and Scan are
// resolved when they are lowered: they may stand in a branch that is never taken.
func (p *Program) resolve(g *graphsurgery.Graph) error {
	for _, n := range g.Nodes() {
		if n.Function() != nil {
			body, err := p.instance(n)
			if err != nil {
				return err
			}
			p.instances[n] = body
			if err := p.resolve(body); err != nil {
				return err
			}
			continue
		}
		op, err := p.operator(n)
		if err != nil {
			return err
		}
		p.steps[n] = op
		if err := p.collectInner(n); err != nil {
			return err
		}
	}
	return nil
}

// operator finds the table entry of a node by the opset of the graph or function
// it stands in.
func (p *Program) operator(n *graphsurgery.Node) (*operator, error) {
	opset, ok := n.Graph().Opset(n.Domain())
	if !ok {
		return nil, &graphsurgery.FormatError{File: p.model.Path(), Node: n.Name(), Op: n.Op(),
			What: fmt.Sprintf("domain %q is not among the opset imports", n.Domain())}
	}
	op, err := p.table.find(n, opset)
	return op, p.withFile(err)
}

// withFile adds the model's path to an error of the table.
func (p *Program) withFile(err error) error {
	switch e := err.(type) {
	case *graphsurgery.UnsupportedError:
		e.File = p.model.Path()
	case *graphsurgery.FormatError:
		e.File = p.model.Path()
	}
	return err
}

// checkPorts refuses inputs of a type that no backend computes with.
func (p *Program) checkPorts() error {
	for _, v := range p.model.Graph.Inputs() {
		switch v.Kind() {
		case graphsurgery.KindTensor:
		case graphsurgery.KindSequence, graphsurgery.KindOptional:
			continue // types are those of what is fed
		default:
			return &graphsurgery.UnsupportedError{File: p.model.Path(),
				What: fmt.Sprintf("graph input %q is a map or a sparse tensor", v.Name())}
		}
		if what := checkDType(v); what != "" {
			return &graphsurgery.UnsupportedError{File: p.model.Path(),
				What: fmt.Sprintf("graph input %q %s", v.Name(), what)}
		}
	}
	return nil
}

// collectParams decides which initialisers become variables: the trainable
// ones, and all that are not small constants of shape arithmetic.
func (p *Program) collectParams() error {
	for _, v := range p.model.Graph.Values() {
		if !v.IsConstant() && !v.IsDefault() {
			continue
		}
		t, err := v.Dense()
		if err != nil {
			return err
		}
		if v.IsDefault() {
			p.defaults = append(p.defaults, v)
		}
		name := v.Name()
		trainable := p.options.Trainable != nil && p.options.Trainable(name)
		if len(v.Uses()) == 0 && !v.IsGraphOutput() {
			if trainable {
				return &graphsurgery.FormatError{File: p.model.Path(),
					What: fmt.Sprintf("initialiser %q is to be trained but no node reads it", name)}
			}
			continue
		}
		if what := checkDType(v); what != "" {
			return &graphsurgery.UnsupportedError{File: p.model.Path(),
				What: fmt.Sprintf("initialiser %q %s", name, what)}
		}
		if trainable && !isFloat(t.DType()) {
			return &graphsurgery.UnsupportedError{File: p.model.Path(),
				What: fmt.Sprintf("initialiser %q of type %s is to be trained", name, t.DType()),
				Hint: "only float tensors can be trained"}
		}
		if trainable || !p.foldable(t) {
			p.params = append(p.params, v)
			p.isParam[v] = true
			p.trainable[name] = trainable
		}
	}
	return nil
}

// foldable tells whether a frozen initialiser is a constant of shape arithmetic
// or a scalar rather than data: small integers and booleans, and single floats.
func (p *Program) foldable(t *graphsurgery.Tensor) bool {
	if isFloat(t.DType()) {
		return t.Len() <= 1
	}
	return t.Len() <= int64(p.options.MaxHostElements)
}

// Inputs lists the graph inputs in file order, without initialisers and without
// those that [Options] fixed.
func (p *Program) Inputs() []Port {
	return ports(slices.DeleteFunc(slices.Clone(p.model.Graph.Inputs()), p.isFixed))
}

// Outputs lists the graph outputs in file order.
func (p *Program) Outputs() []Port { return ports(p.model.Graph.Outputs()) }

// ports describes graph values.
func ports(values []*graphsurgery.Value) []Port {
	out := make([]Port, len(values))
	for i, v := range values {
		out[i] = Port{Name: v.Name(), DType: v.DType(), Shape: v.Shape()}
	}
	return out
}

// Trainable lists the names of the initialisers that are trained, in file order.
func (p *Program) Trainable() []string {
	var names []string
	for _, v := range p.params {
		if p.trainable[v.Name()] {
			names = append(names, v.Name())
		}
	}
	return names
}

// Call builds the part of the model that the named outputs need and returns
// their nodes; no names means the model's outputs. Any value of the model may be
// named. It must be called inside an executor whose store went through
// [Program.Install], and, like GoMLX's own functions, panics with an error when
// something does not fit; the error names the node being lowered.
func (p *Program) Call(scope *model.Scope, inputs map[string]*graph.Node, outputs ...string) []*graph.Node {
	for _, n := range inputs {
		return p.callIn(scope, n.Graph(), inputs, outputs)
	}
	panic(fmt.Errorf("no input was given, so there is no graph to build in"))
}

// callIn is Call for a given graph.
func (p *Program) callIn(scope *model.Scope, g *graph.Graph, inputs map[string]*graph.Node, outputs []string) []*graph.Node {
	t := newTracer(p, g, scope.Store())
	defer t.annotate()
	targets, err := p.targets(outputs)
	if err != nil {
		panic(err)
	}
	t.feed(inputs, targets)
	nodes := make([]*graph.Node, len(targets))
	for i, w := range t.run(targets) {
		nodes[i] = t.nodeOf(w)
	}
	return nodes
}

// targets looks the named values up; no names means the graph's outputs.
func (p *Program) targets(names []string) ([]*graphsurgery.Value, error) {
	if len(names) == 0 {
		return p.model.Graph.Outputs(), nil
	}
	targets := make([]*graphsurgery.Value, len(names))
	for i, name := range names {
		if targets[i] = p.model.Graph.Value(name); targets[i] == nil {
			return nil, fmt.Errorf("output %q is no value of the model %s", name, p.model.Path())
		}
	}
	return targets, nil
}

// checkShape compares the shape fed to an input with the declared one.
func checkShape(v *graphsurgery.Value, got shapes.Shape) error {
	want, err := computeDType(storedDType(v.DType()))
	if err != nil {
		return err
	}
	ok := got.DType == want
	if declared := v.Shape(); declared != nil {
		ok = ok && len(declared) == got.Rank()
		for i := 0; ok && i < len(declared); i++ {
			ok = declared[i].Value < 0 || int(declared[i].Value) == got.Dimensions[i]
		}
	}
	if !ok {
		return &InputError{v.Name(), fmt.Sprintf("is %s, want %s%s", got, v.DType(), dimsText(v.Shape()))}
	}
	return nil
}

// dimsText prints declared dimensions as [batch,128,?].
func dimsText(dims []graphsurgery.Dim) string {
	if dims == nil {
		return " of any shape"
	}
	text := "["
	for i, d := range dims {
		if i > 0 {
			text += ","
		}
		switch {
		case d.Value >= 0:
			text += fmt.Sprint(d.Value)
		default:
			text += cmp.Or(d.Param, "?")
		}
	}
	return text + "]"
}
