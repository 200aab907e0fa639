package adapterinject

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Head asks for a new classifier. Without labels the base's head and output
// stay as they are.
type Head struct {
	Labels []string `json:"-"` // two or more, distinct; the order is that of the logits
	Seed   uint64   `json:"seed"`

	// MultiLabel says that labels do not exclude one another: each logit is of a
	// probability of its own, by the sigmoid instead of the softmax over all.
	MultiLabel bool `json:"multi_label,omitempty"`
}

func (h Head) check() error {
	if len(h.Labels) == 0 {
		if h.MultiLabel {
			return &gs.UnsupportedError{What: "multi-label is said of a new head, and there are no labels for one", Hint: "give the labels"}
		}
		return nil
	}
	refuse := func(format string, args ...any) error {
		return &gs.UnsupportedError{What: fmt.Sprintf(format, args...), Hint: "give two or more distinct labels, or none to keep the base's head"}
	}
	if len(h.Labels) < 2 {
		return refuse("1 label (%q); a classifier needs two or more", h.Labels[0])
	}
	seen := map[string]bool{}
	for i, l := range h.Labels {
		if l == "" {
			return refuse("label %d is empty", i+1)
		}
		if seen[l] {
			return refuse("label %q is given twice", l)
		}
		seen[l] = true
	}
	return nil
}

// adapter is the new head as one more thing to splice: LayerNorm (ε 1e-5) and
// Linear from the pooled value. The base's own head dies and is pruned; where it has
// none, the logits are one more output, [LogitsOutput], in float32.
func (h Head) adapter(site HeadSite) Adapter {
	width, classes := site.Width, len(h.Labels)
	d, c := int64(width), int64(classes)
	return Adapter{
		Name: "head", Block: -1, Site: Site{Name: "logits", Value: site.Output, Width: width, Shape: []gs.Dim{site.batch, {Value: c}}},
		Parameters: 2*d + d*c + c, Seed: h.Seed,
		Splice: func(s *Splicer) {
			x := s.pooledBy(site)
			gain := s.Param("norm_weight", []int{width}, Ones())
			offset := s.Param("norm_bias", []int{width}, Zeros())
			x = s.LayerNorm("norm", x, gain, offset, headEpsilon)
			labels := gs.Dim{Value: c}
			if s.offer {
				labels = gs.Dim{Value: -1, Param: "labels"}
				s.free = labels
			}
			logits := s.Linear("dense", x, width, classes, TruncNormal(0.01))
			if site.added {
				s.patch.AddOutput(LogitsOutput, logits, gs.Type{DType: gs.Float, Shape: []gs.Dim{site.batch, labels}})
				return
			}
			s.patch.ReplaceOutput(s.model.Graph.Output(site.Output.Name()), s.back(logits, site.Output), site.batch, labels)
			s.patch.Prune()
		},
	}
}

// headEpsilon is PyTorch's default for LayerNorm, which the method's head uses.
const headEpsilon = 1e-5
