package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// shadow is the graph that recognition looks at. It is the model's own, unless
// the model calls functions of its own: then it is that of a copy in which they
// are inlined, and what is found is named in the model again.
type shadow struct {
	model *gs.Model
	graph *gs.Graph
}

func shadowOf(m *gs.Model) shadow {
	s := shadow{m, m.Graph}
	if !callsFunctions(m.Graph) {
		return s
	}
	c := m.Clone()
	if _, err := passes.Run(c, passes.Inline(nil)); err != nil {
		return s // the calls stay closed, and the report says what ended at them
	}
	s.graph = c.Graph
	return s
}

func callsFunctions(g *gs.Graph) bool {
	for _, n := range g.Nodes() {
		if n.Function() != nil {
			return true
		}
	}
	return false
}

// own is the model's value that a value of the shadow is, nil if only the shadow
// has it.
func (s shadow) own(v *gs.Value) *gs.Value {
	if v == nil || s.graph == s.model.Graph {
		return v
	}
	return s.model.Graph.Value(v.Name())
}

// blocks names what was found in the model; sites that are values of the shadow
// only are left out.
func (s shadow) blocks(found []Block) []Block {
	if s.graph == s.model.Graph {
		return found
	}
	for i := range found {
		b := &found[i]
		for _, v := range []**gs.Value{
			&b.Softmax, &b.Query, &b.Key, &b.Value, &b.Output, &b.Residual, &b.ResidualAttn,
			&b.NormMLP, &b.FC1, &b.FC2, &b.Gate, &b.ResidualMLP,
		} {
			*v = s.own(*v)
		}
		var sites []Site
		for _, site := range b.Sites {
			if site.Value = s.own(site.Value); site.Value != nil {
				sites = append(sites, site)
			}
		}
		b.Sites = sites
	}
	return found
}
