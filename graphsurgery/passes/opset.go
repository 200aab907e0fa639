package passes

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// The operator set versions of ai.onnx that conversion knows.
const (
	MinOpset = 7
	MaxOpset = 23
)

// ConvertOpset raises the operator set version of ai.onnx to target.
func ConvertOpset(target int64) Pass {
	return Pass{
		Name: "convert-opset",
		Doc: fmt.Sprintf("Raises the operator set version of ai.onnx, from %d or later to at most %d, and the IR version to one that knows it. ", MinOpset, MaxOpset) +
			"Each operator's versions in between are gone through: a version that only adds types, optional inputs or attributes with a neutral default changes nothing; " +
			"for the others the node is changed so that it computes the same, or, where that is not known how, an UnsupportedError names it. " +
			"Subgraphs and functions: converted, too; functions of a newer version stay. Other domains: stay. " +
			"Optional inputs: stay left out. Graph outputs: keep their names. From IR version 3, initialisers are no longer listed as inputs, which would now let a caller override them.",
		Requires: []Condition{{fmt.Sprintf("ai.onnx is imported at a version from %d to %d", MinOpset, target), func(m *gs.Model) error { return convertible(m, target) }}},
		Ensures:  []Condition{{fmt.Sprintf("ai.onnx is imported at version %d", target), func(m *gs.Model) error { return reached(m, target) }}},
		Edit:     func(m *gs.Model, p *gs.Patch) (int, error) { return convert(m, p, target) },
	}
}

func convertible(m *gs.Model, target int64) error {
	if target > MaxOpset {
		return &gs.UnsupportedError{Opset: target, What: fmt.Sprintf("conversion to operator set version %d, want at most %d", target, MaxOpset)}
	}
	have, ok := m.Opset("")
	if !ok {
		return &gs.UnsupportedError{What: "conversion of a model that does not import ai.onnx"}
	}
	if have < MinOpset || have > target {
		return &gs.UnsupportedError{Opset: have, What: fmt.Sprintf("conversion from operator set version %d to %d", have, target)}
	}
	return nil
}

func reached(m *gs.Model, target int64) error {
	if have, _ := m.Opset(""); have != target {
		return fmt.Errorf("it is imported at version %d", have)
	}
	return nil
}

// converter holds what adapters need.
type converter struct {
	patch   *gs.Patch
	types   *gs.Types
	target  int64
	changed int
}

func convert(m *gs.Model, p *gs.Patch, target int64) (int, error) {
	types, err := m.Infer()
	if err != nil {
		return 0, err
	}
	c := &converter{patch: p, types: types, target: target}
	for _, g := range m.Graphs() {
		from, ok := g.Opset("")
		if !ok || from >= target {
			continue
		}
		if from < MinOpset {
			return 0, &gs.UnsupportedError{Opset: from, What: fmt.Sprintf("conversion of a function from operator set version %d", from)}
		}
		for _, n := range g.Nodes() {
			if err := c.node(n, from); err != nil {
				return 0, err
			}
		}
		if g.Owner() == nil {
			p.In(g).SetOpset("", target)
			c.changed++
		}
	}
	if c.changed > 0 {
		c.raiseIR(m)
	}
	return c.changed, nil
}

// raiseIR sets the least IR version that knows the target.
func (c *converter) raiseIR(m *gs.Model) {
	want, ok := opschema.MinIR("", c.target)
	have := m.IRVersion()
	if !ok || have >= want {
		return
	}
	c.patch.SetIRVersion(want)
	if have >= 4 {
		return
	}
	for _, t := range m.Graph.Initializers() {
		if v := m.Graph.Value(t.Name()); v.IsListedInput() {
			c.patch.RemoveInput(v)
		}
	}
}

// node takes a node through the versions of its operator.
func (c *converter) node(n *gs.Node, from int64) error {
	if n.Domain() != "" || n.Function() != nil {
		return nil
	}
	prev, ok := opschema.Find("", n.Op(), from)
	if !ok {
		return c.unsupported(n, from, "the operator is not known")
	}
	for _, s := range opschema.Versions("", n.Op()) {
		if s.Since <= prev.Since || s.Since > c.target {
			continue
		}
		adapt := adapter(n.Op(), s.Since)
		switch {
		case adapt != nil:
			done, err := adapt(c, n)
			if err != nil || done {
				return err
			}
		case s.Deprecated:
			return c.unsupported(n, s.Since, "the operator was withdrawn and its replacement is not known")
		default:
			if what := incompatible(n, prev, s); what != "" {
				return c.unsupported(n, s.Since, what)
			}
		}
		prev = s
	}
	return nil
}

func (c *converter) unsupported(n *gs.Node, since int64, what string) error {
	return &gs.UnsupportedError{Node: n.Label(), Op: n.Op(), Opset: since, What: "conversion: " + what}
}

// incompatible says why a node of one version of an operator is not a node of the
// next one with the same meaning, as far as schemas tell; "" if it is. Changes of
// meaning that the schemas do not show have an adapter.
func incompatible(n *gs.Node, old, next *opschema.Schema) string {
	for _, a := range old.Attrs {
		b, ok := next.Attr(a.Name)
		switch given := n.HasAttr(a.Name); {
		case given && (!ok || a.Type != b.Type):
			return fmt.Sprintf("attribute %s is not one of the new version", a.Name)
		case !given && a.Default != nil && (!ok || fmt.Sprint(a.Default) != fmt.Sprint(b.Default)):
			return fmt.Sprintf("attribute %s has lost its default", a.Name)
		}
	}
	for _, b := range next.Attrs {
		if _, ok := old.Attr(b.Name); !ok && b.Required {
			return fmt.Sprintf("attribute %s is demanded", b.Name)
		}
	}
	for i := range n.Inputs() {
		if _, ok := next.Input(i); !ok {
			return fmt.Sprintf("input %d is not one of the new version", i)
		}
	}
	for i := range n.Outputs() {
		if _, ok := next.Output(i); !ok {
			return fmt.Sprintf("output %d is not one of the new version", i)
		}
	}
	if old.MinInputs < next.MinInputs && len(n.Inputs()) < next.MinInputs {
		return fmt.Sprintf("%d inputs, want %d", len(n.Inputs()), next.MinInputs)
	}
	return ""
}
