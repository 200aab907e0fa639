package export

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	"github.com/aat-onnx/aat-onnx/internal/tort"
)

// Swap writes the run's best weights as an adapter file that ONNX Runtime (1.20 and
// newer) activates for a run, and the model it goes with: the base with untrained
// adapters, whose tensors are optional inputs. One model serves all adapters of the
// same recipe, for whatever labels; with modelPath "" only the adapter is written.
func Swap(run *finetune.Run, modelPath, adapterPath string, o Options) error {
	m, err := finished(run)
	if err != nil {
		return err
	}
	data, err := SwapBytes(m)
	if err != nil {
		return err
	}
	f, err := atomicfile.Create(adapterPath, atomicfile.Options{Force: o.Force})
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if modelPath != "" { // between the refusals of the adapter's file and its appearance
		swappable, err := SwapModel(m)
		if err != nil {
			return err
		}
		if err := save(swappable, modelPath, o); err != nil {
			return err
		}
	}
	return f.Commit()
}

// SwapModel is the model that the adapter files of injected models are made for: the
// base of injected with untrained adapters by its recipe, all as optional inputs.
func SwapModel(injected *graphsurgery.Model) (*graphsurgery.Model, error) {
	plan, err := replanned(injected)
	if err != nil {
		return nil, err
	}
	m, err := plan.Swappable()
	if err != nil {
		return nil, err
	}
	if text, ok := injected.Metadata(adapterinject.MetaFrontEnd); ok {
		m.SetMetadata(adapterinject.MetaFrontEnd, text)
	}
	return m, nil
}

// SwapBytes is the .onnx_adapter file of an injected model: its trained tensors under
// their names. The file has no place for labels or for a digest; its version of the
// model is the first 31 bits of the base's digest, which runtimes do not look at.
func SwapBytes(m *graphsurgery.Model) ([]byte, error) {
	names := adapterinject.Trainable(m)
	slices.Sort(names)
	var tensors []tort.Tensor
	for _, name := range names {
		t := m.Graph.Initializer(name)
		raw, err := t.Raw()
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, tort.Tensor{Name: name, Dims: t.Shape(), Data: raw})
	}
	info, _ := adapterinject.Provenance(m)
	return tort.Bytes(modelVersion(info.BaseDigest), tensors)
}

// modelVersion is a number for a digest.
func modelVersion(digest string) int32 {
	b, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil || len(b) < 4 {
		return 0
	}
	return int32(binary.BigEndian.Uint32(b) >> 1)
}
