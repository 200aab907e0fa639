package adapterinject

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Inject gives a copy of the planned model with the adapters, and the new head,
// spliced in by one patch. The base is not changed; in the copy every node,
// tensor and byte that is not replaced keeps its name and place.
func (p *InjectionPlan) Inject() (*gs.Model, error) {
	m := p.target.Model.Clone()
	patch := m.NewPatch("aat")
	moved := map[*gs.Value]gs.Wire{}
	for _, a := range p.all() {
		a.Splice(p.splicer(m, patch, a, moved))
	}
	if err := patch.Apply(); err != nil {
		return nil, fmt.Errorf("inject: %w", err)
	}
	if err := p.setMetadata(m); err != nil {
		return nil, err
	}
	return m, nil
}

// splicer writes one adapter into a copy of the planned model.
func (p *InjectionPlan) splicer(m *gs.Model, patch *gs.Patch, a Adapter, moved map[*gs.Value]gs.Wire) *Splicer {
	return &Splicer{
		model: m, patch: patch, types: p.target.types, opset: p.target.Opset,
		seed: a.Seed, tag: m.IRVersion() >= 10, prefix: a.Name + "/", moved: moved, reads: map[*gs.Value]gs.Wire{},
	}
}
