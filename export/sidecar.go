package export

import (
	"encoding/json"
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

// Provenance is what a sidecar file says of an exported artefact.
type Provenance struct {
	Tool       string             `json:"tool"`
	Form       string             `json:"form"`
	Precision  Precision          `json:"precision"`
	BaseDigest string             `json:"base_digest"`
	Made       adapterinject.Info `json:"made"` // method, recipe with its seeds, head
	Labels     []string           `json:"labels,omitempty"`
	FrontEnd   json.RawMessage    `json:"frontend,omitempty"`
	Epoch      int                `json:"epoch"`
	BatchSeed  uint64             `json:"batch_seed"`
	Roles      map[string]string  `json:"roles"` // of the fused form's added nodes, by name
}

// Sidecar writes the provenance of what was exported from a run in a form as JSON at
// path.
func Sidecar(run *finetune.Run, form, path string, o Options) error {
	m, err := trained(run)
	if err != nil {
		return err
	}
	info, _ := adapterinject.Provenance(m)
	p := Provenance{
		Tool: run.Result.Tool, Form: form, Precision: o.Precision, BaseDigest: info.BaseDigest, Made: info, Labels: info.Labels,
		Epoch: run.Result.BestEpoch, BatchSeed: run.Result.Seed, Roles: map[string]string{},
	}
	if text, ok := m.Metadata(adapterinject.MetaFrontEnd); ok && json.Valid([]byte(text)) {
		p.FrontEnd = json.RawMessage(text)
	}
	for _, n := range m.Graph.Nodes() {
		if role, ok := strings.CutPrefix(n.Name(), adapterinject.Prefix); ok {
			p.Roles[n.Name()] = role
		}
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, append(text, '\n'), atomicfile.Options{Force: o.Force})
}
