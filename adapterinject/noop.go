package adapterinject

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// CheckNoop proves without running anything that an injected, untrained model
// computes what its base computes: each addition under the prefix has an
// up-projection of zeros and otherwise finite weights (0·Inf is no 0), so it adds 0
// to a value of the base; and with these additions taken away the graph is the
// base's, node by node and tensor by tensor. (x + 0 is x for the finite numbers
// that activations are; that none overflows inside an adapter is not proved.) Where a new
// head replaces the base's, all up to the pooled value is proved. The error
// names the first difference; that of a trained model is an up-projection.
func CheckNoop(base, injected *gs.Model) error {
	if base == nil || injected == nil {
		return errors.New("no model: want a base and an injected one")
	}
	if name := existing(base); name != "" {
		return fmt.Errorf("the base holds adapters itself (%s)", name)
	}
	c := &noop{
		base: base.Graph, injected: injected.Graph,
		name: map[*gs.Value]string{}, meaning: map[*gs.Value]meaning{},
		alike: map[[2]string]bool{}, head: map[*gs.Node]bool{},
	}
	c.types, _ = base.Infer() // without, less is proved
	c.own, _ = injected.Infer()
	blocks, _ := Find(base)
	for _, b := range blocks {
		c.noteShapes(b)
	}
	if info, ok := Provenance(injected); ok && len(info.Labels) > 0 {
		target := &Target{Model: base, Blocks: blocks, types: c.types}
		site, err := target.headSite()
		if err != nil {
			return fmt.Errorf("the injected model has a new head, but the base has no place for one: %w", err)
		}
		c.site = &site
		if !site.added {
			c.markHead()
		}
	}
	steps := []func() error{c.inputs, c.tensors, c.nodes, c.outputs}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// noteShapes notes which values of a block have one shape: the parts that its
// residual additions sum, and what a product reads and gives. (Were one broadcast to the other there, adding zeros of
// the larger shape first would change nothing in the sum.)
func (c *noop) noteShapes(b Block) {
	pairs := [][2]*gs.Value{}
	for _, l := range b.Layers {
		if n := pattern.OpName(l.Node); n == "MatMul" || n == "Gemm" {
			pairs = append(pairs, [2]*gs.Value{l.joint(), l.In})
		}
	}
	if s, ok := b.Site(MLPOut); ok {
		pairs = append(pairs, [2]*gs.Value{s.Value, b.NormMLP})
	}
	for _, end := range []struct {
		name LayerName
		sum  *gs.Value
	}{{LayerO, b.ResidualAttn}, {LayerFC2, b.ResidualMLP}} {
		l, ok := b.Layer(end.name)
		if !ok || end.sum == nil || pattern.OpName(l.Node) != "MatMul" && pattern.OpName(l.Node) != "Gemm" || !slices.Contains(end.sum.Producer().Inputs(), l.Out) || !l.direct() {
			continue
		}
		for _, in := range end.sum.Producer().Inputs() {
			pairs = append(pairs, [2]*gs.Value{in, l.In}, [2]*gs.Value{in, l.Out}, [2]*gs.Value{in, l.product})
		}
	}
	if b.ResidualAttn != nil {
		for _, in := range b.ResidualAttn.Producer().Inputs() {
			pairs = append(pairs, [2]*gs.Value{in, b.Output})
		}
	}
	if b.ResidualMLP != nil {
		for _, in := range b.ResidualMLP.Producer().Inputs() {
			pairs = append(pairs, [2]*gs.Value{in, b.NormMLP})
		}
	}
	for _, p := range pairs {
		c.alike[[2]string{p[0].Name(), p[1].Name()}] = true
	}
}

// noop compares a base graph with an injected one.
type noop struct {
	base, injected *gs.Graph
	site           *HeadSite          // of the base, if its head is replaced
	head           map[*gs.Node]bool  // base nodes of that head alone
	types          *gs.Types          // of the base
	own            *gs.Types          // of the injected graph
	alike          map[[2]string]bool // pairs of base values of one shape
	name           map[*gs.Value]string
	meaning        map[*gs.Value]meaning
}

// meaning is what is known of an injected value.
type meaning struct {
	zero bool    // all its numbers are 0
	one  bool    // all its numbers are 1
	dims []int64 // of a tensor of the file
	same string  // the base value that it equals, if any
	like string  // the base value that it has the shape of, but for the last axis
	key  string  // says how it is computed from values of the base and constants; equal for equal values
}

// markHead finds the base nodes that only the replaced head needs.
func (c *noop) markHead() {
	nodes := c.base.Nodes()
	for i := len(nodes) - 1; i >= 0; i-- {
		n := nodes[i]
		readers, only := 0, true
		for _, o := range n.Outputs() {
			if o == nil {
				continue
			}
			if o == c.site.Output {
				readers++
			} else if o.IsGraphOutput() || o == c.site.Pooled {
				only = false
			}
			for _, u := range o.Uses() {
				readers++
				only = only && c.head[u.Node]
			}
		}
		c.head[n] = only && readers > 0
	}
}

func (c *noop) inputs() error {
	b, i := c.base.Inputs(), c.injected.Inputs()
	if len(b) != len(i) {
		return fmt.Errorf("%d graph inputs, the base has %d", len(i), len(b))
	}
	for k := range b {
		if port(b[k]) != port(i[k]) {
			return fmt.Errorf("graph input %s, in the base %s", port(i[k]), port(b[k]))
		}
		c.name[i[k]] = b[k].Name()
	}
	return nil
}

func port(v *gs.Value) string { return fmt.Sprintf("%q %s%v", v.Name(), v.DType(), v.Shape()) }

// tensors compares the initialisers, those of the head alone left out.
func (c *noop) tensors() error {
	kept := c.keptTensors()
	for _, t := range c.injected.Initializers() {
		v := c.injected.Value(t.Name())
		if hasPrefix(t.Name()) {
			if err := finite(t); err != nil {
				return fmt.Errorf("initialiser %q: %w", t.Name(), err)
			}
			continue
		}
		if len(kept) == 0 || kept[0].Name() != t.Name() {
			return fmt.Errorf("initialiser %q is not the base's next one", t.Name())
		}
		if err := sameTensor(kept[0], t); err != nil {
			return fmt.Errorf("initialiser %q: %w", t.Name(), err)
		}
		c.name[v] = t.Name()
		kept = kept[1:]
	}
	if len(kept) > 0 {
		return fmt.Errorf("initialiser %q of the base is missing", kept[0].Name())
	}
	return nil
}

func (c *noop) keptTensors() []*gs.Tensor {
	var kept []*gs.Tensor
	for _, t := range c.base.Initializers() {
		uses := c.base.Value(t.Name()).Uses()
		head := len(uses) > 0
		for _, u := range uses {
			head = head && c.head[u.Node]
		}
		if !head {
			kept = append(kept, t)
		}
	}
	return kept
}

// nodes walks both graphs in step, injected nodes apart.
func (c *noop) nodes() error {
	var kept []*gs.Node
	sorted, err := c.base.SortedNodes() // as a patch leaves them
	if err != nil {
		return err
	}
	for _, n := range sorted {
		if !c.head[n] {
			kept = append(kept, n)
		}
	}
	for _, n := range c.injected.Nodes() {
		if strings.HasPrefix(n.Name(), Prefix) {
			if err := c.interpret(n); err != nil {
				return err
			}
			continue
		}
		if len(kept) == 0 {
			return fmt.Errorf("node %q (%s) is not in the base", n.Label(), n.Op())
		}
		if err := c.sameNode(kept[0], n); err != nil {
			return fmt.Errorf("node %q (%s): %w", n.Label(), n.Op(), err)
		}
		kept = kept[1:]
	}
	if len(kept) > 0 {
		return fmt.Errorf("node %q (%s) of the base is missing", kept[0].Label(), kept[0].Op())
	}
	return nil
}

// outputs checks that the caller gets the base's values, the replaced logits
// apart.
func (c *noop) outputs() error {
	b, i := c.base.Outputs(), c.injected.Outputs()
	if n := len(i) - 1; c.site != nil && c.site.added && n == len(b) {
		if p := i[n].Producer(); i[n].Name() != LogitsOutput || p == nil || !hasPrefix(p.Name()) {
			return fmt.Errorf("graph output %q is neither the base's nor the new head's", i[n].Name())
		}
		i = i[:n]
	}
	if len(b) != len(i) {
		return fmt.Errorf("%d graph outputs, the base has %d", len(i), len(b))
	}
	for k := range b {
		if b[k].Name() != i[k].Name() {
			return fmt.Errorf("graph output %q, in the base %q", i[k].Name(), b[k].Name())
		}
		if c.site != nil && !c.site.added && b[k] == c.site.Output {
			if m := c.meaning[i[k]]; m.like != c.site.Pooled.Name() {
				return fmt.Errorf("graph output %q does not come from the pooled value %q", i[k].Name(), c.site.Pooled.Name())
			}
			continue
		}
		if port(b[k]) != port(i[k]) {
			return fmt.Errorf("graph output %s, in the base %s", port(i[k]), port(b[k]))
		}
		if err := c.stands(i[k], b[k]); err != nil {
			return fmt.Errorf("graph output %q: %w", i[k].Name(), err)
		}
	}
	return nil
}

// stands reports an error unless injected value v equals base value want.
func (c *noop) stands(v, want *gs.Value) error {
	if v == nil || want == nil {
		if v != want {
			return fmt.Errorf("an optional input is there in one of the graphs only")
		}
		return nil
	}
	got, ok := c.name[v]
	if m, added := c.meaning[v]; added {
		if m.same == "" {
			return fmt.Errorf("it reads %q, which is not proved equal to %q of the base", v.Name(), want.Name())
		}
		got, ok = m.same, true
	}
	if !ok {
		got = v.Name()
	}
	if got != want.Name() {
		return fmt.Errorf("it reads %q, in the base %q", got, want.Name())
	}
	return nil
}
