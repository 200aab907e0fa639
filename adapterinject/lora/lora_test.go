package lora_test

import (
	"math"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/kindtest"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	"github.com/aat-onnx/aat-onnx/adapterinject/lora"
)

func all() []adapterinject.LayerName {
	return []adapterinject.LayerName{adapterinject.LayerQ, adapterinject.LayerK, adapterinject.LayerV, adapterinject.LayerO, adapterinject.LayerFC1, adapterinject.LayerGate, adapterinject.LayerFC2}
}

func TestKind(t *testing.T) {
	kindtest.Run(t, lora.Recipe{Rank: 2, Scale: 0.5})
	kindtest.Run(t, lora.Recipe{Rank: 2, Layers: all(), RankStabilised: true})
}

// TestCount: 12·2·2·d·r of AST-base, scaled to the net's width and depth, and each
// layer's r·(in + out).
func TestCount(t *testing.T) {
	const width, rank, blocks = 16, 3, 2
	m := nets.Classifier(t, 17, width, blocks, 3, true, nets.Spelling{})
	tests := []struct {
		layers []adapterinject.LayerName
		want   int64
	}{
		{nil, blocks * 2 * (2 * width * rank)},
		{[]adapterinject.LayerName{adapterinject.LayerFC1}, blocks * rank * (width + 4*width)},
		{all(), blocks * rank * (4*2*width + 2*5*width)},
	}
	for _, test := range tests {
		p, err := adapterinject.Plan(m, lora.Recipe{Rank: rank, Layers: test.layers}, adapterinject.Head{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.AdapterParameters(); got != test.want {
			t.Errorf("layers %v: %d parameters, want %d", test.layers, got, test.want)
		}
	}
}

func TestScaleOf(t *testing.T) {
	tests := []struct {
		recipe lora.Recipe
		want   float64
	}{
		{lora.Recipe{}, 1},
		{lora.Recipe{Alpha: 16}, 4},
		{lora.Recipe{Alpha: 16, RankStabilised: true}, 8},
		{lora.Recipe{RankStabilised: true}, 2},
		{lora.Recipe{Scale: 0.1}, 0.1},
	}
	for _, test := range tests {
		if got := test.recipe.ScaleOf(4); got != test.want {
			t.Errorf("%+v at rank 4: s is %v, want %v", test.recipe, got, test.want)
		}
	}
}

// TestBegin: A is drawn within ±1/√in and B is zero.
func TestBegin(t *testing.T) {
	m := nets.Classifier(t, 17, 16, 1, 3, true, nets.Spelling{})
	adapted := kindtest.Inject(t, m, lora.Recipe{Rank: 4})
	largest := 0.0
	for _, x := range kindtest.Numbers(t, adapted, "aat/block0/q/lora_A") {
		largest = max(largest, math.Abs(x))
	}
	if largest > 0.25 || largest < 0.2 { // 64 draws within ±1/4: all are smaller than 0.2 once in 10⁶ times
		t.Errorf("the largest number of A is %v, want nearly 1/4", largest)
	}
	for i, x := range kindtest.Numbers(t, adapted, "aat/block0/v/lora_B") {
		if x != 0 {
			t.Fatalf("number %d of B is %v, want 0", i, x)
		}
	}
}

func TestRefused(t *testing.T) {
	plain := nets.Classifier(t, 17, 8, 1, 3, true, nets.Spelling{})
	tests := []struct {
		name   string
		recipe lora.Recipe
		want   string
	}{
		{"rank as wide as the layer", lora.Recipe{Rank: 8}, "not below"},
		{"unknown layer", lora.Recipe{Layers: []adapterinject.LayerName{"qk"}}, `unknown layer "qk"`},
		{"layer that is not there", lora.Recipe{Rank: 2, Layers: []adapterinject.LayerName{adapterinject.LayerQKV}}, "no linear layer qkv"},
		{"no gate", lora.Recipe{Rank: 2, Layers: []adapterinject.LayerName{adapterinject.LayerGate}}, "none of the blocks"},
		{"scale twice", lora.Recipe{Rank: 2, Alpha: 16, Scale: 0.1}, "computed from"},
		{"scale", lora.Recipe{Rank: 2, Alpha: math.Inf(1)}, "float32"},
	}
	for _, test := range tests {
		_, err := adapterinject.Plan(plain, test.recipe, adapterinject.Head{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
}
