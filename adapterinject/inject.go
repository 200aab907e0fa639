package adapterinject

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Inject gives a copy of the planned model with the adapters, and the new head,
// spliced in by one patch. The base is not changed; in the copy every node,
// tensor and byte that is not replaced keeps its name and place.
func (p *InjectionPlan) Inject() (*gs.Model, error) { return p.inject(false) }

// Swappable is [InjectionPlan.Inject] with every trainable tensor listed among the
// graph's inputs: a runtime may be fed others for one run, and else takes the untrained
// ones. Of a new head the number of labels is a symbol, so that heads for other labels
// fit too. The error is an *UnsupportedError for models of IR versions before 4, where
// initialisers cannot be fed.
func (p *InjectionPlan) Swappable() (*gs.Model, error) {
	if v := p.target.Model.IRVersion(); v < 4 {
		return nil, &gs.UnsupportedError{File: p.target.Model.Path(), What: fmt.Sprintf("the model is of IR version %d, where tensors of the file cannot be replaced at run time", v), Hint: "convert the model to a newer IR version, or export the fused form"}
	}
	return p.inject(true)
}

func (p *InjectionPlan) inject(offer bool) (*gs.Model, error) {
	m, err := p.splice(offer)
	if err != nil {
		return nil, err
	}
	if err := p.setMetadata(m); err != nil {
		return nil, err
	}
	return m, nil
}

// splice is inject without what the model says of itself.
func (p *InjectionPlan) splice(offer bool) (*gs.Model, error) {
	m := p.target.Model.Clone()
	patch := m.NewPatch("aat")
	moved := map[*gs.Value]gs.Wire{}
	for _, a := range p.all() {
		s := p.splicer(m, patch, a, moved)
		s.offer = offer
		a.Splice(s)
	}
	if err := patch.Apply(); err != nil {
		return nil, fmt.Errorf("inject: %w", err)
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
