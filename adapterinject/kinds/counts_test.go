package kinds_test

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
)

// TestCountsASTBase holds the published budgets on a body of AST-base, 12 blocks of
// width 768 (reference/method.md 1.2 and 3.1).
func TestCountsASTBase(t *testing.T) {
	base := nets.Classifier(t, 17, 768, 12, 527, true, nets.Spelling{})
	tests := []struct {
		method string
		rank   float64
		want   int64
	}{
		{"aat", 0, 7_100_928},
		{"aat-m", 0, 3_550_464},
		{"aat", 6, 239_760},
		{"houlsby", 12, 497_952},
		{"pfeiffer", 12, 248_976},
		{"parallel", 64, 12 * (2*768*64 + 64 + 768)},
		{"conformer", 8, 270_720},
		{"conv", 8, 12 * (2*768*8 + 8 + 768 + 3*8*8 + 8)}, // the body has no patches
		{"lora", 6, 221_184},
	}
	for _, test := range tests {
		k, err := kinds.Named(test.method)
		if err != nil {
			t.Fatal(err)
		}
		recipe, err := k.Recipe(kinds.Options{Rank: test.rank})
		if err != nil {
			t.Fatal(err)
		}
		p, err := adapterinject.Plan(base, recipe, adapterinject.Head{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.AdapterParameters(); got != test.want {
			t.Errorf("%s, rank %v: %d parameters, want %d", test.method, test.rank, got, test.want)
		}
	}
}
