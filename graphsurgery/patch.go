package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Patch is a change to a model, built aside and applied whole or not at all. New
// nodes go to the main graph; [Patch.In] puts them into a subgraph or a function.
// Mistakes made while building are remembered and returned by [Patch.Apply], so
// that building needs no error handling. (The idea is tract's TypedModelPatch.)
type Patch struct {
	*change
	graph *Graph
}

// change is what all graphs' parts of a patch share.
type change struct {
	forgotten []*Value // their stated types are dropped
	model     *Model
	label     string
	names     *nameSet

	nodes     []*patchNode
	inits     []patchInit
	rewires   []rewire
	heirs     []int           // those rewires whose new wire takes over the old name
	moves     map[readers]int // places in rewires
	outputs   []outputChange
	outputAt  map[*Value]int // places in outputs
	ports     []portChange
	splices   []spliceInput
	removed   []*Node
	constants []*Value // initialisers to be removed
	nodeEdits []nodeEdit
	renames   []valueRename
	labels    []nodeRename
	imports   []opsetImport
	opsets    []opsetImport // imported already, to be of another version
	ir        int64         // IR version to set, 0 for none
	checks    []func(*Model) error
	functions []*pb.FunctionProto
	dropped   []*Function

	annotations []patchAnnotation
	prune       bool
	trust       bool // types are not inferred
	applied     bool
	err         error // the first mistake
}

// Wire is a value inside a patch: a tapped one, a new initialiser, a new graph
// input or a new node's output.
type Wire struct {
	patch *change
	graph *Graph // where it is defined
	tap   *Value
	init  *pb.TensorProto
	port  *pb.ValueInfoProto
	node  *patchNode
	index int
}

func (Wire) operand() {}

// patchNode is a node to be added.
type patchNode struct {
	graph    *Graph
	pb       *pb.NodeProto
	inputs   []Wire
	captures []capture       // what its subgraphs read from around
	types    []*pb.TypeProto // of each output, nil if not known
	declare  bool            // the types are to be written into the model
	last     bool            // it stands behind all that is there
	named    bool            // the name of the first output was asked for
	copied   bool            // the model, or one of two merged, had it before
}

// capture is a place in a new node's subgraphs that reads a wire.
type capture struct {
	wire Wire
	set  func(name string)
}

type patchInit struct {
	graph  *Graph
	pb     *pb.TensorProto
	sparse *pb.SparseTensorProto // instead of pb
}

type patchAnnotation struct {
	graph *Graph
	pb    *pb.TensorAnnotation
}

// NewPatch begins a patch; the label appears in its errors and begins the names
// of new values.
func (m *Model) NewPatch(label string) *Patch {
	return &Patch{change: &change{model: m, label: label, names: newNameSet(m), moves: map[readers]int{}, outputAt: map[*Value]int{}}, graph: m.Graph}
}

// In gives the part of the patch that works inside a graph: its new nodes and
// initialisers go there, it can tap the values of the graphs around, and moving a
// value's readers moves only those in there. There is one Apply for all parts.
func (p *Patch) In(g *Graph) *Patch {
	if g == nil || g.model != p.model || !g.current() {
		p.fail("work in a graph that is not in this model")
		return p
	}
	return &Patch{change: p.change, graph: g}
}

func (p *change) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("patch %q: %w", p.label, fmt.Errorf(format, args...))
	}
}

// FreshName is a name that nothing in the model or the patch has; the patch keeps
// it.
func (p *Patch) FreshName(base string) string { return p.names.fresh(base, anyName) }

// Tap reads an existing value of the patch's graph, or of one around it.
func (p *Patch) Tap(v *Value) Wire {
	switch {
	case v == nil:
		p.fail("tap of no value")
	case !p.has(v):
		p.fail("tap of value %q, which is not in this model", v.name)
	case !p.graph.inside(v.graph):
		p.fail("tap of value %q, which graph %q cannot see; see Patch.In", v.name, p.graph.Name())
	default:
		return Wire{patch: p.change, graph: v.graph, tap: v}
	}
	return Wire{patch: p.change, graph: p.graph, tap: v}
}

// Initializer adds a constant tensor of that name. In a function, which has no
// initialisers, it is a Constant node, and so it is in a subgraph before IR version 4.
func (p *Patch) Initializer(name string, t *Tensor) Wire {
	w := Wire{patch: p.change, graph: p.graph}
	switch {
	case t == nil:
		p.fail("initialiser %q without a tensor", name)
		return w
	case !p.names.take(name, valueName):
		p.fail("the name %q of a new initialiser is taken", name)
	}
	init, err := t.detached(p.model)
	if err != nil {
		p.fail("initialiser %q: %v", name, err)
		return w
	}
	init.Name = &name
	return p.constant(init)
}

// constant adds a named tensor that is the patch's own.
func (p *Patch) constant(init *pb.TensorProto) Wire {
	w := Wire{patch: p.change, graph: p.graph}
	// Before IR version 4 an initialiser is an input, and bodies have the inputs that
	// their operator says.
	if p.graph.Function() == nil && (p.graph.outer == nil || p.model.IRVersion() >= 4) {
		p.inits = append(p.inits, patchInit{graph: p.graph, pb: init})
		w.init = init
		return w
	}
	n := &pb.NodeProto{OpType: new("Constant"), Output: []string{init.GetName()}, Attribute: []*pb.AttributeProto{
		{Name: new("value"), Type: new(pb.AttributeProto_TENSOR), T: init},
	}}
	typ := typeProto(DType(init.GetDataType()), Known(init.Dims...))
	w.node = &patchNode{graph: p.graph, pb: n, types: []*pb.TypeProto{typ}, named: true}
	p.nodes = append(p.nodes, w.node)
	return w
}

// Add adds a node and gives its first output. Operands are its inputs in order
// ([Wire], or [Omit] for an optional input left out), its attributes ([Attrs])
// and, where wanted, [Named], [Domain], [OutName], [OutType], [Outputs], [Meta].
func (p *Patch) Add(op string, operands ...Operand) Wire {
	n := &patchNode{graph: p.graph, pb: &pb.NodeProto{OpType: &op}}
	spec := nodeSpec{outputs: 1}
	for _, o := range operands {
		if w, ok := o.(Wire); ok {
			p.own(w)
			n.inputs = append(n.inputs, w)
			continue
		}
		if err := spec.take(o); err != nil {
			p.fail("operator %s: %w", op, err)
		}
	}
	p.finishNode(n, spec)
	p.nodes = append(p.nodes, n)
	return Wire{patch: p.change, graph: p.graph, node: n}
}

// finishNode names the node and its outputs and sets its attributes.
func (p *Patch) finishNode(n *patchNode, s nodeSpec) {
	if s.name != "" {
		if !p.names.take(s.name, nodeName) {
			p.fail("the name %q of a new node is taken", s.name)
		}
		n.pb.Name = &s.name
	}
	if s.domain != "" {
		n.pb.Domain = &s.domain
	}
	attrs, err := s.attrs.proto()
	if err != nil {
		p.fail("operator %s: %w", n.pb.GetOpType(), err)
	}
	n.pb.Attribute = attrs
	for _, k := range sortedKeys(s.meta) {
		v := s.meta[k]
		n.pb.MetadataProps = append(n.pb.MetadataProps, &pb.StringStringEntryProto{Key: &k, Value: &v})
	}
	n.types, n.named = make([]*pb.TypeProto, s.outputs), s.outName != ""
	if s.typ != nil {
		n.types[0], n.declare = s.typ, true
	}
	for i := range s.outputs {
		n.pb.Output = append(n.pb.Output, p.outputName(n, s, i))
	}
}

func (p *Patch) outputName(n *patchNode, s nodeSpec, i int) string {
	if i == 0 && s.outName != "" {
		if !p.names.take(s.outName, valueName) {
			p.fail("the name %q of a new value is taken", s.outName)
		}
		return s.outName
	}
	base := s.name
	if base == "" {
		base = p.label + "/" + n.pb.GetOpType()
	}
	return p.names.fresh(fmt.Sprintf("%s_output_%d", base, i), valueName)
}

// own tests that a wire is this patch's and can be read in its graph.
func (p *Patch) own(w Wire) {
	switch {
	case w.omitted():
	case w.patch != p.change:
		p.fail("a wire of another patch")
	case !p.graph.inside(w.graph):
		p.fail("wire %q cannot be read in graph %q", w.name(), p.graph.Name())
	}
}

func (w Wire) omitted() bool {
	return w.tap == nil && w.init == nil && w.node == nil && w.port == nil
}

// Out gives another output of the wire's node.
func (w Wire) Out(i int) Wire {
	if w.node == nil || i < 0 || i >= len(w.node.pb.Output) {
		if w.patch != nil { // an omitted input belongs to no patch, and has no output
			w.patch.fail("a wire has no output %d", i)
		}
		return w
	}
	w.index = i
	return w
}

// name is the ONNX name of the wire, but see edit.nameOf.
func (w Wire) name() string {
	switch {
	case w.tap != nil:
		return w.tap.name
	case w.init != nil:
		return w.init.GetName()
	case w.port != nil:
		return w.port.GetName()
	case w.node != nil:
		return w.node.pb.Output[w.index]
	}
	return ""
}

// typ is the wire's type as far as it is known.
func (w Wire) typ() Type {
	switch {
	case w.tap != nil:
		return w.tap.typ()
	case w.init != nil:
		return Type{DType: DType(w.init.GetDataType()), Shape: Known(w.init.Dims...)}
	case w.port != nil:
		return (&Value{info: w.port.Type}).typ()
	case w.node != nil && w.node.types[w.index] != nil:
		return (&Value{info: w.node.types[w.index]}).typ()
	}
	return Type{}
}

// proto is the wire's type for a declaration, nil if the element type is not
// known.
func (w Wire) proto() *pb.TypeProto {
	switch {
	case w.tap != nil && w.tap.info != nil:
		return w.tap.info
	case w.port != nil:
		return w.port.Type
	case w.node != nil:
		return w.node.types[w.index]
	}
	if t := w.typ(); t.DType != Undefined {
		return typeProto(t.DType, t.Shape)
	}
	return nil
}
