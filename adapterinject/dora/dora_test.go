package dora_test

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/dora"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/kindtest"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
)

func TestKind(t *testing.T) {
	kindtest.Run(t, dora.Recipe{Rank: 2, Scale: 0.5, Layers: []adapterinject.LayerName{
		adapterinject.LayerQ, adapterinject.LayerV, adapterinject.LayerO, adapterinject.LayerFC1, adapterinject.LayerFC2,
	}})
}

// TestCount: r·(in + out) + out for each layer.
func TestCount(t *testing.T) {
	const width, rank, blocks = 16, 3, 2
	m := nets.Classifier(t, 17, width, blocks, 3, true, nets.Spelling{QKV: "gather"})
	p, err := adapterinject.Plan(m, dora.Recipe{Rank: rank}, adapterinject.Head{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.AdapterParameters(), int64(blocks*2*(rank*2*width+width)); got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
}
