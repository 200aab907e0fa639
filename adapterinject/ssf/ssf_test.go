package ssf_test

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/kindtest"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	"github.com/aat-onnx/aat-onnx/adapterinject/ssf"
)

func TestKind(t *testing.T) { kindtest.Run(t, ssf.Recipe{}) }

// TestCount: 22·d a block, packed or not.
func TestCount(t *testing.T) {
	const width, blocks = 16, 2
	for _, packing := range []string{"", "gather"} {
		m := nets.Classifier(t, 17, width, blocks, 3, true, nets.Spelling{QKV: packing})
		p, err := adapterinject.Plan(m, ssf.Recipe{}, adapterinject.Head{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.AdapterParameters(), int64(blocks*22*width); got != want {
			t.Errorf("packing %q: %d parameters, want %d", packing, got, want)
		}
	}
}
