package graphsurgery

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// FuzzPatch makes each kind of change at any value of any model that verifies:
// the result verifies and is indexed as if it had been read from a file, or the
// message is as it was.
func FuzzPatch(f *testing.F) {
	for kind := range uint8(len(changes)) {
		f.Add(encode(f, chain()), uint8(1), kind, true)
		f.Add(encode(f, withIf()), uint8(3), kind, false)
		f.Add(encode(f, withFunction()), uint8(5), kind, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, pick, kind uint8, prune bool) {
		m, err := Parse(data)
		if err != nil || m.Verify() != nil {
			return
		}
		var values []*Value
		for _, g := range m.Graphs() {
			values = append(values, g.Values()...)
		}
		if len(values) > 0 {
			tryChange(t, m, values[int(pick)%len(values)], int(kind)%len(changes), prune)
		}
	})
}

// TestEveryChangeAtEveryValue sweeps what FuzzPatch samples.
func TestEveryChangeAtEveryValue(t *testing.T) {
	done := make([]int, len(changes))
	for _, base := range []*Model{load(t, chain()), load(t, withIf()), load(t, withFunction())} {
		for i := range base.Graphs() {
			for _, v := range base.Graphs()[i].Values() {
				for kind := range changes {
					for _, prune := range []bool{false, true} {
						m := base.Clone()
						if tryChange(t, m, m.Graphs()[i].Value(v.name), kind, prune) {
							done[kind]++
						}
					}
				}
			}
		}
	}
	for kind, n := range done {
		if never := strings.HasSuffix(changes[kind].name, "refused"); never != (n == 0) {
			t.Errorf("%s: was possible %d times", changes[kind].name, n)
		}
	}
}

// tryChange demands that a change is made and verifies, or leaves the message as
// it was; it reports which.
func tryChange(t *testing.T, m *Model, v *Value, kind int, prune bool) bool {
	t.Helper()
	before, index, name := encode(t, m.pb), describeIndex(m), v.name
	p := m.NewPatch("try").In(v.graph)
	changes[kind].make(p, v)
	if prune {
		p.Prune()
	}
	if err := p.Apply(); err != nil {
		if !bytes.Equal(encode(t, m.pb), before) {
			t.Fatalf("%s at %q: a refused patch changed the model: %v", changes[kind].name, name, err)
		}
		if got := describeIndex(m); got != index {
			t.Fatalf("%s at %q: a refused patch changed the index: got\n%s\nwant\n%s", changes[kind].name, name, got, index)
		}
		return false
	}
	if err := m.Verify(); err != nil {
		t.Fatalf("%s at %q: %v", changes[kind].name, name, err)
	}
	if got, want := describeIndex(m), describeIndex(load(t, m.pb)); got != want {
		t.Fatalf("%s at %q: the index differs from that after writing and reading: got\n%s\nwant\n%s", changes[kind].name, name, got, want)
	}
	return true
}

// describeIndex writes down everything the index knows.
func describeIndex(m *Model) string {
	var b strings.Builder
	for _, g := range m.Graphs() {
		fmt.Fprintf(&b, "graph %s in %v\n", g.Name(), g.Owner())
		for _, name := range sortedKeys(g.values) {
			v := g.values[name]
			fmt.Fprintf(&b, "  %s: %v[%d] in %v out %v constant %v %v%v", name, v.producer, v.index, v.input, v.output, v.IsConstant(), v.DType(), v.Shape())
			for _, u := range v.uses {
				fmt.Fprintf(&b, " %v.%d", u.Node, u.Input)
			}
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "  inputs %v outputs %v\n", valueNames(g.inputs), valueNames(g.outputs))
	}
	for _, f := range m.Functions() {
		fmt.Fprintf(&b, "function %v\n", f.key())
	}
	return b.String()
}

// changes are one use of every verb; v is a value of the graph p works in.
var changes = []struct {
	name string
	make func(p *Patch, v *Value)
}{
	{"InsertAfter", func(p *Patch, v *Value) { p.InsertAfter(v, p.Add("Tanh", p.Tap(v))) }},
	{"ShuntUse", func(p *Patch, v *Value) {
		w := p.Add("Tanh", p.Tap(v), OutType(Float))
		for _, u := range v.Uses() {
			p.ShuntUse(u, w)
		}
	}},
	{"ReplaceOutput", func(p *Patch, v *Value) {
		w := p.Initializer("new/w", NewTensor([]int64{1}, []float32{1}))
		p.ReplaceOutput(v, p.Add("Add", p.Tap(v), w), Dim{Value: -1})
	}},
	{"Shunt and Remove", func(p *Patch, v *Value) {
		if v.Producer() != nil {
			p.Shunt(v, p.Tap(v.Producer().Input(0)))
			p.Remove(v.Producer())
		}
	}},
	{"all outputs", func(p *Patch, v *Value) {
		w := p.Add("Tanh", p.Tap(v))
		p.Shunt(v, p.Add("Mul", w, p.Tap(v)))
		for _, out := range p.graph.Outputs() {
			p.InsertAfter(out, w)
		}
	}},
	{"InsertBefore", func(p *Patch, v *Value) {
		for _, u := range v.Uses() {
			p.InsertBefore(u.Node, u.Input, p.Add("Neg", p.Tap(v)))
		}
	}},
	{"Replace", func(p *Patch, v *Value) {
		if n := v.Producer(); n != nil {
			p.Replace(n, p.Add("Abs", p.Tap(n.Input(0))))
		}
	}},
	{"Bypass", func(p *Patch, v *Value) { p.Bypass(v.Producer()) }},
	{"Bypass of readers", func(p *Patch, v *Value) {
		for _, u := range v.Uses() {
			p.Bypass(u.Node)
		}
	}},
	{"SetInput", func(p *Patch, v *Value) {
		for _, n := range p.graph.Nodes() {
			p.SetInput(n, 2, p.Tap(v))
		}
	}},
	{"SetInput omitted", func(p *Patch, v *Value) {
		for _, u := range v.Uses() {
			p.SetInput(u.Node, u.Input, Omit())
		}
	}},
	{"SetAttr and SetMeta", func(p *Patch, v *Value) {
		for _, n := range p.graph.Nodes() {
			if n.Op() == "LeakyRelu" {
				p.SetAttr(n, "alpha", 0.25)
			}
			p.SetMeta(n, "key", v.Name())
		}
	}},
	{"SetAttr of what no operator has, refused", func(p *Patch, v *Value) {
		for _, n := range p.graph.Nodes() {
			p.SetAttr(n, "no such attribute", 1)
		}
	}},
	{"AddOutput", func(p *Patch, v *Value) {
		p.AddOutput("", p.Tap(v), Type{})
		p.AddOutput("other", p.Tap(v), Type{DType: Float})
		p.AddOutput("third", p.Add("Exp", p.Tap(v)), Type{DType: Float})
	}},
	{"AddInput", func(p *Patch, v *Value) {
		p.Shunt(v, p.AddInput("fed", Type{DType: Float, Shape: v.Shape()}))
	}},
	{"RemoveOutput", func(p *Patch, v *Value) { p.RemoveOutput(v) }},
	{"RemoveInput of one that is read, refused", func(p *Patch, v *Value) { p.RemoveInput(v) }},
	{"Shunt and RemoveInput", func(p *Patch, v *Value) {
		p.Shunt(v, p.Initializer("new/w", NewTensor([]int64{1, 2}, []float32{1, 2})))
		p.RemoveInput(v)
	}},
	{"RemoveInitializer", func(p *Patch, v *Value) {
		for _, u := range v.Uses() {
			p.SetInput(u.Node, u.Input, Omit())
		}
		p.RemoveInitializer(v)
	}},
	{"Rename", func(p *Patch, v *Value) { p.Rename(v, "renamed") }},
	{"Rename in a circle", func(p *Patch, _ *Value) {
		values := p.graph.Values()
		for i, v := range values {
			p.Rename(v, values[(i+1)%len(values)].Name())
		}
	}},
	{"Rename to a taken name", func(p *Patch, v *Value) { p.Rename(v, p.model.Graph.Nodes()[0].pb.Output[0]) }},
	{"RenameNode", func(p *Patch, v *Value) { p.RenameNode(v.Producer(), "renamed") }},
	{"Splice", func(p *Patch, v *Value) {
		part, err := Parse(mustEncode(withIf()))
		if err != nil {
			panic(err)
		}
		p.InsertAfter(v, p.Splice("part", part.Graph, p.Tap(v))[0])
	}},
	{"Splice of a function", func(p *Patch, v *Value) {
		part, err := Parse(mustEncode(withFunction()))
		if err != nil {
			panic(err)
		}
		p.InsertAfter(v, p.Splice("", part.Graph, p.Tap(v))[0])
	}},
	{"Splice of itself", func(p *Patch, v *Value) {
		inputs := make([]Wire, len(p.graph.Inputs()))
		for i := range inputs {
			inputs[i] = p.Tap(v)
		}
		if out := p.Splice("again", p.graph, inputs...); len(out) > 0 {
			p.Shunt(v, out[0])
		}
	}},
	{"Inline", func(p *Patch, _ *Value) {
		for _, n := range p.graph.Nodes() {
			if n.Function() != nil {
				p.Inline(n)
			}
		}
		for _, f := range p.model.Functions() {
			p.RemoveFunction(f)
		}
	}},
	{"Import", func(p *Patch, v *Value) {
		p.Import("com.example", 1)
		p.InsertAfter(v, p.Add("Fancy", p.Tap(v), Domain("com.example")))
	}},
	{"Import of another version, refused", func(p *Patch, _ *Value) { p.Import("", 3) }},
	{"work in a subgraph", func(p *Patch, v *Value) {
		for _, n := range p.graph.Nodes() {
			for _, g := range n.Subgraphs() {
				in := p.In(g)
				in.InsertAfter(v, in.Add("Tanh", in.Tap(v)))
			}
		}
	}},
}

func mustEncode(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}
