package importer_test

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// FuzzLoad: whatever parses is either resolved, with a port for each graph
// input, or refused with an error; nothing panics.
func FuzzLoad(f *testing.F) {
	for _, family := range append([]string{"refuse"}, families...) {
		for _, c := range opCases(f, family) {
			f.Add(c.model)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := graphsurgery.Parse(data)
		if err != nil {
			return
		}
		p, err := importer.Load(m, importer.Options{})
		if err == nil && len(p.Inputs()) != len(m.Graph.Inputs()) {
			t.Errorf("%d ports for %d graph inputs", len(p.Inputs()), len(m.Graph.Inputs()))
		}
	})
}
