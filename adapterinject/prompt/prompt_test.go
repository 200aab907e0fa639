package prompt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/prompt"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

func plan(t *testing.T, path string, r prompt.Recipe) (*gs.Model, *adapterinject.InjectionPlan, error) {
	t.Helper()
	m, err := gs.Load("../../testdata/" + path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := adapterinject.Plan(m, r, adapterinject.Head{})
	return m, p, err
}

// TestPrompt: P·d numbers, for each block if deep; inside there are P tokens more, the
// outputs stay as they are; eject gives the base.
func TestPrompt(t *testing.T) {
	const tiny = "tinyast/tinyast-ts17.onnx"
	for _, test := range []struct {
		recipe prompt.Recipe
		want   int64
		tokens int64
	}{
		{prompt.Recipe{}, 25 * 128, 25},
		{prompt.Recipe{Tokens: 300}, 300 * 128, 300},
		{prompt.Recipe{Deep: true}, 6 * 25 * 128, 25},
		{prompt.Recipe{Deep: true, Tokens: 4, Scope: adapterinject.Scope{Last: 2}}, 2 * 4 * 128, 4},
	} {
		base, p, err := plan(t, tiny, test.recipe)
		if err != nil {
			t.Errorf("%+v: %v", test.recipe, err)
			continue
		}
		if got := p.Parameters(); got != test.want {
			t.Errorf("%+v: %d parameters, want %d", test.recipe, got, test.want)
		}
		m, err := p.Inject()
		if err != nil {
			t.Errorf("%+v: %v", test.recipe, err)
			continue
		}
		checkShapes(t, base, m, test.tokens)
		if back, err := adapterinject.Eject(m); err != nil || back.Digest() != base.Digest() {
			t.Errorf("%+v: eject: %v", test.recipe, err)
		}
	}
}

// checkShapes compares the shapes that inference finds, for two examples, of the last
// block's attention weights and of the outputs.
func checkShapes(t *testing.T, base, m *gs.Model, more int64) {
	t.Helper()
	in := base.Graph.Inputs()[0]
	sizes := []int64{2}
	for _, d := range in.Shape()[1:] {
		sizes = append(sizes, d.Value)
	}
	options := gs.InferOptions{Strict: true, Inputs: map[string][]int64{in.Name(): sizes}}
	before, err := base.InferWith(options)
	if err != nil {
		t.Fatal(err)
	}
	after, err := m.InferWith(options)
	if err != nil {
		t.Errorf("the shapes of the injected model do not fit: %v", err)
		return
	}
	blocks, _ := adapterinject.Find(base)
	weights := blocks[len(blocks)-1].Softmax
	want, got := before.Of(weights).Shape, after.Of(m.Graph.Value(weights.Name())).Shape
	if k := len(want) - 1; len(got) != k+1 || got[k].Value != want[k].Value+more || got[k-1].Value != want[k-1].Value+more {
		t.Errorf("attention weights have shape %v, want those of %v and %d tokens more", got, want, more)
	}
	for i, out := range base.Graph.Outputs() {
		if got, want := after.Of(m.Graph.Outputs()[i]).String(), before.Of(out).String(); got != want {
			t.Errorf("output %q is %s, want %s", out.Name(), got, want)
		}
	}
}

// TestPromptRefuses: models and recipes without a place for more tokens are named as
// such, not broken.
func TestPromptRefuses(t *testing.T) {
	for _, test := range []struct {
		file   string
		recipe prompt.Recipe
		want   string
	}{
		{"corpus/clap/dynamo23.onnx", prompt.Recipe{}, "windows"},
		{"corpus/timm-swin/ts20.onnx", prompt.Recipe{Deep: true}, "want three dimensions"},
		{"corpus/beats/ts14-static.onnx", prompt.Recipe{}, "prompts cannot be added"},
		{"tinyast/tinyast-ts17.onnx", prompt.Recipe{Tokens: 1.5}, "1.5 is no number of tokens"},
		{"tinyast/tinyast-ts17.onnx", prompt.Recipe{Scope: adapterinject.Scope{Blocks: []int{1, 4}}}, "not all in scope"},
	} {
		_, _, err := plan(t, test.file, test.recipe)
		var u *gs.UnsupportedError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s, %+v: error %v, want an UnsupportedError that says %q", test.file, test.recipe, err, test.want)
		}
	}
}
