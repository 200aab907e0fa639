package adapterinject_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"github.com/aat-onnx/aat-onnx/adapterinject/headonly"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestEject: the base comes back byte for byte, from a trained model too, written
// and read in between.
func TestEject(t *testing.T) {
	for name, base := range bases(t) {
		want, err := base.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []adapterinject.Recipe{aat.Recipe{}, aat.Recipe{MLPOnly: true}, headonly.Recipe{}} {
			adapted := inject(t, base, r, adapterinject.Head{Labels: labels(5)})
			nets.Change(t, adapted, adapterinject.Trainable(adapted), nets.Little)
			adapted.SetMetadata("aat.trained", "{}")
			data, err := adapted.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			read, err := gs.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			restored, err := adapterinject.Eject(read)
			if err != nil {
				t.Errorf("%s, %s: %v", name, r.Method(), err)
				continue
			}
			if got, err := restored.Bytes(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %d bytes, error %v; want the base's %d", name, r.Method(), len(got), err, len(want))
			}
		}
	}
}

// TestEjectRefuses: what cannot be restored exactly is refused.
func TestEjectRefuses(t *testing.T) {
	base := bases(t)["pre-norm"]
	frozen := base.Graph.Value("b0.fc1").Producer().Input(0).Name()
	tests := []struct {
		name   string
		change func(m *gs.Model)
		want   string
	}{
		{"no record", func(m *gs.Model) { m.SetMetadata(adapterinject.MetaUndo, "") }, ""},
		{"not base64", func(m *gs.Model) { m.SetMetadata(adapterinject.MetaUndo, "?") }, "base64"},
		{"cut short", func(m *gs.Model) {
			text, _ := m.Metadata(adapterinject.MetaUndo)
			m.SetMetadata(adapterinject.MetaUndo, text[:len(text)/8*4])
		}, "does not go with it"},
		{"frozen weight changed", func(m *gs.Model) {
			old := m.Graph.Initializer(frozen)
			if err := m.SetInitializer(frozen, gs.NewTensor(old.Shape(), make([]float32, old.Len()))); err != nil {
				t.Fatal(err)
			}
		}, "changed after the injection"},
		{"another's record", func(m *gs.Model) {
			other := inject(t, bases(t)["Gemm"], aat.Recipe{}, adapterinject.Head{})
			text, _ := other.Metadata(adapterinject.MetaUndo)
			m.SetMetadata(adapterinject.MetaUndo, text)
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := inject(t, base, aat.Recipe{}, adapterinject.Head{Labels: labels(5)})
			test.change(m)
			_, err := adapterinject.Eject(m)
			var f *gs.FormatError
			if !errors.As(err, &f) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want a FormatError with %q", err, test.want)
			}
		})
	}
	if _, err := adapterinject.Eject(base); err == nil {
		t.Error("a base was ejected")
	}
}
