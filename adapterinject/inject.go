package adapterinject

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Inject gives a copy of the planned model with the adapters, and the new head,
// spliced in by one patch. The base is not changed; in the copy every node,
// tensor and byte that is not replaced keeps its name and place.
func (p *InjectionPlan) Inject() (*gs.Model, error) {
	m := p.model.Clone()
	s := &splicer{model: m, patch: m.NewPatch("aat"), opset: p.opset, seed: p.recipe.seed(), tag: m.IRVersion() >= 10}
	for _, a := range p.adapters {
		s.adapter(a)
	}
	if len(p.head.Labels) > 0 {
		s.seed = p.head.Seed
		s.head(p.site, len(p.head.Labels))
	}
	if err := s.patch.Apply(); err != nil {
		return nil, fmt.Errorf("inject: %w", err)
	}
	if err := p.setMetadata(m); err != nil {
		return nil, err
	}
	return m, nil
}

// splicer writes adapters into a patch.
type splicer struct {
	model *gs.Model
	patch *gs.Patch
	opset int64
	seed  uint64
	tag   bool // nodes may carry metadata (IR version 10 on)
}

// tap reads a value of the base graph in the copy.
func (s *splicer) tap(v *gs.Value) (*gs.Value, gs.Wire) {
	own := s.model.Graph.Value(v.Name())
	return own, s.patch.Tap(own)
}

// adapter splices A(z) = act(z·W_down + b_down)·W_up + b_up, and joins its
// result, times the scale, to the site.
func (s *splicer) adapter(a adapter) {
	prefix := fmt.Sprintf("block%d/%s/", a.block, a.name)
	_, z := s.tap(a.read)
	like := typed(a.read)
	narrow, wide := like(a.rank), like(a.width)

	h := s.dense(prefix+"down", z, a.width, a.rank, 0.02, narrow)
	h = s.gelu(prefix+"act", h, a.activation == ActivationGELUTanh, narrow)
	h = s.dense(prefix+"up", h, a.rank, a.width, 0, wide)
	if a.scale != 1 {
		h = s.add(prefix+"scale", "Mul", wide, h, s.constant(prefix+"scale_factor", a.scale))
	}
	s.join(a, prefix+"residual", h)
}

// join adds an adapter's result to the site's value: X + (H + A(H)) for the
// spatial adapter, X' + (MLP(Z) + s·A(Z)) for the parallel one. Where the block's
// own addition reads the site's value directly, the result goes to its other
// operand, (X + A(H)) + H: the same sum, but while A is zero the base's additions
// keep the very operands they had. Runtimes that fuse them with the bias before
// or the norm behind then round as they did: an untrained AST stays equal to its
// base to the last bit at every optimisation level. (Other models may have other
// fusions there.)
func (s *splicer) join(a adapter, name string, result gs.Wire) {
	if operand, ok := a.skip(); ok {
		own := s.model.Graph.Value(a.sum.Name()).Producer()
		stream := own.Input(operand)
		sum := s.add(name, "Add", typed(stream)(a.width), s.patch.Tap(stream), result)
		s.patch.ShuntUse(gs.Use{Node: own, Input: operand}, sum)
		return
	}
	old, value := s.tap(a.site.Value)
	s.patch.InsertAfter(old, s.add(name, "Add", typed(a.site.Value)(a.width), value, result))
}

// typed makes declared types for values like v but for their last dimension, as
// far as the file knows v; else nothing is declared.
func typed(v *gs.Value) func(width int) []gs.Operand {
	return func(width int) []gs.Operand {
		dims := v.Shape()
		if len(dims) == 0 || v.DType() == gs.Undefined {
			return nil
		}
		dims = append(append([]gs.Dim(nil), dims[:len(dims)-1]...), gs.Dim{Value: int64(width)})
		return []gs.Operand{gs.OutType(v.DType(), dims...)}
	}
}

// head splices LayerNorm (ε 1e-5) and Linear from the pooled value and lets the
// logits' graph output come from it. The base's own head dies and is pruned.
func (s *splicer) head(site HeadSite, classes int) {
	old := s.model.Graph.Output(site.Output.Name())
	_, pooled := s.tap(site.Pooled)
	like := func(width int) []gs.Operand {
		return []gs.Operand{gs.OutType(gs.Float, site.batch, gs.Dim{Value: int64(width)})}
	}
	gain := s.tensor("head/norm_weight", []int{site.Width}, filled(site.Width, 1))
	offset := s.tensor("head/norm_bias", []int{site.Width}, filled(site.Width, 0))
	h := s.layerNorm("head/norm", pooled, gain, offset, like(site.Width))
	h = s.dense("head/dense", h, site.Width, classes, 0.01, like(classes))
	s.patch.ReplaceOutput(old, h, site.batch, gs.Dim{Value: int64(classes)})
	s.patch.Prune()
}

// add adds one node named prefix and name; its role is the name.
func (s *splicer) add(name, op string, typ []gs.Operand, operands ...gs.Operand) gs.Wire {
	operands = append(operands, gs.Named(Prefix+name))
	if s.tag {
		operands = append(operands, gs.Meta{MetaRole: name})
	}
	return s.patch.Add(op, append(operands, typ...)...)
}

// tensor adds a trainable initialiser.
func (s *splicer) tensor(name string, shape []int, values []float32) gs.Wire {
	dims := make([]int64, len(shape))
	for i, d := range shape {
		dims[i] = int64(d)
	}
	return s.patch.Initializer(Prefix+name, gs.NewTensor(dims, values))
}

// constant adds a Constant node: initialisers under the prefix are trained.
func (s *splicer) constant(name string, x float64) gs.Wire {
	t := gs.NewTensor([]int64{}, []float32{float32(x)})
	return s.add(name, "Constant", []gs.Operand{gs.OutType(gs.Float, []gs.Dim{}...)}, gs.Attrs{"value": t})
}

// dense adds x·W + b, W [in, out]: random of the given deviation, or zero.
func (s *splicer) dense(name string, x gs.Wire, in, out int, deviation float64, typ []gs.Operand) gs.Wire {
	weight := make([]float32, in*out)
	if deviation != 0 {
		weight = truncNormal(newPCG(s.seed, Prefix+name+"_weight"), in*out, deviation)
	}
	w := s.tensor(name+"_weight", []int{in, out}, weight)
	b := s.tensor(name+"_bias", []int{out}, filled(out, 0))
	product := s.add(name+"_matmul", "MatMul", typ, x, w)
	return s.add(name+"_add", "Add", typ, product, b)
}
