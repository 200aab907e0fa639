package passes_test

import (
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// FuzzPasses runs every pass on whatever reads as a model. A pass that fails leaves
// the model as it was; one that does not leaves a valid model; none panics.
func FuzzPasses(f *testing.F) {
	for _, c := range orderCases() {
		header := c.header
		if header == "" {
			header = `<ir_version: 10, opset_import: ["" : 17, "local" : 1]>`
		}
		m, err := gs.ParseText(header + c.text)
		if err != nil {
			f.Fatal(err)
		}
		data, err := m.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := gs.Parse(data)
		if err != nil || m.Verify() != nil || len(m.Graph.Nodes()) > 200 {
			return
		}
		for _, p := range append(passes.All(), passes.ConvertOpset(passes.MaxOpset)) {
			c := m.Clone()
			before := c.Digest()
			if _, err := passes.Run(c, p); err != nil {
				if !p.Repeat && c.Digest() != before {
					t.Errorf("%s failed (%v) and changed the model", p.Name, err)
				}
				continue
			}
			if err := c.Verify(); err != nil {
				t.Errorf("after %s: %v", p.Name, err)
			}
		}
	})
}
