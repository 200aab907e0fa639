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
	if !callsFunctions(m.Graph) || !inlinable(m) {
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

// maxInlined bounds the nodes of a shadow: functions that call each other can grow
// without measure.
const maxInlined = 200_000

// inlinable reports whether a model stays within maxInlined with its functions
// inlined. Functions that call themselves do not.
func inlinable(m *gs.Model) bool {
	sizes := map[*gs.Function]int{}
	var size func(g *gs.Graph, depth int) int
	size = func(g *gs.Graph, depth int) int {
		total := len(g.Nodes())
		if depth > 64 { // as deep as passes.Run repeats
			return maxInlined + 1
		}
		for _, n := range g.Nodes() {
			f := n.Function()
			if f == nil {
				continue
			}
			if _, ok := sizes[f]; !ok {
				sizes[f] = size(f.Body(), depth+1)
			}
			if total += sizes[f]; total > maxInlined {
				return maxInlined + 1
			}
		}
		return total
	}
	return size(m.Graph, 0) <= maxInlined
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
		b.Layers, b.Norms = nil, nil // their weights are inside functions
	}
	return found
}
