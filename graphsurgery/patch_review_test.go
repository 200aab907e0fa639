package graphsurgery

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// TestOldIRHasConstantsInBodies: before IR 4 an initialiser is an input, and an If's
// branch must have none.
func TestOldIRHasConstantsInBodies(t *testing.T) {
	model := withIf()
	model.IrVersion = proto.Int64(3)
	model.Graph.Input = append(model.Graph.Input, port("w", Float, Known(2, 2)...), port("flag", Bool, Known()...))
	m := load(t, model)
	branch := m.Graph.Value("chosen").Producer().Subgraph("then_branch")
	p := m.NewPatch("t")
	v := branch.Value("Abs_out")
	p.In(branch).InsertAfter(v, p.In(branch).Add("Add", p.In(branch).Tap(v), p.In(branch).Initializer("bias", NewTensor([]int64{2}, make([]float32, 2)))))
	apply(t, p)
	if len(branch.pb.Input)+len(branch.pb.Initializer) != 0 || branch.Value("bias").Producer().Op() != "Constant" {
		t.Errorf("the branch is\n%swith inputs %v, want a Constant and no input", branch, branch.pb.Input)
	}
}

// TestNothingIsLostToASecondMove: what is moved twice must go through both.
func TestNothingIsLostToASecondMove(t *testing.T) {
	const text = `g (float[2] x) => (float[2] y) { v = Neg (x) y = Abs (v) }`
	for _, c := range []struct {
		name  string
		build func(m *Model, p *Patch, v, y *Value)
		want  string // the model's nodes, or the error
	}{
		{"two beside each other", func(m *Model, p *Patch, v, _ *Value) {
			p.InsertAfter(v, p.Add("Tanh", p.Tap(v)))
			p.InsertAfter(v, p.Add("Sin", p.Tap(v)))
		}, "does not come of the first"},
		{"one behind the other", func(m *Model, p *Patch, v, _ *Value) {
			first := p.Add("Tanh", p.Tap(v), OutName("a"))
			p.InsertAfter(v, first)
			p.InsertAfter(v, p.Add("Sin", first, OutName("b")))
		}, "v = Neg(x);a = Tanh(v);b = Sin(a);y = Abs(b)"},
		{"one use, twice", func(m *Model, p *Patch, v, y *Value) {
			p.InsertBefore(y.Producer(), 0, p.Add("Tanh", p.Tap(v)))
			p.InsertBefore(y.Producer(), 0, p.Add("Sin", p.Tap(v)))
		}, "does not come of the first"},
		{"an output, twice", func(m *Model, p *Patch, _, y *Value) {
			p.ReplaceOutput(y, p.Add("Tanh", p.Tap(y)))
			p.ReplaceOutput(y, p.Add("Sin", p.Tap(y)))
		}, "does not come of the first"},
		{"an output replaced, then moved", func(m *Model, p *Patch, _, y *Value) {
			p.ReplaceOutput(y, p.Add("Tanh", p.Tap(y)))
			p.InsertAfter(y, p.Add("Sin", p.Tap(y)))
		}, "does not come of the first"},
		{"the same, twice", func(m *Model, p *Patch, v, _ *Value) {
			w := p.Add("Tanh", p.Tap(v), OutName("a"))
			p.InsertAfter(v, w)
			p.InsertAfter(v, w)
		}, "v = Neg(x);a = Tanh(v);y = Abs(a)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parseText(t, text)
			p := m.NewPatch("t")
			c.build(m, p, m.Graph.Value("v"), m.Graph.Value("y"))
			err := p.Apply()
			if got := strings.Join(lines(m), ";"); got != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %s and %v, want %s", got, err, c.want)
			}
		})
	}
}

// TestPanickingCheckLeavesTheModelAlone: the caller's panic goes on, and nothing of
// the patch stays.
func TestPanickingCheckLeavesTheModelAlone(t *testing.T) {
	m := load(t, chain())
	p, mid := m.NewPatch("t"), m.Graph.Value("mid")
	p.InsertAfter(mid, p.Add("Tanh", p.Tap(mid)))
	cause := errors.New("a mistake in a check")
	p.Check(func(*Model) error { panic(cause) })
	func() {
		defer func() {
			if got := recover(); got != cause {
				t.Errorf("recovered %v, want the check's panic", got)
			}
		}()
		_ = p.Apply()
	}()
	if diff := cmp.Diff(chain(), m.pb, cmp.Comparer(proto.Equal)); diff != "" {
		t.Error(diff)
	}
	if m.Graph.Value("mid") != mid || len(mid.Uses()) != 2 {
		t.Errorf("value mid is another one, or has %d uses, want 2", len(mid.Uses()))
	}
}

// TestAttributesOfAnotherType: an accessor gives the default for what is not of its
// type, and for a reference to a function's attribute.
func TestAttributesOfAnotherType(t *testing.T) {
	number, text, float := pb.AttributeProto_INT, pb.AttributeProto_STRING, pb.AttributeProto_FLOAT
	n := &Node{pb: &pb.NodeProto{Attribute: []*pb.AttributeProto{
		{Name: proto.String("i"), Type: &number, I: proto.Int64(3)},
		{Name: proto.String("s"), Type: &text, S: []byte("x")},
		{Name: proto.String("f"), Type: &float, F: proto.Float32(2)},
		{Name: proto.String("ref"), Type: &number, RefAttrName: proto.String("outer")},
		{Name: proto.String("untyped"), I: proto.Int64(4)},
		{Name: proto.String("zero"), Type: &number},
	}}}
	for name, want := range map[string]int64{"i": 3, "s": 7, "f": 7, "ref": 7, "untyped": 4, "zero": 0, "none": 7} {
		if got := n.Int(name, 7); got != want {
			t.Errorf("Int(%q) is %d, want %d", name, got, want)
		}
	}
	if a, b := n.Float("i", 7), n.Float("f", 7); a != 7 || b != 2 {
		t.Errorf("Float gives %g and %g, want 7 and 2", a, b)
	}
	if a, b := n.Str("i", "d"), n.Str("s", "d"); a != "d" || b != "x" {
		t.Errorf("Str gives %q and %q, want d and x", a, b)
	}
}

// TestPatchHoldsTheLimitOfNodes: what Load would refuse is not made either.
func TestPatchHoldsTheLimitOfNodes(t *testing.T) {
	m := load(t, chain())
	p, mid := m.NewPatch("t"), m.Graph.Value("mid")
	p.InsertAfter(mid, p.Add("Neg", p.Tap(mid)))
	p.nodes = slices.Repeat(p.nodes, Limits{}.filled().Nodes)
	var big *UnsupportedError
	if err := p.Apply(); !errors.As(err, &big) {
		t.Errorf("got %v, want an UnsupportedError", err)
	}
	if diff := cmp.Diff(chain(), m.pb, cmp.Comparer(proto.Equal)); diff != "" {
		t.Error(diff)
	}
}
