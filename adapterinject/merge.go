package adapterinject

import (
	"errors"
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Merged is a base with adapters worked into its weights as far as that is exact.
type Merged struct {
	Model  *gs.Model
	Folded []string // adapters that are in the base's weights now
	Kept   []Kept   // those that stayed nodes, with their tensors under Prefix
	Terms  int      // of the longest sum whose summands or weights changed
}

// Kept is an adapter that stayed, and why.
type Kept struct{ Name, Why string }

// RelativeBound bounds how far rounding can move a changed sum, relative to the sum of
// its summands' magnitudes: n·u/(1-n·u) for n summands with u = 2⁻²⁴, for the sums of
// either model and for the weights' own rounding.
func (m *Merged) RelativeBound() float64 {
	const u = 1.0 / (1 << 24)
	n := float64(2*m.Terms + 1)
	return n * u / (1 - n*u)
}

// Merge gives a copy of the planned base with the trained numbers of injected, a model
// by the same plan, in its weights where that is exact but for rounding; the other
// adapters and the new head are spliced in as nodes. Labels and front end come along;
// the model is no injected one any more, and nothing can be ejected from it. The error
// is an *UnsupportedError, with the first adapter's reason, if none can be folded.
func (p *InjectionPlan) Merge(injected *gs.Model) (*Merged, error) {
	out, err := p.foldable(injected)
	if err != nil {
		return nil, err
	}
	if len(out.Folded) == 0 {
		what := "there is no adapter to merge"
		if len(out.Kept) > 0 {
			what = fmt.Sprintf("no adapter can be merged exactly; %s of method %s: %s", out.Kept[0].Name, p.recipe.Method(), out.Kept[0].Why)
		}
		return nil, &gs.UnsupportedError{File: injected.Path(), What: what, Hint: "export the fused form"}
	}
	var nodes []Adapter
	for _, a := range p.all() {
		if !slices.Contains(out.Folded, a.Name) {
			nodes = append(nodes, a)
		}
	}
	if err := p.spliceTrained(out.Model, nodes, injected); err != nil {
		return nil, err
	}
	for _, key := range []string{MetaLabels, MetaFrontEnd} {
		if text, ok := injected.Metadata(key); ok {
			out.Model.SetMetadata(key, text)
		}
	}
	return out, nil
}

// foldable folds what can be. A fold that refuses may have changed some weights by
// then, so after refusals all begins anew without those adapters.
func (p *InjectionPlan) foldable(injected *gs.Model) (*Merged, error) {
	kept := map[string]string{}
	for {
		before := len(kept)
		out := &Merged{Model: p.target.Model.Clone()}
		for _, a := range p.adapters {
			if kept[a.Name] != "" {
				continue
			}
			why, err := p.foldInto(out.Model, a, injected)
			if err != nil {
				return nil, fmt.Errorf("folding adapter %s: %w", a.Name, err)
			}
			if why != "" {
				kept[a.Name] = why
				continue
			}
			out.Folded, out.Terms = append(out.Folded, a.Name), max(out.Terms, p.terms(a))
		}
		if len(kept) > before {
			continue
		}
		for _, a := range p.adapters {
			if why := kept[a.Name]; why != "" {
				out.Kept = append(out.Kept, Kept{a.Name, why})
			}
		}
		return out, nil
	}
}

// foldInto folds one adapter, or says why that is not possible.
func (p *InjectionPlan) foldInto(m *gs.Model, a Adapter, injected *gs.Model) (why string, err error) {
	if a.Fold == nil {
		return "no exact form of it exists in the base's weights", nil
	}
	if a.Block >= 0 && a.Block < len(p.target.Blocks) && p.target.Blocks[a.Block].Weights != gs.Float {
		return fmt.Sprintf("the base's weights are %s, which would round the change away", p.target.Blocks[a.Block].Weights), nil
	}
	err = a.Fold(&Folder{model: m, base: p.target.Model.Graph, types: p.target.types, trained: injected.Graph, prefix: a.Name + "/"})
	var refused *gs.UnsupportedError
	if errors.As(err, &refused) {
		return refused.What, nil
	}
	return "", err
}

// terms is the number of summands in the longest sum that folding an adapter changes.
func (p *InjectionPlan) terms(a Adapter) int {
	longest := a.Site.Width
	if a.Block >= 0 {
		for _, l := range p.target.Blocks[a.Block].Layers {
			longest = max(longest, l.InDim)
		}
	}
	return longest + a.Rank + 1
}

// spliceTrained splices adapters into a copy of the base with the numbers they have in
// the trained model.
func (p *InjectionPlan) spliceTrained(m *gs.Model, adapters []Adapter, injected *gs.Model) error {
	if len(adapters) == 0 {
		return nil
	}
	patch := m.NewPatch("aat")
	moved := map[*gs.Value]gs.Wire{}
	for _, a := range adapters {
		a.Splice(p.splicer(m, patch, a, moved))
	}
	if err := patch.Apply(); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	for _, name := range Trainable(m) {
		t := injected.Graph.Initializer(name)
		if t == nil {
			return &gs.FormatError{File: injected.Path(), What: fmt.Sprintf("the trained model has no tensor %q", name)}
		}
		if err := m.SetInitializer(name, t); err != nil {
			return err
		}
	}
	return nil
}
