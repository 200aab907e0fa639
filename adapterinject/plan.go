package adapterinject

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// InjectionPlan says what a recipe adds to a model. It can be printed and
// inspected before anything happens.
type InjectionPlan struct {
	target   *Target
	recipe   Recipe
	head     Head
	adapters []Adapter
	newHead  *Adapter // if head has labels
	base     int64    // parameters of the base that stay
}

// Plan works out what the recipe adds to the model, which is not changed. The
// error is an *UnsupportedError if the model has no place for it, holds adapters
// already or has weights that it cannot work with, or, with labels, no classifier
// that can be replaced.
func Plan(m *gs.Model, recipe Recipe, head Head) (*InjectionPlan, error) {
	if m == nil || recipe == nil {
		return nil, errors.New("plan: want a model and a recipe, got nil")
	}
	if err := head.check(); err != nil {
		return nil, err
	}
	if name := existing(m); name != "" {
		return nil, &gs.UnsupportedError{File: m.Path(), What: fmt.Sprintf("adapters are injected already (%s)", name), Hint: "inject into the base model"}
	}
	opset, _ := m.Opset("")
	if opset < 9 {
		return nil, &gs.UnsupportedError{File: m.Path(), Opset: opset, What: fmt.Sprintf("opset %d has no Erf, which the adapters' activation needs; 9 is the first with it", opset), Hint: "export the model with opset 17"}
	}
	types, err := m.Infer()
	if err != nil {
		types = nil // what the file declares must do
	}
	p := &InjectionPlan{recipe: recipe, head: head, base: m.Parameters(nil)}
	var report Report
	p.target = &Target{Model: m, Opset: opset, newHead: len(head.Labels) > 0, types: types}
	p.target.Blocks, report = Find(m)
	p.target.misses = func() error { return noBlocks(m, report) }
	if p.adapters, err = recipe.Adapters(p.target); err != nil {
		return nil, err
	}
	if len(head.Labels) > 0 {
		err = p.planHead()
	} else if len(p.adapters) == 0 {
		err = &gs.UnsupportedError{File: m.Path(), What: fmt.Sprintf("method %s adds nothing to this model, and no labels are given for a new head", recipe.Method()), Hint: "give the labels"}
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (t *Target) checkBlock(b Block) error {
	e := &gs.UnsupportedError{File: t.Model.Path(), Hint: "export the model in float32"}
	if b.Output == nil || len(b.Sites) == 0 {
		e.What = fmt.Sprintf("the output projection of block %d is inside a function of the model, where adapters cannot be joined", b.Index)
		e.Hint = "inline the model's functions"
		return e
	}
	e.Node = b.Output.Name()
	switch dtype := b.Weights; {
	case b.Width <= 0:
		e.What = fmt.Sprintf("the width of block %d is not known", b.Index)
		e.Hint = "export the model with the shapes of its weights"
	case b.Width > maxWidth:
		e.What = fmt.Sprintf("block %d is %d wide; up to %d is handled", b.Index, b.Width, maxWidth)
		e.Hint = "check the shape of its weights"
	case b.quantised:
		e.What = fmt.Sprintf("the weights of block %d are quantised to integers; adapters are trained on a floating-point base", b.Index)
		e.Hint = "inject into the float32 model and quantise afterwards"
	case !tunable(dtype):
		e.What = fmt.Sprintf("the weights of block %d are %s; adapters are trained on float32, float16 and bfloat16", b.Index, dtype)
	default:
		return nil
	}
	return e
}

// tunable reports whether adapters, which compute in float32, go with a type.
func tunable(d gs.DType) bool { return d == gs.Float || d == gs.Float16 || d == gs.BFloat16 }

func (p *InjectionPlan) planHead() error {
	m := p.target.Model
	site, err := p.target.headSite()
	if err != nil {
		return err
	}
	if site.Width < 0 || site.Width > maxWidth {
		return &gs.UnsupportedError{File: m.Path(), Node: site.name(), What: fmt.Sprintf("the classifier reads %d numbers; up to %d is handled", site.Width, maxWidth), Hint: "check the shape of its weight"}
	}
	if !tunable(site.dtype) {
		return &gs.UnsupportedError{File: m.Path(), Node: site.name(), What: fmt.Sprintf("the classifier's weights are %s; a head is trained on float32, float16 and bfloat16", site.dtype), Hint: "export the model in float32"}
	}
	a := p.head.adapter(site)
	p.newHead = &a
	p.base -= site.parameters()
	return nil
}

// all are the adapters and the new head.
func (p *InjectionPlan) all() []Adapter {
	if p.newHead == nil {
		return p.adapters
	}
	return append(slices.Clone(p.adapters), *p.newHead)
}

// maxWidth bounds what a file's declared shapes can make us allocate.
const maxWidth = 1 << 16

// noBlocks says why every candidate of a model is none.
func noBlocks(m *gs.Model, r Report) error {
	what := "no Transformer block found: "
	if len(r.Candidates) == 0 {
		what += "the graph has no Softmax and no Attention operator"
	} else {
		what += fmt.Sprintf("0 of %d Softmax and Attention candidates are blocks", len(r.Candidates))
	}
	const most = 5
	for i, c := range r.Candidates {
		if i == most {
			what += fmt.Sprintf("; and %d more", len(r.Candidates)-most)
			break
		}
		what += fmt.Sprintf("; %s %q, %s: %s", c.Op, c.Node, c.Step, c.Why)
	}
	return &gs.UnsupportedError{File: m.Path(), What: what, Hint: "'aat-onnx inspect' lists every candidate and the step that failed"}
}

// Blocks is the number of blocks that get adapters.
func (p *InjectionPlan) Blocks() int {
	seen := map[int]bool{}
	for _, a := range p.adapters {
		if a.Block >= 0 {
			seen[a.Block] = true
		}
	}
	return len(seen)
}

// Recipe is what was planned.
func (p *InjectionPlan) Recipe() Recipe { return p.recipe }

// Adapters are what the recipe adds, without the head.
func (p *InjectionPlan) Adapters() []Adapter { return slices.Clone(p.adapters) }

// AdapterParameters counts the adapters' trainable numbers.
func (p *InjectionPlan) AdapterParameters() int64 {
	var n int64
	for _, a := range p.adapters {
		n += a.Parameters
	}
	return n
}

// HeadParameters counts the new head's trainable numbers: a LayerNorm and a
// Linear, 2·d + d·C + C; 0 without a new head.
func (p *InjectionPlan) HeadParameters() int64 {
	if p.newHead == nil {
		return 0
	}
	return p.newHead.Parameters
}

// Parameters counts all that is trained.
func (p *InjectionPlan) Parameters() int64 { return p.AdapterParameters() + p.HeadParameters() }

// Total counts the injected model's parameters: what stays of the base, the
// adapters and the new head. Offsets to the base's own numbers are not counted again.
func (p *InjectionPlan) Total() int64 {
	total := p.base + p.Parameters()
	for _, a := range p.adapters {
		if a.InPlace {
			total -= a.Parameters
		}
	}
	return total
}

// Share is Parameters of Total, from 0 to 1.
func (p *InjectionPlan) Share() float64 {
	if p.Total() == 0 {
		return 0
	}
	return float64(p.Parameters()) / float64(p.Total())
}

// String is a table of the adapters and the counts.
func (p *InjectionPlan) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "block\tsite\tvalue\tshape\trank\tparameters")
	for _, a := range p.adapters {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\n", orDash(a.Block, -1), a.Site.Name, nameOf(a.Site.Value), shapeText(a.Site), orDash(a.Rank, 0), a.Parameters)
	}
	if h := p.newHead; h != nil {
		out := h.Site.Value
		fmt.Fprintf(w, "head\t%s\t%s\t[%s, %d]\t\t%d\n", h.Site.Name, nameOf(out), h.Site.Shape[0], len(p.head.Labels), h.Parameters)
	}
	w.Flush()
	fmt.Fprintf(&b, "%d adapters, %d parameters", len(p.adapters), p.AdapterParameters())
	if p.newHead != nil {
		fmt.Fprintf(&b, "; head for %d labels, %d parameters", len(p.head.Labels), p.HeadParameters())
	}
	fmt.Fprintf(&b, "\ntrainable: %.3f M of %.3f M parameters (%d of %d), %.2f %%\n",
		float64(p.Parameters())/1e6, float64(p.Total())/1e6, p.Parameters(), p.Total(), 100*p.Share())
	return b.String()
}

func orDash(n, none int) string {
	if n == none {
		return "–"
	}
	return fmt.Sprint(n)
}

func nameOf(v *gs.Value) string {
	if v == nil {
		return "–"
	}
	return v.Name()
}

// shapeText shows a site's shape; where the file gives none, the width is known
// still.
func shapeText(s Site) string {
	switch {
	case s.Value == nil:
		return "–"
	case s.Shape == nil:
		return fmt.Sprintf("[…, %d]", s.Width)
	}
	parts := make([]string, len(s.Shape))
	for i, d := range s.Shape {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
