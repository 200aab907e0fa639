package adapterinject

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Folder works one adapter's trained numbers into the weights of a copy of the
// base.
type Folder struct {
	model   *gs.Model // the copy
	base    *gs.Graph
	types   *gs.Types // of the base
	trained *gs.Graph
	prefix  string
	rounded *[]Rounded
}

// Rounded says how far a tensor that was folded into is from the exact numbers, which
// are rounded once, to its type. A linear layer whose weight is off by at most Error
// in each number gives results off by at most Error·(|x_1| + … + |x_in|), and by no more
// than its bias's Error besides.
type Rounded struct {
	Adapter string
	DType   gs.DType
	Shape   []int64
	Error   float64 // the largest distance of a stored number from the exact one
	Largest float64 // the largest magnitude of a stored number
}

// Trained is the adapter's tensor of that name, with the numbers it has now.
func (f *Folder) Trained(name string) (*gs.Tensor, error) {
	t := f.trained.Initializer(Prefix + f.prefix + name)
	if t == nil {
		return nil, &gs.FormatError{What: fmt.Sprintf("the trained model has no tensor %q", Prefix+f.prefix+name)}
	}
	return t, nil
}

// Numbers are those of the adapter's tensor of that name, n of them.
func (f *Folder) Numbers(name string, n int) ([]float64, error) {
	t, err := f.Trained(name)
	if err != nil {
		return nil, err
	}
	xs, err := t.Float64s()
	if err == nil && len(xs) != n {
		err = &gs.FormatError{What: fmt.Sprintf("tensor %q has %d numbers, want %d", t.Name(), len(xs), n)}
	}
	return xs, err
}

// Weight is a constant of the base, an initialiser or a Constant node, with the
// numbers it has after what was folded before.
func (f *Folder) Weight(v *gs.Value) (*gs.Tensor, error) {
	own := f.model.Graph.Value(v.Name())
	if t := own.Initializer(); t != nil {
		return t, nil
	}
	if n := own.Producer(); n != nil && is(n, "Constant") && n.Tensor("value") != nil {
		return n.Tensor("value"), nil
	}
	return nil, &gs.UnsupportedError{What: fmt.Sprintf("%q is no constant of the model, so nothing can be folded into it", v.Name()), Hint: "export the fused form"}
}

// SetWeight gives a constant of the base other numbers, and another shape if t has
// one.
func (f *Folder) SetWeight(v *gs.Value, t *gs.Tensor) error {
	own := f.model.Graph.Value(v.Name())
	if own.Initializer() != nil {
		return f.model.SetInitializer(v.Name(), t)
	}
	p := f.model.NewPatch("fold")
	p.SetAttr(own.Producer(), "value", t)
	return p.Apply()
}

// Fold gives a copy of the planned base into whose weights the trained numbers of
// injected, a model by the same plan, are worked. The error is an
// *UnsupportedError that names the first adapter for which no exact way exists.
func (p *InjectionPlan) Fold(injected *gs.Model) (*gs.Model, error) {
	m, _, err := p.FoldRounded(injected)
	return m, err
}

// FoldRounded is [InjectionPlan.Fold], and says of each tensor written by
// [Folder.SetLayer] and [Folder.FoldNorm] how far it is from the exact numbers.
func (p *InjectionPlan) FoldRounded(injected *gs.Model) (*gs.Model, []Rounded, error) {
	m := p.target.Model.Clone()
	var rounded []Rounded
	for _, a := range p.adapters {
		if a.Fold == nil {
			return nil, nil, &gs.UnsupportedError{File: injected.Path(), What: fmt.Sprintf("adapter %s of method %s has no exact form in the base's weights", a.Name, p.recipe.Method()), Hint: "export the fused form"}
		}
		if err := a.Fold(&Folder{model: m, base: p.target.Model.Graph, types: p.target.types, trained: injected.Graph, prefix: a.Name + "/", rounded: &rounded}); err != nil {
			return nil, nil, fmt.Errorf("folding adapter %s: %w", a.Name, err)
		}
	}
	return m, rounded, nil
}
