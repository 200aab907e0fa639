package adapterinject

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// sameNode compares a base node with its copy: operator, name, attributes,
// inputs by what they mean, and outputs. The copy's outputs are noted under the
// base's names.
func (c *noop) sameNode(b, i *gs.Node) error {
	if b.Op() != i.Op() || b.Domain() != i.Domain() || b.Name() != i.Name() {
		return fmt.Errorf("in the base it is %q (%s)", b.Label(), b.Op())
	}
	if len(b.Inputs()) != len(i.Inputs()) || len(b.Outputs()) != len(i.Outputs()) {
		return fmt.Errorf("%d inputs and %d outputs, in the base %d and %d", len(i.Inputs()), len(i.Outputs()), len(b.Inputs()), len(b.Outputs()))
	}
	for k, v := range i.Inputs() {
		if err := c.stands(v, b.Input(k)); err != nil {
			return fmt.Errorf("input %d: %w", k, err)
		}
	}
	for k, v := range i.Outputs() {
		want := b.Output(k)
		if v == nil || want == nil {
			if v != want {
				return fmt.Errorf("output %d is left out in one of the graphs only", k)
			}
			continue
		}
		// A graph output that an adapter took over is computed under another name.
		if v.Name() != want.Name() && !(want.IsGraphOutput() && strings.HasPrefix(v.Name(), want.Name())) {
			return fmt.Errorf("output %q, in the base %q", v.Name(), want.Name())
		}
		c.name[v] = want.Name()
	}
	return c.sameAttributes(b, i)
}

func (c *noop) sameAttributes(b, i *gs.Node) error {
	if !slices.Equal(b.AttrNames(), i.AttrNames()) {
		return fmt.Errorf("attributes %v, in the base %v", i.AttrNames(), b.AttrNames())
	}
	for _, name := range b.AttrNames() {
		if plainAttribute(b, name) != plainAttribute(i, name) {
			return fmt.Errorf("attribute %s is %s, in the base %s", name, attributeText(i, name), attributeText(b, name))
		}
		if err := sameTensor(b.Tensor(name), i.Tensor(name)); err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
		if err := c.sameBody(b.Subgraph(name), i.Subgraph(name)); err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	return nil
}

// attributeText is an attribute's value as the text format shows it.
func attributeText(n *gs.Node, name string) string {
	return strings.TrimPrefix(n.AttrText(name), name+" = ")
}

func plainAttribute(n *gs.Node, name string) string {
	return fmt.Sprintf("%d %x %q %v %x %q", n.Int(name, 0), n.Float(name, 0), n.Str(name, ""), n.Ints(name), n.Floats(name), n.Strs(name))
}

func sameTensor(b, i *gs.Tensor) error {
	if b == nil || i == nil {
		if b != i {
			return fmt.Errorf("a tensor is there in one of the graphs only")
		}
		return nil
	}
	if b.DType() == gs.String && i.DType() == gs.String {
		return nil // labels and vocabularies: never computed with, and copied with the node
	}
	db, err := b.Digest()
	if err != nil {
		return err
	}
	di, err := i.Digest()
	if err != nil {
		return err
	}
	if db != di {
		return fmt.Errorf("its values are not the base's")
	}
	return nil
}

// sameBody compares the graphs of an If, Loop or Scan. Their nesting is bounded
// by graphsurgery.
func (c *noop) sameBody(b, i *gs.Graph) error {
	if b == nil || i == nil {
		if b != i {
			return fmt.Errorf("a subgraph is there in one of the graphs only")
		}
		return nil
	}
	if len(b.Nodes()) != len(i.Nodes()) || len(b.Initializers()) != len(i.Initializers()) {
		return fmt.Errorf("the subgraph has %d nodes and %d initialisers, in the base %d and %d", len(i.Nodes()), len(i.Initializers()), len(b.Nodes()), len(b.Initializers()))
	}
	for k, t := range i.Initializers() {
		if err := sameTensor(b.Initializers()[k], t); err != nil {
			return fmt.Errorf("initialiser %q: %w", t.Name(), err)
		}
	}
	for k, n := range i.Nodes() {
		if err := c.sameNode(b.Nodes()[k], n); err != nil {
			return fmt.Errorf("node %q (%s): %w", n.Label(), n.Op(), err)
		}
	}
	return nil
}
