package diff_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/diff"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// corpus lists the repository's models and, if they are there, onnx's tests.
func corpus(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/*/*.onnx")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d models, %v", len(files), err)
	}
	for _, kind := range []string{"node", "simple", "pytorch-converted", "pytorch-operator"} {
		dirs, _ := testutil.NodeTests(t, kind)
		for _, dir := range dirs {
			files = append(files, filepath.Join(dir, "model.onnx"))
		}
	}
	return files
}

// TestEveryModel: a copy differs in nothing; a renamed copy differs in names only
// and is isomorphic; with the operands of a node exchanged it differs in edges.
func TestEveryModel(t *testing.T) {
	swaps, renames := 0, 0
	for _, file := range corpus(t) {
		m, err := graphsurgery.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := compare(t, m, m.Clone()); !d.Empty() {
			t.Errorf("%s: a copy differs:\n%s", file, d)
		}
		if err := diff.Isomorphic(m, m.Clone()); err != nil {
			t.Errorf("%s: a copy: %v", file, err)
		}
		renames += checkRenamed(t, file, m)
		if other := swapped(t, m); other != nil {
			swaps++
			if d := compare(t, m, other); len(d.Of(diff.EdgeRewired)) != 2 {
				t.Errorf("%s: with operands exchanged it differs so:\n%s", file, d)
			}
		}
	}
	t.Logf("%d renamed, %d with operands exchanged", renames, swaps)
	if renames < 2 || swaps < 2 {
		t.Errorf("%d models were renamed and %d had operands to exchange: too few to show anything", renames, swaps)
	}
}

func checkRenamed(t *testing.T, file string, m *graphsurgery.Model) int {
	t.Helper()
	names, nodes := map[string]string{}, map[string]string{}
	for i, n := range m.Graph.Nodes() {
		if n.Name() != "" {
			nodes[n.Name()] = fmt.Sprintf("renamed_node_%d", i)
		}
		for k, v := range n.Outputs() {
			if v != nil && !v.IsGraphOutput() {
				names[v.Name()] = fmt.Sprintf("renamed_%d_%d", i, k)
			}
		}
	}
	for i, w := range m.Graph.Initializers() {
		if v := m.Graph.Value(w.Name()); !v.IsGraphOutput() && !v.IsDefault() {
			names[w.Name()] = fmt.Sprintf("renamed_tensor_%d", i)
		}
	}
	other := m.Clone()
	if err := other.Rename(names); err != nil {
		t.Errorf("%s: %v", file, err)
		return 0
	}
	if err := other.RenameNodes(nodes); err != nil {
		return 0 // two nodes have one name
	}
	d := compare(t, m, other)
	if rest := len(d.Changes) - len(d.Of(diff.NodeRenamed, diff.ValueRenamed, diff.TensorRenamed)); rest > 0 {
		t.Errorf("%s: a renamed copy differs in more than names:\n%s", file, d)
	}
	if err := diff.Isomorphic(m, other); err != nil {
		t.Errorf("%s: a renamed copy: %v", file, err)
	}
	return 1
}

// swapped exchanges the first two operands of the first node that has two, nil if
// there is none.
func swapped(t *testing.T, m *graphsurgery.Model) *graphsurgery.Model {
	t.Helper()
	other := m.Clone()
	for _, n := range other.Graph.Nodes() {
		a, b := n.Input(0), n.Input(1)
		if a == nil || b == nil || a == b || a.TypeText() != b.TypeText() {
			continue
		}
		p := other.NewPatch("swap")
		p.ShuntUse(graphsurgery.Use{Node: n, Input: 0}, p.Tap(b))
		p.ShuntUse(graphsurgery.Use{Node: n, Input: 1}, p.Tap(a))
		if err := p.Apply(); err != nil {
			continue // the exchange makes no valid model
		}
		return other
	}
	return nil
}
