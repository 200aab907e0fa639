package graphsurgery

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lines(m *Model) []string {
	return strings.Split(strings.TrimSpace(m.Graph.String()), "\n")
}

func TestInsertAfter(t *testing.T) {
	m := load(t, chain())
	mid := m.Graph.Value("mid")
	p := m.NewPatch("t")
	p.InsertAfter(mid, p.Add("Tanh", p.Tap(mid), OutName("new"), OutType(Float, Dim{Value: -1}, Dim{Value: 2})))
	apply(t, p)
	want := []string{
		"mid = Relu(x)", "new = Tanh(mid)", "neg = Neg(new)", "product = MatMul(new, w)", "y = Add(product, neg)",
	}
	if diff := cmp.Diff(want, lines(m)); diff != "" {
		t.Error(diff)
	}
	if got := m.Graph.Value("new").Shape(); len(got) != 2 || got[1].Value != 2 {
		t.Errorf("shape of the new value is %v, want [?, 2] as the patch says", got)
	}
	if n := len(m.Graph.Value("mid").Uses()); n != 1 {
		t.Errorf("mid has %d readers, want the new node only", n)
	}
}

func TestInsertAfterGraphOutputKeepsItsName(t *testing.T) {
	m := load(t, chain())
	y := m.Graph.Output("y")
	p := m.NewPatch("t")
	p.InsertAfter(y, p.Add("Softmax", p.Tap(y), Attrs{"axis": -1}))
	apply(t, p)
	want := []string{
		"mid = Relu(x)", "neg = Neg(mid)", "product = MatMul(mid, w)", "y_inner = Add(product, neg)", "y = Softmax(y_inner)",
	}
	if diff := cmp.Diff(want, lines(m)); diff != "" {
		t.Error(diff)
	}
	if got := m.Graph.Output("y").Producer().Int("axis", 0); got != -1 {
		t.Errorf("axis = %d, want -1", got)
	}
}

func TestInsertAfterReachesSubgraphs(t *testing.T) {
	m := load(t, withIf())
	mid := m.Graph.Value("mid")
	if n := len(mid.Uses()); n != 4 {
		t.Fatalf("mid has %d readers, want 4: two nodes and both branches", n)
	}
	p := m.NewPatch("t")
	p.InsertAfter(mid, p.Add("Tanh", p.Tap(mid), OutName("new")))
	apply(t, p)
	branch := m.Graph.Value("chosen").Producer().Subgraph("else_branch")
	if got := branch.Nodes()[0].Input(0).Name(); got != "new" {
		t.Errorf("the branch reads %q, want new", got)
	}
}

func TestShuntUseMovesOneReader(t *testing.T) {
	m := load(t, chain())
	mid := m.Graph.Value("mid")
	p := m.NewPatch("t")
	p.ShuntUse(mid.Uses()[0], p.Add("Tanh", p.Tap(mid), OutName("new")))
	apply(t, p)
	if diff := cmp.Diff([]string{
		"mid = Relu(x)", "new = Tanh(mid)", "neg = Neg(new)", "product = MatMul(mid, w)", "y = Add(product, neg)",
	}, lines(m)); diff != "" {
		t.Error(diff)
	}
}

func TestReplaceOutputAndPrune(t *testing.T) {
	m := load(t, chain())
	p := m.NewPatch("new head")
	w := p.Initializer("w2", NewTensor([]int64{2, 3}, make([]float32, 6)))
	p.ReplaceOutput(m.Graph.Output("y"), p.Add("MatMul", p.Tap(m.Graph.Value("mid")), w), Dim{Value: -1, Param: "batch"}, Dim{Value: 3})
	p.Prune()
	apply(t, p)
	if diff := cmp.Diff([]string{"mid = Relu(x)", "y = MatMul(mid, w2)"}, lines(m)); diff != "" {
		t.Error(diff)
	}
	if m.Graph.Initializer("w") != nil {
		t.Error("initialiser w is still there, but nobody reads it")
	}
	if got := m.Graph.Output("y").Shape(); len(got) != 2 || got[1].Value != 3 || got[0].Param != "batch" {
		t.Errorf("declared shape %v, want [batch 3]", got)
	}
}

func TestPruneKeepsWhatWasDeadBefore(t *testing.T) {
	proto := chain()
	proto.Graph.Node = append(proto.Graph.Node, node("Abs", []string{"x"}, "unused"))
	m := load(t, proto)
	p := m.NewPatch("t")
	p.ReplaceOutput(m.Graph.Output("y"), p.Add("Tanh", p.Tap(m.Graph.Value("mid"))))
	p.Prune()
	apply(t, p)
	if m.Graph.Value("unused") == nil {
		t.Error("a node that was dead before the patch was dropped")
	}
}

func TestNewNodeThatNeedsALaterValueMovesReadersBehindIt(t *testing.T) {
	m := load(t, chain())
	// neg is computed before product; its reader is Add. Reading product from a
	// node that replaces neg's only reader keeps the order legal.
	neg := m.Graph.Value("neg")
	p := m.NewPatch("t")
	p.InsertAfter(neg, p.Add("Mul", p.Tap(neg), p.Tap(m.Graph.Value("product")), OutName("scaled")))
	apply(t, p)
	if err := m.Verify(); err != nil {
		t.Fatal(err)
	}
	if got := lines(m)[3]; got != "scaled = Mul(neg, product)" {
		t.Errorf("node 3 is %q", got)
	}
}

// TestBadPatchLeavesTheModelAlone demands, for each mistake, its message and an
// unchanged model.
func TestBadPatchLeavesTheModelAlone(t *testing.T) {
	for _, c := range []struct {
		name, want string
		build      func(m *Model, p *Patch)
	}{
		{"name of an initialiser taken", `"w" of a new initialiser is taken`, func(_ *Model, p *Patch) {
			p.Initializer("w", NewTensor([]int64{1}, []float32{0}))
		}},
		{"name of a value taken", `"mid" of a new value is taken`, func(m *Model, p *Patch) {
			p.Add("Abs", p.Tap(m.Graph.Value("mid")), OutName("mid"))
		}},
		{"wrong element type", "readers expect float32, the patch gives int64", func(m *Model, p *Patch) {
			y := m.Graph.Output("y")
			p.InsertAfter(y, p.Add("Cast", p.Tap(y), OutType(Int64)))
		}},
		{"wrong shape", "readers expect shape [batch 2], the patch gives [? 3]", func(m *Model, p *Patch) {
			y := m.Graph.Output("y")
			p.InsertAfter(y, p.Add("Abs", p.Tap(y), OutType(Float, Dim{Value: -1}, Dim{Value: 3})))
		}},
		{"cycle", "depends on its own result", func(m *Model, p *Patch) {
			p.Shunt(m.Graph.Value("mid"), p.Add("Abs", p.Tap(m.Graph.Value("product"))))
		}},
		{"removal of a node in use", "still read by y", func(m *Model, p *Patch) {
			p.Remove(m.Graph.Value("neg").Producer())
		}},
		{"unknown domain", `domain "com.example" is not imported`, func(m *Model, p *Patch) {
			y := m.Graph.Output("y")
			p.InsertAfter(y, p.Add("Fancy", p.Tap(y), Domain("com.example")))
		}},
		{"attribute of no ONNX type", "cannot be an ONNX attribute", func(m *Model, p *Patch) {
			p.Add("Abs", p.Tap(m.Graph.Value("mid")), Attrs{"a": struct{}{}})
		}},
		{"not an output", "not a graph output", func(m *Model, p *Patch) {
			p.ReplaceOutput(m.Graph.Value("mid"), p.Add("Abs", p.Tap(m.Graph.Value("mid"))))
		}},
		{"tap of nothing", "tap of no value", func(_ *Model, p *Patch) { p.Tap(nil) }},
		{"output that does not exist", "has no output 3", func(m *Model, p *Patch) {
			p.Add("Split", p.Tap(m.Graph.Value("mid")), Outputs(2)).Out(3)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := load(t, chain())
			before, nodes := m.Digest(), lines(m)
			p := m.NewPatch("bad")
			c.build(m, p)
			err := p.Apply()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if m.Digest() != before || !cmp.Equal(nodes, lines(m)) {
				t.Errorf("the model changed: %v", lines(m))
			}
			m.original = nil // what would be written now
			if again, _ := m.Bytes(); !bytes.Equal(again, encode(t, chain())) {
				t.Error("the message changed")
			}
		})
	}
}

func TestSeamErrorIsTyped(t *testing.T) {
	m := load(t, chain())
	y := m.Graph.Output("y")
	p := m.NewPatch("t")
	p.InsertAfter(y, p.Add("Cast", p.Tap(y), OutType(Int64)))
	var seam *SeamError
	if err := p.Apply(); !errors.As(err, &seam) || seam.Value != "y" {
		t.Errorf("got %v, want a SeamError at y", err)
	}
}

func TestPatchAppliesOnce(t *testing.T) {
	m := load(t, chain())
	p := m.NewPatch("t")
	apply(t, p)
	if err := p.Apply(); err == nil {
		t.Error("a second Apply succeeded")
	}
}

// TestUntouchedNodesKeepTheirBytes compares every node of the base with the
// patched model's.
func TestUntouchedNodesKeepTheirBytes(t *testing.T) {
	m := load(t, withIf())
	before := map[string][]byte{}
	for _, n := range m.Graph.Nodes() {
		before[n.Label()] = encodeNode(t, n)
	}
	y := m.Graph.Output("y")
	p := m.NewPatch("t")
	p.InsertAfter(y, p.Add("Tanh", p.Tap(y)))
	apply(t, p)
	same := 0
	for _, n := range m.Graph.Nodes() {
		if bytes.Equal(before[n.Label()], encodeNode(t, n)) {
			same++
		}
	}
	if want := len(before) - 1; same != want { // only y's producer is renamed
		t.Errorf("%d nodes kept their bytes, want %d", same, want)
	}
}
