package adapterinject_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/bitfit"
	"github.com/aat-onnx/aat-onnx/adapterinject/full"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	"github.com/aat-onnx/aat-onnx/adapterinject/lastk"
	"github.com/aat-onnx/aat-onnx/adapterinject/norms"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestTuneCounts: the closed forms with d = 128, six blocks: 11·d biases a block and
// the last norm's; 4·d a block and 2·d of the norm; 12·d² + 13·d a block; all.
func TestTuneCounts(t *testing.T) {
	const d, blocks = 128, 6
	for _, file := range []string{"../testdata/tinyast/tinyast-dynamo.onnx", "../testdata/tinyast/tinyast-ts17.onnx"} {
		base := load(t, file)
		tests := []struct {
			recipe adapterinject.Recipe
			want   int64
		}{
			{bitfit.Recipe{}, blocks*11*d + d},
			{bitfit.Recipe{Scope: adapterinject.Scope{Last: 2}}, 2 * 11 * d},
			{norms.Recipe{}, blocks*4*d + 2*d},
			{norms.Recipe{Scope: adapterinject.Scope{Blocks: []int{3}}}, 4 * d},
			{lastk.Recipe{}, 3 * (12*d*d + 13*d)},
			{lastk.Recipe{Scope: adapterinject.Scope{Last: 1}}, 12*d*d + 13*d},
			{full.Recipe{}, 1259318}, // all tensors; the dynamo file holds four scalars besides
		}
		for _, test := range tests {
			p, err := adapterinject.Plan(base, test.recipe, adapterinject.Head{})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Parameters(); got != test.want {
				t.Errorf("%s, %+v: %d parameters, want %d", file, test.recipe, got, test.want)
			}
			if got := p.Total(); got != base.Parameters(nil) {
				t.Errorf("%s, %s: %d in all, want the base's %d: offsets are not counted twice", file, test.recipe.Method(), got, base.Parameters(nil))
			}
		}
	}
}

// tuned are models whose exporters spelled, merged and folded weights in several ways.
var tuned = []string{
	"ast/ort2", "clap/dynamo23", "swin/ort2-dynamo", "beats/ts14-static", "t5/fp16", "deberta-v2/dynamo23",
	"data2vec-audio/ts14-static", "plain-einsum/ortopt", "timm-swin/ts20",
}

// TestTuneInPlace: untrained, the injected model is the base by proof; trained, it
// ejects to the base, and folds into a model of the base's nodes.
func TestTuneInPlace(t *testing.T) {
	for _, name := range tuned {
		base := load(t, "../testdata/corpus/"+name+".onnx")
		for _, r := range []adapterinject.Recipe{bitfit.Recipe{}, norms.Recipe{}, lastk.Recipe{}, full.Recipe{}} {
			p, err := adapterinject.Plan(base, r, adapterinject.Head{})
			var unsupported *gs.UnsupportedError
			if errors.As(err, &unsupported) && r.Method() == "bitfit" && strings.HasPrefix(name, "t5") {
				continue // it has no biases
			}
			if err != nil {
				t.Errorf("%s, %s: %v", name, r.Method(), err)
				continue
			}
			checkTuned(t, name+", "+r.Method(), base, p)
		}
	}
}

func checkTuned(t *testing.T, name string, base *gs.Model, p *adapterinject.InjectionPlan) {
	t.Helper()
	injected, err := p.Inject()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if err := adapterinject.CheckNoop(base, injected); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	var count int64
	for _, n := range adapterinject.Trainable(injected) {
		count += injected.Graph.Initializer(n).Len()
		if uses := injected.Graph.Value(n).Uses(); len(uses) == 0 {
			t.Errorf("%s: nothing reads %s", name, n)
		}
	}
	if count != p.Parameters() {
		t.Errorf("%s: %d numbers to train, planned %d", name, count, p.Parameters())
	}
	nets.Change(t, injected, adapterinject.Trainable(injected), nets.Little)
	if back, err := adapterinject.Eject(injected); err != nil || back.Digest() != base.Digest() {
		t.Errorf("%s: eject: %v", name, err)
	}
	folded, err := p.Fold(injected)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if got, want := len(folded.Graph.Nodes()), len(base.Graph.Nodes()); got != want {
		t.Errorf("%s: folded, it has %d nodes, want the base's %d", name, got, want)
	}
	if folded.Digest() == base.Digest() {
		t.Errorf("%s: folding changed nothing", name)
	}
}
