package export

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestNarrow stores the weights of fused and merged models in fewer bits. The logits
// are of size 1 to 10; bounds are about three times what was measured, to tell an error
// of rounding from an error of ours.
func TestNarrow(t *testing.T) {
	rt, ok := runtime(t)
	for _, c := range []struct {
		exporter  string
		precision Precision
		share     float64 // bytes after of before, at most
		off       float64
	}{
		{"ts17", F16, 0.51, 0.01},
		{"dynamo", F16, 0.51, 0.01},
		{"ts17", Int8, 0.45, 0.6},
		{"dynamo", Int8, 0.45, 0.6},
	} {
		fused := trainedModel(t, tiny(t, c.exporter), "aat", nil, 1)
		merged, err := MergeModel(fused)
		if err != nil {
			t.Fatal(err)
		}
		for form, m := range map[string]*graphsurgery.Model{"fused": fused.Clone(), "merged": merged.Model} {
			got, err := Narrow(m, c.precision)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Verify(); err != nil {
				t.Error(err)
			}
			t.Logf("%s %s %s: %d tensors, %d bytes of %d", c.exporter, form, c.precision, got.Tensors, got.After, got.Before)
			if share := float64(got.After) / float64(got.Before); share > c.share {
				t.Errorf("%s %s: %.2f of the bytes are left, want at most %.2f", form, c.precision, share, c.share)
			}
			if !ok {
				continue
			}
			d := far(t, logits(t, rt, m), logits(t, rt, fused))
			t.Logf("off by %.3g", d)
			if !(d <= c.off) || d == 0 {
				t.Errorf("%s %s %s: logits are %.3g off, want above 0 and at most %.3g", c.exporter, form, c.precision, d, c.off)
			}
		}
	}
}

func TestNarrowRefuses(t *testing.T) {
	m := tiny(t, "ts17")
	if _, err := Narrow(m, "f8"); err == nil {
		t.Error("precision f8 was taken")
	}
	none := graphsurgery.NewModel(17)
	for _, p := range []Precision{F16, Int8} {
		if _, err := Narrow(none, p); err == nil {
			t.Errorf("a model without weights became %s", p)
		}
	}
	if _, err := Narrow(m, F32); err != nil || m.Digest() != tiny(t, "ts17").Digest() {
		t.Errorf("f32 changed the model: %v", err)
	}
}
