package prefix_test

import (
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/prefix"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

func load(t *testing.T, path string) *gs.Model {
	t.Helper()
	m, err := gs.Load("../../testdata/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPrefix: 2·P·d numbers and a gate for each head in every block; no-op by proof;
// eject gives the base.
func TestPrefix(t *testing.T) {
	tests := []struct {
		file   string
		recipe prefix.Recipe
		want   int64
	}{
		{"tinyast/tinyast-ts17.onnx", prefix.Recipe{}, 6 * (2*12*128 + 4)},
		{"tinyast/tinyast-dynamo.onnx", prefix.Recipe{Tokens: 5, Scope: adapterinject.Scope{Last: 2}}, 2 * (2*5*128 + 4)},
		{"tinyast/tinyast-ts17.onnx", prefix.Recipe{Scope: adapterinject.Scope{Blocks: []int{1, 3}, Ranks: map[int]float64{3: 2}}}, 2*12*128 + 4 + 2*2*128 + 4},
		{"corpus/clap/dynamo23.onnx", prefix.Recipe{}, 2*(2*12*16+2) + 2*(2*12*32+4)}, // windows
		{"corpus/beats/ts14-static.onnx", prefix.Recipe{}, 2 * (2*12*24 + 4)},         // biases of positions
		{"corpus/t5/fp16.onnx", prefix.Recipe{}, 2 * (2*12*24 + 4)},                   // half precision
		{"corpus/plain-einsum/ortopt.onnx", prefix.Recipe{}, 2 * (2*12*24 + 4)},
		{"corpus/timm-swin/ts20.onnx", prefix.Recipe{}, 2*(2*12*16+2) + 2*(2*12*32+4)}, // packed projections
	}
	for _, test := range tests {
		base := load(t, test.file)
		p, err := adapterinject.Plan(base, test.recipe, adapterinject.Head{})
		if err != nil {
			t.Errorf("%s: %v", test.file, err)
			continue
		}
		if got := p.Parameters(); got != test.want {
			t.Errorf("%s: %d parameters, want %d", test.file, got, test.want)
		}
		injected, err := p.Inject()
		if err != nil {
			t.Errorf("%s: %v", test.file, err)
			continue
		}
		if err := adapterinject.CheckNoop(base, injected); err != nil {
			t.Errorf("%s: %v", test.file, err)
		}
		if back, err := adapterinject.Eject(injected); err != nil || back.Digest() != base.Digest() {
			t.Errorf("%s: eject: %v", test.file, err)
		}
	}
}

// TestPrefixNoop: a gate that is open is found.
func TestPrefixNoop(t *testing.T) {
	base := load(t, "tinyast/tinyast-ts17.onnx")
	p, err := adapterinject.Plan(base, prefix.Recipe{}, adapterinject.Head{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Inject()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetInitializer("aat/block2/prefix/gate", gs.NewTensor([]int64{4}, []float32{0, 0, 0.1, 0})); err != nil {
		t.Fatal(err)
	}
	if err := adapterinject.CheckNoop(base, m); err == nil {
		t.Error("an open gate passed as doing nothing")
	}
}

// TestPrefixRefuses: what has no place for a prefix.
func TestPrefixRefuses(t *testing.T) {
	base := load(t, "tinyast/tinyast-ts17.onnx")
	for _, test := range []struct {
		recipe prefix.Recipe
		want   string
	}{
		{prefix.Recipe{Tokens: 0.5}, "0.5 is no number of keys"},
		{prefix.Recipe{Tokens: -1}, "-1 is no number of keys"},
		{prefix.Recipe{Scope: adapterinject.Scope{Last: 7}}, "the last 7 blocks"},
	} {
		_, err := adapterinject.Plan(base, test.recipe, adapterinject.Head{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want one that says %q", test.recipe, err, test.want)
		}
	}
}
