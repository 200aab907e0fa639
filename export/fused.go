package export

import (
	"encoding/json"

	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Options for writing an artefact; the zero value refuses to replace a file.
type Options struct {
	Force     bool      // replace an existing file
	Precision Precision // of the fused and the merged form's weights
	External  bool      // weights in a file beside the model, OUT.data; always so beyond 2 GiB
}

// MetaTrained is the metadata key under which an exported model says how it was
// trained: a JSON object, see [Trained].
const MetaTrained = "aat.trained"

// Trained is what an exported model records about its training.
type Trained struct {
	Tool        string  `json:"tool"`         // program and version
	Model       string  `json:"model_digest"` // digest of the injected, untrained model
	Epoch       int     `json:"epoch"`        // epoch whose weights these are, from 1
	ValAccuracy float64 `json:"val_accuracy"` // 0–1
	Seed        uint64  `json:"seed"`         // of the batches
}

// Fused writes the run's best weights as one ONNX file at path: the injected
// model with trained values under aat/, everything else as it was, labels and
// front end in its metadata. The error is a typed one of [graphsurgery] when
// the result would not be a valid model, or a file error; on error no file is
// left.
func Fused(run *finetune.Run, path string, o Options) error {
	m, err := finished(run)
	if err != nil {
		return err
	}
	return save(m, path, o)
}

func setTrained(m *graphsurgery.Model, run *finetune.Run) error {
	r := run.Result
	text, err := json.Marshal(Trained{
		Tool: r.Tool, Model: r.ModelDigest, Epoch: r.BestEpoch, ValAccuracy: r.Val.Accuracy, Seed: r.Seed,
	})
	if err != nil {
		return err
	}
	m.SetMetadata(MetaTrained, string(text))
	return nil
}
