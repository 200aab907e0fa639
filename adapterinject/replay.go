package adapterinject

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Misfit is a way in which a model is not what a plan makes.
type Misfit struct {
	Node  string // label of the node, or name of the initialiser
	Input int    // the input concerned; -1 for the whole
	Why   string
}

// String says where and why.
func (m Misfit) String() string {
	if m.Input < 0 {
		return fmt.Sprintf("%q: %s", m.Node, m.Why)
	}
	return fmt.Sprintf("node %q, input %d: %s", m.Node, m.Input, m.Why)
}

// Misfits compares a model, trained or not, with what the plan makes: the same
// nodes with the same attributes that read the same values, and under [Prefix] the
// same initialisers, whose numbers alone may differ. The plan being of the base and
// of the recipe that the model names, that is a proof that nothing else was spliced
// in. Initialisers of the base are not compared: package diff does.
func (p *InjectionPlan) Misfits(injected *gs.Model) ([]Misfit, error) {
	want, err := p.splice(false)
	if err != nil {
		return nil, err
	}
	r := replay{want: want.Graph, got: injected.Graph}
	r.nodes()
	r.tensors()
	return r.misfits, nil
}

type replay struct {
	want, got *gs.Graph
	misfits   []Misfit
}

func (r *replay) tell(node string, input int, format string, args ...any) {
	r.misfits = append(r.misfits, Misfit{node, input, fmt.Sprintf(format, args...)})
}

func (r *replay) nodes() {
	left := map[string]*gs.Node{}
	for _, n := range r.want.Nodes() {
		left[n.Label()] = n
	}
	for _, n := range r.got.Nodes() {
		want := left[n.Label()]
		if want == nil {
			r.tell(n.Label(), -1, "node %s is not of the recipe", n.Op())
			continue
		}
		delete(left, n.Label())
		r.node(want, n)
	}
	for _, n := range r.want.Nodes() {
		if left[n.Label()] != nil {
			r.tell(n.Label(), -1, "node %s of the recipe is missing", n.Op())
		}
	}
}

func (r *replay) node(want, got *gs.Node) {
	a, errA := want.AttrKey()
	b, errB := got.AttrKey()
	if want.Op() != got.Op() || want.Domain() != got.Domain() || a != b || errA != nil || errB != nil || len(want.Inputs()) != len(got.Inputs()) {
		r.tell(got.Label(), -1, "it is %s, by the recipe %s", got, want)
		return
	}
	for i := range got.Inputs() {
		if x, y := nameOf(got.Input(i)), nameOf(want.Input(i)); x != y {
			r.tell(got.Label(), i, "it reads %q, by the recipe %q", x, y)
		}
	}
}

func (r *replay) tensors() {
	for _, t := range r.got.Initializers() {
		if hasPrefix(t.Name()) && r.want.Initializer(t.Name()) == nil {
			r.tell(t.Name(), -1, "initialiser is not of the recipe")
		}
	}
	for _, t := range r.want.Initializers() {
		if !hasPrefix(t.Name()) {
			continue
		}
		own := r.got.Initializer(t.Name())
		switch {
		case own == nil:
			r.tell(t.Name(), -1, "initialiser of the recipe is missing")
		case own.DType() != t.DType() || fmt.Sprint(own.Shape()) != fmt.Sprint(t.Shape()):
			r.tell(t.Name(), -1, "initialiser is %s%v, by the recipe %s%v", own.DType(), own.Shape(), t.DType(), t.Shape())
		}
	}
}
