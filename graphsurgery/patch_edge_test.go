package graphsurgery

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// TestPatchRefusesAnotherModelsParts: a value of a model patched into its clone
// is an easy mistake; neither model may change.
func TestPatchRefusesAnotherModelsParts(t *testing.T) {
	for _, c := range []struct {
		name, want string
		build      func(base, m *Model, p *Patch)
	}{
		{"shunt", "belongs to another model", func(base, m *Model, p *Patch) {
			p.InsertAfter(base.Graph.Value("mid"), p.Add("Tanh", p.Tap(m.Graph.Value("mid"))))
		}},
		{"one use", "belongs to another model", func(base, m *Model, p *Patch) {
			p.ShuntUse(base.Graph.Value("mid").Uses()[0], p.Add("Tanh", p.Tap(m.Graph.Value("mid"))))
		}},
		{"output", "must be this model's", func(base, m *Model, p *Patch) {
			p.ReplaceOutput(base.Graph.Output("y"), p.Add("Tanh", p.Tap(m.Graph.Value("mid"))), Dim{Value: -1}, Dim{Value: 2})
		}},
		{"removal", "belongs to another model", func(base, _ *Model, p *Patch) { p.Remove(base.Graph.Nodes()[0]) }},
		{"tap", "not in this model", func(base, _ *Model, p *Patch) { p.Tap(base.Graph.Value("mid")) }},
		{"wire", "a wire of another patch", func(_, m *Model, p *Patch) {
			p.Add("Tanh", m.NewPatch("other").Tap(m.Graph.Value("mid")))
		}},
		{"zero value", "not in this model", func(_, m *Model, p *Patch) { p.Tap(&Value{}) }},
		{"shunt of a zero value", "belongs to another model", func(_, m *Model, p *Patch) { p.Shunt(&Value{}, p.Tap(m.Graph.Value("mid"))) }},
		{"zero node", "change of no node", func(_, _ *Model, p *Patch) { p.Bypass(&Node{}) }},
		{"renaming", "not in this model", func(base, _ *Model, p *Patch) { p.Rename(base.Graph.Value("mid"), "new") }},
		{"graph", "not in this model", func(base, _ *Model, p *Patch) { p.In(base.Graph) }},
		{"use of nothing", "needs a node", func(_, m *Model, p *Patch) { p.ShuntUse(Use{}, p.Tap(m.Graph.Value("mid"))) }},
		{"removal of nothing", "change of no node", func(_, _ *Model, p *Patch) { p.Remove(nil) }},
		{"output without a wire", "needs a wire", func(_, m *Model, p *Patch) {
			p.ReplaceOutput(m.Graph.Output("y"), Omit(), Dim{Value: 1})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := load(t, chain())
			m := base.Clone()
			p := m.NewPatch("t")
			c.build(base, m, p)
			if err := p.Apply(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			for who, model := range map[string]*Model{"the base": base, "the clone": m} {
				if diff := cmp.Diff(chain(), model.pb, cmp.Comparer(proto.Equal)); diff != "" {
					t.Errorf("%s changed: %s", who, diff)
				}
			}
		})
	}
}

// TestFailedPatchKeepsValuesAndNodes: pointers held by the caller stay good.
func TestFailedPatchKeepsValuesAndNodes(t *testing.T) {
	m := load(t, chain())
	neg := m.Graph.Value("neg")
	producer := neg.Producer()
	p := m.NewPatch("t")
	p.Remove(producer)
	if err := p.Apply(); err == nil {
		t.Fatal("a node in use was removed")
	}
	if m.Graph.Value("neg") != neg || neg.Producer() != producer || len(neg.Uses()) != 1 {
		t.Error("the value or its producer is another one than before the failed patch")
	}
	p = m.NewPatch("again")
	p.InsertAfter(neg, p.Add("Tanh", p.Tap(neg), OutName("new")))
	apply(t, p)
	if got := neg.Uses()[0].Node.Op(); got != "Tanh" {
		t.Errorf("neg is read by %s, want Tanh", got)
	}
}

func TestOneWireForTwoOutputs(t *testing.T) {
	m := load(t, withIf())
	p := m.NewPatch("t")
	w := p.Add("Tanh", p.Tap(m.Graph.Value("mid")))
	p.ReplaceOutput(m.Graph.Output("y"), w)
	p.ReplaceOutput(m.Graph.Output("chosen"), w)
	p.Prune()
	apply(t, p)
	if diff := cmp.Diff([]string{"mid = Relu(x)", "y = Tanh(mid)", "chosen = Identity(y)"}, lines(m)); diff != "" {
		t.Error(diff)
	}
	if m.Graph.Initializer("flag") != nil || m.Graph.Initializer("w") != nil {
		t.Error("the initialisers of pruned nodes are still there")
	}
}

func TestInsertTwiceAfterAnOutput(t *testing.T) {
	m := load(t, chain())
	y := m.Graph.Output("y")
	p := m.NewPatch("t")
	a := p.Add("Tanh", p.Tap(y), OutName("a"))
	p.InsertAfter(y, a)
	p.InsertAfter(y, p.Add("Abs", a))
	apply(t, p)
	if diff := cmp.Diff([]string{"y_inner = Add(product, neg)", "a = Tanh(y_inner)", "y = Abs(a)"}, lines(m)[3:]); diff != "" {
		t.Error(diff)
	}
}

func TestRemoveForgetsWhatItLeaves(t *testing.T) {
	model := chain()
	model.Graph.ValueInfo = []*pb.ValueInfoProto{port("mid", Float), port("product", Float)}
	m := load(t, model)
	p := m.NewPatch("t")
	p.Shunt(m.Graph.Value("product"), p.Tap(m.Graph.Value("mid")))
	p.Remove(m.Graph.Value("product").Producer())
	p.Prune()
	apply(t, p)
	if diff := cmp.Diff([]string{"mid = Relu(x)", "neg = Neg(mid)", "y = Add(mid, neg)"}, lines(m)); diff != "" {
		t.Error(diff)
	}
	if info := m.pb.Graph.ValueInfo; len(info) != 1 || info[0].GetName() != "mid" {
		t.Errorf("value_info %v, want that of mid only", info)
	}
	if m.Graph.Initializer("w") != nil {
		t.Error("initialiser w is still there, but nobody reads it")
	}
}

func TestShuntOfAnInitializerPrunesIt(t *testing.T) {
	m := load(t, chain())
	p := m.NewPatch("t")
	p.Shunt(m.Graph.Value("w"), p.Initializer("w2", NewTensor([]int64{2, 2}, make([]float32, 4))))
	p.Prune()
	apply(t, p)
	if m.Graph.Initializer("w") != nil || len(m.Graph.Value("w2").Uses()) != 1 {
		t.Errorf("w should be replaced by w2:\n%s", m.Graph)
	}
}

// TestOldIRListsInitializersAsInputs: before IR 4 every initialiser had to be a
// graph input (ONNX IR specification, "Graphs").
func TestOldIRListsInitializersAsInputs(t *testing.T) {
	model := chain()
	model.IrVersion = proto.Int64(3)
	model.Graph.Input = append(model.Graph.Input, port("w", Float, Known(2, 2)...))
	m := load(t, model)
	y := m.Graph.Output("y")
	p := m.NewPatch("t")
	p.InsertAfter(y, p.Add("Add", p.Tap(y), p.Initializer("bias", NewTensor([]int64{2}, make([]float32, 2)))))
	apply(t, p)
	last := m.pb.Graph.Input[len(m.pb.Graph.Input)-1]
	if last.GetName() != "bias" || len(m.Graph.Inputs()) != 1 {
		t.Errorf("inputs %v: want bias among them, and x alone to be fed", m.pb.Graph.Input)
	}
}

// TestUnchangedMetadataKeepsTheBytes uses an encoding that nobody would write
// anew: a field given twice.
func TestUnchangedMetadataKeepsTheBytes(t *testing.T) {
	data := append(encode(t, chain()), 0x08, 8) // ir_version = 8, again
	m, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	m.SetMetadata("absent", "")
	if got, _ := m.Bytes(); string(got) != string(data) {
		t.Error("deleting an absent key changed the bytes")
	}
	m.SetMetadata("k", "v")
	if got, _ := m.Bytes(); string(got) == string(data) {
		t.Error("a new key did not change the bytes")
	}
}

// TestExternalAttributeIsNotLeftBehind: attributes and subgraphs can hold
// external tensors, too.
func TestExternalAttributeIsNotLeftBehind(t *testing.T) {
	dir := t.TempDir()
	external, kind := pb.TensorProto_EXTERNAL, pb.AttributeProto_TENSOR
	k := &pb.TensorProto{Dims: []int64{4}, DataType: proto.Int32(int32(Float)), DataLocation: &external}
	k.ExternalData = []*pb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("k.bin")}}
	constant := node("Constant", nil, "k")
	constant.Attribute = []*pb.AttributeProto{{Name: proto.String("value"), Type: &kind, T: k}}
	inMain, inBranch := chain(), withIf()
	inMain.Graph.Node = append(inMain.Graph.Node, constant)
	thenBranch(inBranch).Node = append(thenBranch(inBranch).Node, constant)
	for name, model := range map[string]*pb.ModelProto{"main graph": inMain, "subgraph": inBranch} {
		file := filepath.Join(dir, "m.onnx")
		if err := os.WriteFile(file, encode(t, model), 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Save(filepath.Join(t.TempDir(), "moved.onnx")); err == nil {
			t.Errorf("%s: saved where its external data does not exist", name)
		}
	}
}

// TestReplaceOutputKeepsABranchThatReturnsTheOldValue: the branch of an If that
// declares the outer y as its output goes on returning the old value.
func TestReplaceOutputKeepsABranchThatReturnsTheOldValue(t *testing.T) {
	p := withIf()
	branch := p.Graph.Node[len(p.Graph.Node)-1].Attribute[0].G
	branch.Node, branch.Output[0].Name = nil, proto.String("y")
	m := load(t, p)
	patch := m.NewPatch("t")
	patch.ReplaceOutput(m.Graph.Output("y"), patch.Add("Tanh", patch.Tap(m.Graph.Value("mid"))))
	apply(t, patch)
	if got := branchOutput(m); got != "y_inner" {
		t.Errorf("the branch returns %q, want the old value under its new name y_inner", got)
	}
}

func branchOutput(m *Model) string {
	return m.Graph.Value("chosen").Producer().Subgraph("then_branch").pb.Output[0].GetName()
}

// TestTypesFollowThePatches: what is inferred is kept from patch to patch only as
// long as it holds. The scales of a Resize, which are of one type whatever they
// are, decide the shape behind it.
func TestTypesFollowThePatches(t *testing.T) {
	m := parseText(t, `net (float[1,1,4] x) => (float[1,1,n] y) <float[3] s = {1, 1, 2}> {
		r = Resize (x, "", s)
		h = Relu (r)
		y = Neg (h)
	}`)
	insert := func(size int64) error {
		p, h := m.NewPatch("t"), m.Graph.Value("h")
		p.InsertAfter(h, p.Add("Abs", p.Tap(h), OutType(Float, Known(1, 1, size)...)))
		return p.Apply()
	}
	var seam *SeamError
	if err := insert(12); !errors.As(err, &seam) || seam.Want.Shape[2].Value != 8 {
		t.Errorf("got %v, want a SeamError: 4 scaled by 2 is 8", err)
	}
	p := m.NewPatch("scale")
	p.InsertBefore(m.Graph.Value("r").Producer(), 2, p.FreshInitializer("s", NewTensor([]int64{3}, []float32{1, 1, 3})))
	apply(t, p)
	if err := insert(8); !errors.As(err, &seam) || seam.Want.Shape[2].Value != 12 {
		t.Errorf("got %v, want a SeamError: 4 scaled by 3 is 12", err)
	}
	if err := insert(12); err != nil {
		t.Error(err)
	}
}
