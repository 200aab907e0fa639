package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// facts is what one pass over a graph tells of its values, beyond the view that
// patterns match on: linear layers and norms, and later the sublayers found.
type facts struct {
	*pattern.View
	graph *gs.Graph
	types *gs.Types          // nil where inference failed
	quant map[*gs.Value]bool // fixed values that stem from quantised weights

	linearOf  map[*gs.Value]*linear   // by result, bias included
	linearAt  map[*gs.Node]*linear    // by its product
	linearsIn map[*gs.Value][]*linear // by input
	linears   []*linear               // in the file's order
	normOf    map[*gs.Value]*norm     // by result
	normsIn   map[*gs.Value][]*norm   // by input
	skips     map[*gs.Node]*norm      // fused with a residual addition, by node
	norms     []*norm

	attnAt map[*gs.Node]*attention // by the residual addition
	ffnAt  map[*gs.Node]*ffn       // by the residual addition
	parts  []part                  // of the blocks found
	units  units
	ways   ways
	rules  rules
}

// rules are the patterns of a block's parts.
type rules struct {
	bias              *pattern.Pattern
	operator          operatorRules
	head              *pattern.Pattern
	projection        *pattern.Pattern
	output            *pattern.Pattern
	residual, resized residualRule
	shared            *pattern.Pattern
	mlp               map[int]mlpRule // by width
	activation        []activationRule
}

type norm = recognize.Norm

func study(g *gs.Graph) *facts {
	types, err := g.Model().Infer()
	if err != nil {
		types = nil // what the file declares must do
	}
	f := &facts{
		View: pattern.Look(g, types), graph: g, types: types,
		quant:    map[*gs.Value]bool{},
		linearOf: map[*gs.Value]*linear{}, linearAt: map[*gs.Node]*linear{}, linearsIn: map[*gs.Value][]*linear{},
		normOf: map[*gs.Value]*norm{}, normsIn: map[*gs.Value][]*norm{}, skips: map[*gs.Node]*norm{},
		attnAt: map[*gs.Node]*attention{}, ffnAt: map[*gs.Node]*ffn{},
	}
	for _, t := range g.Initializers() {
		if t.DType() == gs.Int8 || t.DType() == gs.Uint8 {
			f.quant[g.Value(t.Name())] = true
		}
	}
	for _, n := range g.Nodes() {
		if out := n.Output(0); out != nil && f.Fixed(out) {
			f.noteQuantised(n)
		}
	}
	f.units = f.newUnits()
	f.ways = f.newWays()
	f.rules = f.newRules()
	f.findNorms()
	f.findLinears()
	return f
}

func (f *facts) newRules() rules {
	return rules{
		bias: f.newBiasRule(), operator: newOperatorRules(), head: f.newHeadRule(), projection: f.newProjectionRule(), output: f.newOutputRule(),
		residual: f.newResidualRule(f.ways.branch, f.ways.stream), resized: f.newResidualRule(f.ways.resized, f.ways.shortcut),
		shared: f.newSharedRule(), mlp: map[int]mlpRule{}, activation: f.newActivationRules(),
	}
}

func (f *facts) findNorms() {
	for _, n := range recognize.Norms(f.View) {
		f.norms = append(f.norms, &n)
		f.normOf[n.Out] = &n
		if n.In != nil {
			f.normsIn[n.In] = append(f.normsIn[n.In], &n)
		} else {
			f.skips[n.Nodes[0]] = &n
		}
	}
}

// noteQuantised follows integer weights to where they are used.
func (f *facts) noteQuantised(n *gs.Node) {
	for _, in := range n.Inputs() {
		if in != nil && n.Op() != "Shape" && n.Op() != "Size" && f.quant[in] {
			f.quant[n.Output(0)] = true
		}
	}
}

// known gives a value's sizes if all of them are known.
func (f *facts) known(v *gs.Value) []int64 {
	dims := f.Type(v).Shape
	if dims == nil {
		return nil
	}
	out := make([]int64, len(dims))
	for i, d := range dims {
		if d.Value < 0 {
			return nil
		}
		out[i] = d.Value
	}
	return out
}
