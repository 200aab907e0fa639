package adapterinject

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// InjectionPlan says what a recipe adds to a model. It can be printed and
// inspected before anything happens.
type InjectionPlan struct {
	model    *gs.Model
	recipe   Recipe
	head     Head
	site     HeadSite // if head has labels
	blocks   []Block
	adapters []adapter
	base     int64 // parameters of the base that stay
	opset    int64
}

// PlannedSite is one adapter of a plan.
type PlannedSite struct {
	Block      int
	Site       Site
	Rank       int
	Parameters int64
}

// Plan works out what the recipe adds to the model, which is not changed. The
// error is an *UnsupportedError if the model has no block, holds adapters
// already, has weights that are not float32, or, with labels, no classifier that
// can be replaced.
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
	p := &InjectionPlan{model: m, recipe: recipe, head: head, opset: opset, base: m.Parameters(nil)}
	if _, only := recipe.(HeadOnly); only && len(head.Labels) == 0 {
		return nil, &gs.UnsupportedError{File: m.Path(), What: "method head trains a new head, and no labels are given for one", Hint: "give the labels"}
	}
	if err := p.planAdapters(); err != nil {
		return nil, err
	}
	if len(head.Labels) > 0 {
		if err := p.planHead(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *InjectionPlan) planAdapters() error {
	if _, only := p.recipe.(HeadOnly); only {
		return nil
	}
	blocks, report := Find(p.model)
	if len(blocks) == 0 {
		return noBlocks(p.model, report)
	}
	p.blocks = blocks
	for _, b := range blocks {
		if err := p.checkBlock(b); err != nil {
			return err
		}
		adapters, err := p.recipe.adapters(b)
		if err != nil {
			return err
		}
		p.adapters = append(p.adapters, adapters...)
	}
	return nil
}

func (p *InjectionPlan) checkBlock(b Block) error {
	e := &gs.UnsupportedError{File: p.model.Path(), Hint: "export the model in float32"}
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
	case b.channels:
		e.What = fmt.Sprintf("the linear layers of block %d are convolutions, whose width is axis 1; adapters work on the last axis", b.Index)
		e.Hint = "choose a model whose blocks keep tokens in rows"
	case b.Width > maxWidth:
		e.What = fmt.Sprintf("block %d is %d wide; up to %d is handled", b.Index, b.Width, maxWidth)
		e.Hint = "check the shape of its weights"
	case b.quantised:
		e.What = fmt.Sprintf("the weights of block %d are quantised to integers; adapters are trained on a float32 base", b.Index)
		e.Hint = "inject into the float32 model and quantise afterwards"
	case dtype != gs.Float:
		e.What = fmt.Sprintf("the weights of block %d are %s; adapters are trained in float32", b.Index, dtype)
	default:
		return nil
	}
	return e
}

func (p *InjectionPlan) planHead() error {
	site, err := study(p.model.Graph).head(p.model)
	if err != nil {
		return err
	}
	if site.Width < 0 || site.Width > maxWidth {
		return &gs.UnsupportedError{File: p.model.Path(), Node: site.Output.Name(), What: fmt.Sprintf("the classifier reads %d numbers; up to %d is handled", site.Width, maxWidth), Hint: "check the shape of its weight"}
	}
	if site.dtype != gs.Float {
		return &gs.UnsupportedError{File: p.model.Path(), Node: site.Output.Name(), What: fmt.Sprintf("the classifier's weights are %s; a head is trained in float32", site.dtype), Hint: "export the model in float32"}
	}
	p.site = site
	p.base -= site.parameters()
	return nil
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
func (p *InjectionPlan) Blocks() int { return len(p.blocks) }

// Sites are the adapters, in the order of the blocks.
func (p *InjectionPlan) Sites() []PlannedSite {
	sites := make([]PlannedSite, len(p.adapters))
	for i, a := range p.adapters {
		sites[i] = PlannedSite{Block: a.block, Site: a.site, Rank: a.rank, Parameters: a.parameters()}
	}
	return sites
}

// AdapterParameters counts the adapters' trainable numbers.
func (p *InjectionPlan) AdapterParameters() int64 {
	var n int64
	for _, a := range p.adapters {
		n += a.parameters()
	}
	return n
}

// HeadParameters counts the new head's trainable numbers: a LayerNorm and a
// Linear, 2·d + d·C + C; 0 without a new head.
func (p *InjectionPlan) HeadParameters() int64 {
	if len(p.head.Labels) == 0 {
		return 0
	}
	d, c := int64(p.site.Width), int64(len(p.head.Labels))
	return 2*d + d*c + c
}

// Parameters counts all that is trained.
func (p *InjectionPlan) Parameters() int64 { return p.AdapterParameters() + p.HeadParameters() }

// Total counts the injected model's parameters: what stays of the base, the
// adapters and the new head.
func (p *InjectionPlan) Total() int64 { return p.base + p.Parameters() }

// Share is Parameters of Total, from 0 to 1.
func (p *InjectionPlan) Share() float64 {
	if p.Total() == 0 {
		return 0
	}
	return float64(p.Parameters()) / float64(p.Total())
}

// String is a table of the sites and the counts.
func (p *InjectionPlan) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "block\tsite\tvalue\tshape\trank\tparameters")
	for _, a := range p.adapters {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\n", a.block, a.site.Name, a.site.Value.Name(), shapeText(a.site, a.width), a.rank, a.parameters())
	}
	if len(p.head.Labels) > 0 {
		fmt.Fprintf(w, "head\tlogits\t%s\t[%s, %d]\t\t%d\n", p.site.Output.Name(), p.site.batch, len(p.head.Labels), p.HeadParameters())
	}
	w.Flush()
	fmt.Fprintf(&b, "%d adapters, %d parameters", len(p.adapters), p.AdapterParameters())
	if len(p.head.Labels) > 0 {
		fmt.Fprintf(&b, "; head for %d labels, %d parameters", len(p.head.Labels), p.HeadParameters())
	}
	fmt.Fprintf(&b, "\ntrainable: %.3f M of %.3f M parameters (%d of %d), %.2f %%\n",
		float64(p.Parameters())/1e6, float64(p.Total())/1e6, p.Parameters(), p.Total(), 100*p.Share())
	return b.String()
}

// shapeText shows a site's shape; where the file gives none, the width is known
// still.
func shapeText(s Site, width int) string {
	if s.Shape == nil {
		return fmt.Sprintf("[…, %d]", width)
	}
	parts := make([]string, len(s.Shape))
	for i, d := range s.Shape {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
