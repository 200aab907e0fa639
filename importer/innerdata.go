package importer

import (
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// innerScope is the folder of a store that holds constants that are no initialisers
// of the model's own graph. Their names may repeat, so they are numbered.
const innerScope = "/onnxinner/"

// inner is a large constant in the body of an If, Loop or Scan, in a function, or
// of a Constant node. Like an initialiser of the graph it is a variable, fed from
// the device, and not copied into each program.
type inner struct {
	path   string
	tensor *graphsurgery.Tensor
}

// addInner makes a large constant that is read as v a variable. One of a type that
// needs care stays in the program.
func (p *Program) addInner(v *graphsurgery.Value, t *graphsurgery.Tensor) {
	if v == nil || t == nil || t.Len() <= int64(p.options.MaxHostElements) || storedDType(t.DType()) != t.DType() {
		return
	}
	if _, err := computeDType(t.DType()); err != nil {
		return // refused by name if it is ever read
	}
	in := &inner{path: fmt.Sprintf("%s%d", innerScope, len(p.inners)), tensor: t}
	p.inners = append(p.inners, in)
	p.innerOf[v] = in
}

// collectInner finds the large constants of a node: that which it is, and those in
// its bodies. Of functions that are called in bodies the constants stay in the program.
func (p *Program) collectInner(n *graphsurgery.Node) error {
	if n.Domain() == "" && n.Op() == "Constant" && n.HasAttr("value") {
		p.addInner(n.Output(0), n.Tensor("value"))
	}
	for _, body := range n.Subgraphs() {
		for _, v := range body.Values() {
			if !v.IsConstant() {
				continue
			}
			t, err := v.Dense()
			if err != nil {
				return err
			}
			p.addInner(v, t)
		}
		for _, nested := range body.Nodes() {
			if err := p.collectInner(nested); err != nil {
				return err
			}
		}
	}
	return nil
}

// innerWire reads the variable of a large constant, nil if v is none.
func (t *tracer) innerWire(v *graphsurgery.Value) *wire {
	in := t.program.innerOf[v]
	if in == nil {
		return nil
	}
	variable := variableOf(t.store, in.path, v.Name())
	n := variable.NodeValue(t.graph)
	t.learned[n] = false
	w := t.wire(n)
	w.origin = &origin{init: in.tensor}
	return w
}

// variableOf finds a variable that Install made for a constant.
func variableOf(store *model.Store, path, name string) *model.Variable {
	v := store.GetVariable(path)
	if v == nil {
		panic(fmt.Errorf("initialiser %q has no variable in the store; call Program.Install first", name))
	}
	return v
}
