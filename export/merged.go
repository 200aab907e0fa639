package export

import (
	"encoding/json"
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// MetaMerged is the metadata key under which a merged model says of what it was made:
// a JSON object, see [MergedFrom].
const MetaMerged = "aat.merged"

// MergedFrom is what a merged model records about its making.
type MergedFrom struct {
	BaseDigest string          `json:"base_digest"`
	Method     string          `json:"method"`
	Recipe     json.RawMessage `json:"recipe"`
	Folded     []string        `json:"folded"`         // adapters that are in the base's weights
	Kept       []string        `json:"kept,omitempty"` // those that are nodes still
}

// Merged writes the run's best weights as a model with the adapters in the base's
// weights where that is exact but for rounding, and as nodes where it is not; what it
// gives says which. The error is an *UnsupportedError if no adapter can be merged.
func Merged(run *finetune.Run, path string, o Options) (*adapterinject.Merged, error) {
	m, err := trained(run)
	if err != nil {
		return nil, err
	}
	merged, err := MergeModel(m)
	if err != nil {
		return nil, err
	}
	if err := setTrained(merged.Model, run); err != nil {
		return nil, err
	}
	return merged, save(merged.Model, path, o)
}

// MergeModel merges the adapters of an injected model, trained or not. The base comes
// out of the model itself.
func MergeModel(injected *graphsurgery.Model) (*adapterinject.Merged, error) {
	plan, err := replanned(injected)
	if err != nil {
		return nil, err
	}
	merged, err := plan.Merge(injected)
	if err != nil {
		return nil, err
	}
	info, _ := adapterinject.Provenance(injected)
	from := MergedFrom{BaseDigest: info.BaseDigest, Method: info.Method, Recipe: info.Recipe, Folded: merged.Folded}
	for _, k := range merged.Kept {
		from.Kept = append(from.Kept, k.Name)
	}
	text, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	merged.Model.SetMetadata(MetaMerged, string(text))
	return merged, nil
}

// finished is the run's model with its best weights, and what it says of its training.
func finished(run *finetune.Run) (*graphsurgery.Model, error) {
	m, err := trained(run)
	if err != nil {
		return nil, err
	}
	return m, setTrained(m, run)
}

// replanned is the plan that an injected model was made by, on the base that comes out
// of the model itself.
func replanned(injected *graphsurgery.Model) (*adapterinject.InjectionPlan, error) {
	base, err := adapterinject.Eject(injected)
	if err != nil {
		return nil, err
	}
	return kinds.Replan(base, injected)
}

// trained is the run's model with its best weights.
func trained(run *finetune.Run) (*graphsurgery.Model, error) {
	m, err := run.Model()
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", run.Dir, err)
	}
	if len(adapterinject.Trainable(m)) == 0 {
		return nil, &graphsurgery.UnsupportedError{File: run.Dir, What: "the run's model holds no adapter", Hint: "train a model that 'aat-onnx inject' wrote"}
	}
	return m, nil
}

// MetaPrecision is the metadata key of the precision of a model's weights, if it is not
// F32.
const MetaPrecision = "aat.precision"

// save writes a model that was checked first, in the precision asked for.
func save(m *graphsurgery.Model, path string, o Options) error {
	if o.Precision != "" && o.Precision != F32 {
		if err := m.InlineExternal(); err != nil {
			return err
		}
		if _, err := Narrow(m, o.Precision); err != nil {
			return err
		}
		m.SetMetadata(MetaPrecision, string(o.Precision))
	}
	if err := m.Verify(); err != nil {
		return fmt.Errorf("export %s: the model is not valid: %w", path, err)
	}
	with := graphsurgery.SaveOptions{Force: o.Force}
	if o.External || stored(m) > largestFile {
		with.External.Layout = graphsurgery.OneFile
	}
	return m.SaveWith(path, with)
}

// largestFile is what a protobuf message can hold, with room for the graph.
const largestFile = 1<<31 - 1<<26
