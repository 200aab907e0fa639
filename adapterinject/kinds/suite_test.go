package kinds_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// changesFromTheStart are the kinds that by their nature compute otherwise than the
// base before they are trained.
var changesFromTheStart = map[string]string{
	"prompt":      "attention reads the tokens that are added",
	"prompt-deep": "attention reads the tokens that are added",
}

// bases are small models of several shapes and spellings.
func bases(t *testing.T) map[string]*gs.Model {
	t.Helper()
	out := map[string]*gs.Model{
		"pre-norm":      nets.Classifier(t, 17, 8, 2, 3, true, nets.Spelling{}),
		"post-norm":     nets.Classifier(t, 17, 8, 2, 3, false, nets.Spelling{Post: true}),
		"Gemm":          nets.Classifier(t, 17, 8, 2, 3, true, nets.Spelling{Linear: "gemm"}),
		"transposed":    nets.Classifier(t, 17, 8, 2, 3, true, nets.Spelling{Linear: "transposed"}),
		"packed":        nets.Classifier(t, 18, 8, 2, 3, true, nets.Spelling{QKV: "split"}),
		"LayerScale":    nets.Classifier(t, 20, 8, 2, 3, true, nets.Spelling{Scale: true, Act: "op"}),
		"spelled norms": nets.Classifier(t, 14, 8, 2, 3, true, nets.Spelling{Norm: "keras", Act: "tanh"}),
	}
	files, err := filepath.Glob("../../testdata/tinyast/*.onnx")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tiny AST: %v", err)
	}
	for _, f := range files {
		m, err := gs.Load(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = m
	}
	return out
}

// TestKinds holds every kind, whichever there are, to the same promises on every base:
// a valid model; the count that was planned; the proof that nothing computes otherwise
// yet; the plan found again in the file and matched, trained too; and the base back
// byte for byte.
func TestKinds(t *testing.T) {
	for name, base := range bases(t) {
		for _, k := range kinds.All() {
			t.Run(name+"/"+k.Method, func(t *testing.T) {
				for _, h := range []adapterinject.Head{{}, {Labels: []string{"bee", "fly", "wasp", "other"}, Seed: 3}} {
					suite(t, k, base, h)
				}
			})
		}
	}
}

func suite(t *testing.T, k kinds.Kind, base *gs.Model, h adapterinject.Head) {
	t.Helper()
	options := kinds.Options{Seed: 7}
	if k.Takes("rank") {
		options.Rank = 2 // some bases are 8 wide
	}
	recipe, err := k.Recipe(options)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := adapterinject.Plan(base, recipe, h)
	var refused *gs.UnsupportedError
	if errors.As(err, &refused) {
		if refused.Hint == "" {
			t.Errorf("refused without advice: %v", err)
		}
		if k.Method != "head" || len(h.Labels) > 0 {
			t.Logf("refused: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	adapted, err := plan.Inject()
	if err != nil {
		t.Fatal(err)
	}
	if err := adapted.Verify(); err != nil {
		t.Error(err)
	}
	if got := count(adapted); got != plan.Parameters() {
		t.Errorf("%d parameters to train, planned were %d", got, plan.Parameters())
	}
	if why := changesFromTheStart[k.Method]; why == "" {
		if err := adapterinject.CheckNoop(base, adapted); err != nil {
			t.Error(err)
		}
	}
	nets.Change(t, adapted, adapterinject.Trainable(adapted), nets.Little)
	replayed(t, base, adapted)
}

// replayed checks what a trained model says of itself, after it was written and read.
func replayed(t *testing.T, base, adapted *gs.Model) {
	t.Helper()
	data, err := adapted.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	read, err := gs.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := kinds.Replan(base, read)
	if err != nil {
		t.Fatal(err)
	}
	misfits, err := plan.Misfits(read)
	if err != nil || len(misfits) > 0 {
		t.Errorf("misfits %v, error %v", misfits, err)
	}
	restored, err := adapterinject.Eject(read)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := base.Bytes()
	if got, err := restored.Bytes(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the base came back in %d bytes, error %v; want its %d", len(got), err, len(want))
	}
}

// count sums the numbers of what is trained.
func count(m *gs.Model) int64 {
	var n int64
	for _, name := range adapterinject.Trainable(m) {
		n += m.Graph.Initializer(name).Len()
	}
	return n
}
