package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	"github.com/aat-onnx/aat-onnx/internal/safetensors"
	"github.com/aat-onnx/aat-onnx/internal/tort"
)

// What an adapter file says of itself in its metadata, beside the model's own keys
// that begin with "aat.".
const (
	adapterFormat = "aat-onnx adapter 1"
	keyFormat     = "format"
	keyKeys       = "aat.keys"   // the model's keys in their order, one a line
	keyDigest     = "aat.digest" // of the model that base and adapter make
)

// Adapter writes what the run trained, and nothing of the base, as one safetensors
// file: the tensors under aat/, and in its metadata the base's digest, the recipe, the
// labels, the front end and whatever else the model says of itself. [Attach] makes the
// fused model of it and the base.
func Adapter(run *finetune.Run, path string, o Options) error {
	m, err := finished(run)
	if err != nil {
		return err
	}
	data, err := AdapterBytes(m)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data, atomicfile.Options{Force: o.Force})
}

// AdapterBytes is the adapter file of an injected model.
func AdapterBytes(m *graphsurgery.Model) ([]byte, error) {
	f := &safetensors.File{Metadata: map[string]string{keyFormat: adapterFormat, keyDigest: m.Digest()}}
	var keys []string
	for _, k := range m.MetadataKeys() {
		// The record by which the base is had from the model is as large as what was
		// changed, and is made anew from the base.
		if !strings.HasPrefix(k, "aat.") || k == adapterinject.MetaUndo {
			continue
		}
		f.Metadata[k], _ = m.Metadata(k)
		keys = append(keys, k)
	}
	f.Metadata[keyKeys] = strings.Join(keys, "\n")
	names := adapterinject.Trainable(m)
	slices.Sort(names)
	for _, name := range names {
		t := m.Graph.Initializer(name)
		raw, err := t.Raw()
		if err != nil {
			return nil, err
		}
		f.Tensors = append(f.Tensors, safetensors.Tensor{Name: name, DType: "F32", Shape: t.Shape(), Data: raw})
	}
	return f.Bytes()
}

// IsAdapter reports whether a file's bytes are an adapter file of this package.
func IsAdapter(data []byte) bool {
	f, err := safetensors.Parse(data)
	return err == nil && f.Metadata[keyFormat] == adapterFormat
}

// Attach makes the fused model of a base and an adapter file's bytes: byte for byte
// what [Fused] writes. The error is an *UnsupportedError if the adapter was made for
// another base, and a *FormatError if the file is broken or does not give the model
// that it was made of.
func Attach(base *graphsurgery.Model, data []byte) (*graphsurgery.Model, error) {
	if len(data) >= 8 && string(data[4:8]) == tort.Identifier {
		return nil, &graphsurgery.UnsupportedError{What: "this is an .onnx_adapter, which holds tensors but neither recipe nor labels nor the base's digest", Hint: "export the run with --form adapter, or let ONNX Runtime activate the file"}
	}
	f, err := safetensors.Parse(data)
	if err != nil {
		return nil, &graphsurgery.FormatError{What: "the adapter file cannot be read", Err: err}
	}
	if got := f.Metadata[keyFormat]; got != adapterFormat {
		return nil, &graphsurgery.FormatError{What: fmt.Sprintf("this is no adapter file: its metadata says %q, want %q", got, adapterFormat)}
	}
	plan, err := planOf(base, f.Metadata)
	if err != nil {
		return nil, err
	}
	m, err := plan.Inject()
	if err != nil {
		return nil, err
	}
	if err := setTensors(m, f); err != nil {
		return nil, err
	}
	for _, k := range strings.Split(f.Metadata[keyKeys], "\n") {
		if text, ok := f.Metadata[k]; ok {
			m.SetMetadata(k, text)
		}
	}
	if got, want := m.Digest(), f.Metadata[keyDigest]; got != want {
		return nil, &graphsurgery.FormatError{What: fmt.Sprintf("base and adapter do not give the model that the adapter was taken from: digest %s, want %s; the file was changed, or another version of this program made it", got, want)}
	}
	return m, nil
}

// planOf plans on a base what an adapter file's metadata says.
func planOf(base *graphsurgery.Model, metadata map[string]string) (*adapterinject.InjectionPlan, error) {
	said := graphsurgery.NewModel(17) // carries the metadata to those who read it off a model
	for k, text := range metadata {
		said.SetMetadata(k, text)
	}
	info, ok := adapterinject.Provenance(said)
	if !ok {
		return nil, &graphsurgery.FormatError{What: fmt.Sprintf("the adapter file does not say how adapters were injected: metadata %s is missing or broken", adapterinject.MetaRecipe)}
	}
	if info.Version != adapterinject.Version {
		return nil, &graphsurgery.UnsupportedError{What: fmt.Sprintf("the adapter file is of version %q, want %q", info.Version, adapterinject.Version), Hint: "export it again"}
	}
	if err := kinds.CheckBase(base, info); err != nil {
		return nil, err
	}
	return kinds.Replan(base, said)
}

// setTensors gives the injected model the file's numbers: all of them, and no others.
func setTensors(m *graphsurgery.Model, f *safetensors.File) error {
	names := adapterinject.Trainable(m)
	for _, name := range names {
		t, ok := f.Tensor(name)
		if !ok {
			return &graphsurgery.FormatError{What: fmt.Sprintf("the adapter file has no tensor %q", name)}
		}
		if t.DType != "F32" {
			return &graphsurgery.FormatError{What: fmt.Sprintf("tensor %q is %s, want F32", name, t.DType)}
		}
		own, err := graphsurgery.NewTensorRaw(graphsurgery.Float, t.Shape, t.Data)
		if err == nil {
			err = m.SetInitializer(name, own)
		}
		if err != nil {
			return &graphsurgery.FormatError{What: "the adapter file does not fit its recipe", Err: err}
		}
	}
	if len(f.Tensors) != len(names) {
		return &graphsurgery.FormatError{What: fmt.Sprintf("the adapter file has %d tensors, its recipe %d", len(f.Tensors), len(names))}
	}
	return nil
}
