package graphsurgery

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected text of testdata/patch")

// edits are what is done to the model "before" of testdata/patch/NAME.txtar to
// give "after", or the error in "error".
var edits = []struct {
	name string
	edit func(m *Model) error
}{
	{"insert-after", patched(func(p *Patch) {
		h := p.model.Graph.Value("h")
		p.InsertAfter(h, p.Add("Tanh", p.Tap(h), OutName("t"), OutType(Float, Known(4, 2)...)))
	})},
	{"insert-after-output", patched(func(p *Patch) {
		y := p.model.Graph.Output("y")
		p.InsertAfter(y, p.Add("Softmax", p.Tap(y), Attrs{"axis": -1}, Named("softmax")))
	})},
	{"insert-before", patched(func(p *Patch) {
		add := p.model.Graph.Value("y").Producer()
		p.InsertBefore(add, 1, p.Add("Neg", p.Tap(add.Input(1))))
	})},
	{"replace", patched(func(p *Patch) {
		split := p.model.Graph.Value("a").Producer()
		halves := p.Add("Split", p.Add("Neg", p.Tap(split.Input(0))), Outputs(2), Attrs{"num_outputs": 2})
		p.Replace(split, halves, halves.Out(1))
	})},
	{"replace-shape", patched(func(p *Patch) { // the types are inferred
		split := p.model.Graph.Value("a").Producer()
		x := p.Tap(split.Input(0))
		p.Replace(split, p.Add("Relu", x), p.Add("Tanh", x))
	})},
	{"broken-rule", patched(func(p *Patch) { // the new node itself cannot be
		h := p.model.Graph.Value("h")
		p.InsertAfter(h, p.Add("MatMul", p.Tap(h), p.Initializer("three", NewTensor([]int64{3, 3}, make([]float32, 9)))))
	})},
	{"types-stated", patched(func(p *Patch) { // a model that states types gets those of the new values
		h := p.model.Graph.Value("h")
		p.InsertAfter(h, p.Add("Mul", p.Tap(h), p.Add("Sigmoid", p.Tap(h))))
	})},
	{"replace-in-use", patched(func(p *Patch) {
		split := p.model.Graph.Value("a").Producer()
		p.Replace(split, p.Add("Relu", p.Tap(split.Input(0))), Omit())
	})},
	{"replace-output-by-its-source", patched(func(p *Patch) {
		n := p.model.Graph.Value("y").Producer()
		p.Replace(n, p.Tap(p.model.Graph.Value("h")))
	})},
	{"bypass", patched(func(p *Patch) { p.Bypass(p.model.Graph.Value("h").Producer()) })},
	{"bypass-neighbours", patched(func(p *Patch) {
		for _, n := range p.model.Graph.Nodes() {
			p.Bypass(n)
		}
	})},
	{"bypass-identity-output", patched(func(p *Patch) { p.Bypass(p.model.Graph.Value("y").Producer()) })},
	{"bypass-changes-shape", patched(func(p *Patch) { p.Bypass(p.model.Graph.Value("h").Producer()) })},
	{"bypass-changes-type", patched(func(p *Patch) { p.Bypass(p.model.Graph.Value("i").Producer()) })},
	{"bypass-between-input-and-output", patched(func(p *Patch) { p.Bypass(p.model.Graph.Value("y").Producer()) })},
	{"remove-in-use", patched(func(p *Patch) { p.Remove(p.model.Graph.Value("h").Producer()) })},
	{"remove-unused", patched(func(p *Patch) {
		p.Remove(p.model.Graph.Value("unused").Producer())
		p.RemoveInitializer(p.model.Graph.Value("c"))
		p.RemoveInput(p.model.Graph.Value("spare"))
	})},
	{"set-attribute", patched(func(p *Patch) {
		n := p.model.Graph.Value("y").Producer()
		p.SetAttr(n, "axis", 1)
		p.SetAttr(n, "keepdims", nil)
		p.SetMeta(n, "origin", "test")
	})},
	{"set-input", patched(func(p *Patch) {
		clip := p.model.Graph.Value("y").Producer()
		p.SetInput(clip, 1, Omit())
		p.SetInput(clip, 2, p.Initializer("six", NewTensor(nil, []float32{6})))
	})},
	{"ports", patched(func(p *Patch) {
		g := p.model.Graph
		scale := p.AddInput("scale", Type{DType: Float, Shape: Known()})
		p.InsertAfter(g.Value("h"), p.Add("Mul", p.Tap(g.Value("h")), scale, OutName("scaled")))
		p.AddOutput("", p.Tap(g.Value("h")), Type{DType: Float, Shape: Known(4)})
		p.AddOutput("copy", p.Tap(g.Value("h")), Type{DType: Float, Shape: Known(4)})
		p.RemoveOutput(g.Output("z"))
		p.Prune()
	})},
	{"branch", patched(func(p *Patch) {
		branch := p.model.Graph.Value("y").Producer().Subgraph("then_branch")
		h, in := p.model.Graph.Value("h"), p.In(branch)
		in.InsertAfter(h, in.Add("Mul", in.Tap(h), in.Initializer("two", NewTensor(nil, []float32{2}))))
		out := branch.Outputs()[0]
		in.InsertAfter(out, in.Add("Tanh", in.Tap(out)))
	})},
	{"capture-moves-behind", patched(func(p *Patch) { // the If must move behind what its branch now reads
		branch := p.model.Graph.Value("y").Producer().Subgraph("then_branch")
		in := p.In(branch)
		in.InsertBefore(branch.Nodes()[0], 0, in.Tap(p.model.Graph.Value("late")))
	})},
	{"function", patched(func(p *Patch) {
		f := p.model.Functions()[0].Body()
		in := p.In(f)
		in.InsertAfter(f.Outputs()[0], in.Add("Add", in.Tap(f.Outputs()[0]), in.Initializer("one", NewTensor(nil, []float32{1}))))
	})},
	{"inline", patched(func(p *Patch) {
		for _, n := range p.model.Graph.Nodes() {
			if n.Function() != nil {
				p.Inline(n)
			}
		}
		p.RemoveFunction(p.model.Functions()[0])
	})},
	{"rename", func(m *Model) error {
		return m.Rename(map[string]string{"x": "input_values", "h": "y", "y": "h", "w": "weight"})
	}},
	{"rename-taken", func(m *Model) error { return m.Rename(map[string]string{"x": "w"}) }},
	{"rename-taken-in-branch", func(m *Model) error { return m.Rename(map[string]string{"h": "t"}) }},
	{"cycle", patched(func(p *Patch) {
		p.Shunt(p.model.Graph.Value("h"), p.Add("Abs", p.Tap(p.model.Graph.Value("y")), Named("abs")))
	})},
	{"shape-at-seam", patched(func(p *Patch) {
		h := p.model.Graph.Value("h")
		p.InsertAfter(h, p.Add("Flatten", p.Tap(h), OutType(Float, Known(1, 8)...)))
	})},
}

func patched(build func(p *Patch)) func(m *Model) error {
	return func(m *Model) error {
		p := m.NewPatch("p")
		build(p)
		return p.Apply()
	}
}

func TestEditsAsText(t *testing.T) {
	for _, c := range edits {
		t.Run(c.name, func(t *testing.T) { testEdit(t, c.name, c.edit) })
	}
}

func testEdit(t *testing.T, name string, edit func(m *Model) error) {
	path := filepath.Join("testdata", "patch", name+".txtar")
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, wantAfter, wantErr := "", "", ""
	for _, f := range a.Files {
		switch f.Name {
		case "before":
			before = string(f.Data)
		case "after":
			wantAfter = string(f.Data)
		case "error":
			wantErr = string(f.Data)
		}
	}
	m, err := ParseText(before)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); err != nil {
		t.Fatal(err)
	}
	start, after, failure := m.Text(), "", ""
	if err := edit(m); err != nil {
		failure = err.Error() + "\n"
		if diff := cmp.Diff(start, m.Text()); diff != "" {
			t.Errorf("a refused edit changed the model: %s", diff)
		}
	} else {
		after = strings.TrimRight(m.Text(), "\n") + "\n"
	}
	if *update {
		writeEdit(t, path, a.Comment, before, after, failure)
		return
	}
	if diff := cmp.Diff(wantErr, failure); diff != "" {
		t.Errorf("error: %s", diff)
	}
	if diff := cmp.Diff(wantAfter, after); diff != "" {
		t.Errorf("after: %s", diff)
	}
}

func writeEdit(t *testing.T, path string, comment []byte, before, after, failure string) {
	t.Helper()
	a := &txtar.Archive{Comment: comment, Files: []txtar.File{{Name: "before", Data: []byte(before)}}}
	if failure != "" {
		a.Files = append(a.Files, txtar.File{Name: "error", Data: []byte(failure)})
	} else {
		a.Files = append(a.Files, txtar.File{Name: "after", Data: []byte(after)})
	}
	if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
