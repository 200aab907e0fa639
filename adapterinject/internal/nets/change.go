package nets

import (
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Change adds to each number of the named initialisers what by gives for the place of
// the tensor among the names and of the number in it, as training would.
func Change(t testing.TB, m *gs.Model, names []string, by func(tensor, number int) float32) {
	t.Helper()
	for i, name := range names {
		old := m.Graph.Initializer(name)
		xs, err := old.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		for k := range xs {
			xs[k] += by(i, k)
		}
		if err := m.SetInitializer(name, gs.NewTensor(old.Shape(), xs)); err != nil {
			t.Fatal(err)
		}
	}
}

// Little is a change by up to 0.03.
func Little(tensor, number int) float32 { return 0.01 * float32((tensor+number)%7-3) }
