package adapterinject

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
)

// bottleneckProbe puts one bottleneck at the first block's attention.
type bottleneckProbe struct{ probe }

func (bottleneckProbe) Adapters(t *Target) ([]Adapter, error) {
	b := t.Blocks[0]
	site, _ := b.Site(AttentionOut)
	return []Adapter{{Name: "probe", Site: site, Splice: func(s *Splicer) {
		s.AddTo(b, site, s.Bottleneck(s.Read(site.Value), b.Width, 2, b.GELU()))
	}}}, nil
}

// TestSpelledActivationsAreThemselves computes the spliced spellings at sample
// points, by the detector's own scalar evaluation.
func TestSpelledActivationsAreThemselves(t *testing.T) {
	for _, test := range []struct {
		opset int
		act   string
		want  string
	}{{17, "", ActivationGELU}, {17, "tanh", ActivationGELUTanh}, {20, "op", ActivationGELU}, {20, "optanh", ActivationGELUTanh}} {
		m := nets.Classifier(t, test.opset, 8, 1, 3, false, nets.Spelling{Act: test.act})
		p, err := Plan(m, bottleneckProbe{}, Head{})
		if err != nil {
			t.Fatal(err)
		}
		adapted, err := p.Inject()
		if err != nil {
			t.Fatal(err)
		}
		g := adapted.Graph
		f := study(g)
		down := g.Value("aat/probe/down_add_output_0")
		up := g.Value("aat/probe/up_matmul_output_0").Producer().Input(0)
		if got := f.activation(&linear{out: down}, up); got != test.want {
			t.Errorf("opset %d, %q: spliced activation is %q, want %q", test.opset, test.act, got, test.want)
		}
	}
}
