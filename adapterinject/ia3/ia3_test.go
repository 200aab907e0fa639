package ia3_test

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/ia3"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/kindtest"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
)

func TestKind(t *testing.T) { kindtest.Run(t, ia3.Recipe{}) }

// TestCount: keys and values of width d and an MLP of width 4·d.
func TestCount(t *testing.T) {
	const width, blocks = 16, 2
	m := nets.Classifier(t, 17, width, blocks, 3, true, nets.Spelling{QKV: "split"})
	p, err := adapterinject.Plan(m, ia3.Recipe{}, adapterinject.Head{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.AdapterParameters(), int64(blocks*(2*width+4*width)); got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
}
