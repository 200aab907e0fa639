package export

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/safetensors"
)

// asWritten is a model after it was written and read, with what training and export
// add to its metadata.
func asWritten(t *testing.T, m *graphsurgery.Model) (*graphsurgery.Model, []byte) {
	t.Helper()
	m.SetMetadata(adapterinject.MetaFrontEnd, `{"frames":128}`)
	m.SetMetadata(MetaTrained, `{"epoch":3}`)
	data, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	read, err := graphsurgery.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return read, data
}

// TestAttach: base and adapter file give the fused model, byte for byte, for every
// kind.
func TestAttach(t *testing.T) {
	base := tiny(t, "ts17")
	for _, k := range kinds.All() {
		fused, want := asWritten(t, trainedModel(t, base, k.Method, []string{"bee", "fly"}, 1))
		data, err := AdapterBytes(fused)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Attach(tiny(t, "ts17"), data)
		if err != nil {
			t.Fatalf("%s: %v", k.Method, err)
		}
		if got, err := m.Bytes(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, error %v; want the %d of the fused model", k.Method, len(got), err, len(want))
		}
		if len(data) > len(want)/2 && k.Method != "full" {
			t.Errorf("%s: the adapter file has %d bytes, the model %d", k.Method, len(data), len(want))
		}
	}
}

func TestAttachRefuses(t *testing.T) {
	fused, _ := asWritten(t, trainedModel(t, tiny(t, "ts17"), "lora", nil, 1))
	whole, err := AdapterBytes(fused)
	if err != nil {
		t.Fatal(err)
	}
	var wrong *graphsurgery.UnsupportedError
	if _, err := Attach(tiny(t, "dynamo"), whole); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "not the base") {
		t.Errorf("another base: got %v", err)
	}
	for name, c := range map[string]struct {
		change func(*safetensors.File)
		want   string
	}{
		"a number": {func(f *safetensors.File) { f.Tensors[0].Data[0] ^= 1 }, "do not give the model"},
		"a label":  {func(f *safetensors.File) { f.Metadata[adapterinject.MetaFrontEnd] = "{}" }, "do not give the model"},
		"a tensor": {func(f *safetensors.File) { f.Tensors = f.Tensors[1:] }, "no tensor"},
		"too many": {func(f *safetensors.File) {
			f.Tensors = append(f.Tensors, safetensors.Tensor{Name: "x", DType: "I8", Shape: []int64{0}})
		}, "tensors, its recipe"},
		"a shape":   {func(f *safetensors.File) { f.Tensors[0].Shape = []int64{f.Tensors[0].Shape[0] * f.Tensors[0].Shape[1]} }, "does not fit"},
		"no recipe": {func(f *safetensors.File) { delete(f.Metadata, adapterinject.MetaRecipe) }, "does not say how"},
		"a format":  {func(f *safetensors.File) { f.Metadata[keyFormat] = "pt" }, "no adapter file"},
		"a version": {func(f *safetensors.File) { f.Metadata[adapterinject.MetaVersion] = "1" }, "version"},
	} {
		f, err := safetensors.Parse(bytes.Clone(whole))
		if err != nil {
			t.Fatal(err)
		}
		c.change(f)
		data, err := f.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Attach(tiny(t, "ts17"), data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
	if _, err := Attach(tiny(t, "ts17"), whole[:100]); err == nil {
		t.Error("half a file was attached")
	}
}
