package recognize

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Norm is a LayerNormalization (arXiv 1607.06450) or RMS normalisation (arXiv
// 1910.07467) over the last axis, as one operator or spelled out.
type Norm struct {
	In, Out    *gs.Value
	RMS        bool      // no mean is subtracted
	Gain, Bias *gs.Value // nil if there is none
	Epsilon    float64   // 0 if it is not a stored number
	Sum        *gs.Value // what a fused residual addition gives, if it is a result
	Nodes      []*gs.Node
}

// Norms finds the norms of a graph.
func Norms(v *pattern.View) []Norm {
	r := newNormRules()
	var out []Norm
	for _, n := range v.Graph().Nodes() {
		if n.Output(0) == nil || v.Fixed(n.Output(0)) {
			continue
		}
		if found, ok := r.at(v, n); ok {
			out = append(out, found)
		}
	}
	return out
}

// NormMiss says how far a spelled-out norm got at its Sqrt; nil if the value is
// no Sqrt's result or a norm is there.
func NormMiss(v *pattern.View, sqrt *gs.Value) *pattern.Miss {
	r := newNormRules()
	var best *pattern.Miss
	for _, s := range r.spelled {
		m, miss := s.pattern.At(v, sqrt)
		if m != nil {
			return nil
		}
		if best == nil || len(miss.Matched) > len(best.Matched) {
			best = miss
		}
	}
	return best
}

// normRules are the patterns of a norm.
type normRules struct {
	op         *pattern.Pattern
	spelled    []normSpelling
	gain, bias *pattern.Pattern
	cast       *pattern.Pattern
}

type normSpelling struct {
	pattern *pattern.Pattern
	rms     bool
	whole   bool // gain and bias are part of the pattern
}

func newNormRules() *normRules {
	x, gain, bias := pattern.Data("x"), pattern.Fixed("gain"), pattern.Fixed("bias")
	lastAxis := func(v *pattern.View, n *gs.Node) bool { return v.LastAxis(n.Input(0), n.Int("axis", -1)) }
	op := pattern.Op("LayerNormalization|RMSNormalization|SimplifiedLayerNormalization|com.microsoft::SimplifiedLayerNormalization", x, pattern.Opt(gain), pattern.Opt(bias)).
		Attr("a norm over the last axis", lastAxis)
	y := pattern.Data("y")
	return &normRules{
		op: pattern.New("norm operator", op),
		spelled: []normSpelling{
			layerNorm(false), layerNorm(true), kerasNorm(), rmsNorm(),
		},
		gain: pattern.New("gain", pattern.Op("Mul", y, gain).Commutes()),
		bias: pattern.New("bias", pattern.Op("Add", y, bias).Commutes()),
		cast: pattern.New("cast", pattern.Op("Cast", y)),
	}
}

// mean is the mean of x over the last axis, kept as an axis of size 1.
func mean(x *pattern.Expr) *pattern.Expr {
	overLast := func(v *pattern.View, n *gs.Node) bool {
		axes := v.Axes(n)
		return len(axes) == 1 && v.LastAxis(n.Input(0), axes[0])
	}
	return pattern.Op("ReduceMean", x, pattern.Rest()).Attr("a mean over the last axis", overLast).IntAttr("keepdims", 1, 1)
}

// square is x², by Pow or by Mul.
func square(x *pattern.Expr) *pattern.Expr {
	return pattern.Or(pattern.Op("Pow", x, pattern.Scalar(2, 0)), pattern.Op("Mul", x, x))
}

// inverseDeviation gives 1/sqrt(mean(c²)+ε) and its square root.
func inverseDeviation(c *pattern.Expr) (inverse, sqrt *pattern.Expr) {
	variance := pattern.Op("Add", mean(square(pattern.Maybe("Cast", c))), pattern.Fixed("epsilon")).Commutes()
	sqrt = pattern.Op("Sqrt", variance)
	return pattern.Or(pattern.Op("Reciprocal", sqrt), pattern.Op("Div", pattern.Scalar(1, 0), sqrt)), sqrt
}

// quotient is c/sqrt(mean(squared²)+ε), by Div or by a reciprocal.
func quotient(c, squared *pattern.Expr) (out, sqrt *pattern.Expr) {
	inverse, sqrt := inverseDeviation(squared)
	c = pattern.Maybe("Cast", c)
	return pattern.Or(pattern.Op("Div", c, sqrt), pattern.Op("Mul", c, pattern.Maybe("Cast", inverse)).Commutes()), sqrt
}

// layerNorm is (x-mean)/sqrt(mean((x-mean)²)+ε); with twice, as old PyTorch
// wrote it, the difference is computed twice.
func layerNorm(twice bool) normSpelling {
	x := pattern.Data("x")
	m := mean(x)
	centred := pattern.Op("Sub", x, m)
	squared := centred
	if twice {
		squared = pattern.Op("Sub", x, pattern.Or(m, mean(x)))
	}
	q, sqrt := quotient(centred, squared)
	return normSpelling{pattern: pattern.New("LayerNorm", q).Anchor(sqrt).Over(pattern.Quantising())}
}

// rmsNorm is x/sqrt(mean(x²)+ε). Data that a mean was taken from is centred, which
// makes it a LayerNorm.
func rmsNorm() normSpelling {
	x := pattern.Data("x")
	q, sqrt := quotient(x, x)
	return normSpelling{pattern: pattern.New("RMSNorm", q).Anchor(sqrt).Over(pattern.Quantising()), rms: true}
}

// kerasNorm is x·g + (β - mean·g) with g = γ/sqrt(mean((x-mean)²)+ε).
func kerasNorm() normSpelling {
	x := pattern.Data("x")
	m := mean(x)
	inverse, sqrt := inverseDeviation(pattern.Op("Sub", x, m))
	g := pattern.Or(pattern.Op("Mul", inverse, pattern.Fixed("gain")).Commutes(), inverse)
	shift := pattern.Op("Sub", pattern.Fixed("bias"), pattern.Op("Mul", m, g).Commutes())
	sum := pattern.Op("Add", pattern.Op("Mul", x, g).Commutes(), shift).Commutes()
	return normSpelling{pattern: pattern.New("LayerNorm of Keras", sum).Anchor(sqrt), whole: true}
}

func (r *normRules) at(v *pattern.View, n *gs.Node) (Norm, bool) {
	switch pattern.OpName(n) {
	case "com.microsoft::SkipLayerNormalization", "com.microsoft::SkipSimplifiedLayerNormalization":
		return skipNorm(n)
	case "Sqrt":
		for _, s := range r.spelled {
			if m, _ := s.pattern.At(v, n.Output(0)); m != nil {
				return r.complete(v, s, m), true
			}
		}
	default:
		if m, _ := r.op.At(v, n.Output(0)); m != nil {
			return Norm{
				In: m.Value("x"), Out: m.Result(), Gain: m.Value("gain"), Bias: m.Value("bias"),
				RMS: n.Op() != "LayerNormalization", Epsilon: float64(n.Float("epsilon", 1e-5)), Nodes: m.Nodes(),
			}, true
		}
	}
	return Norm{}, false
}

// skipNorm reads ONNX Runtime's fusion of a residual addition and its norm. What
// it normalises is a sum that need not be a value of the graph: In is nil.
func skipNorm(n *gs.Node) (Norm, bool) {
	return Norm{
		Out: n.Output(0), Gain: n.Input(2), Sum: n.Output(3), Nodes: []*gs.Node{n},
		RMS: n.Op() == "SkipSimplifiedLayerNormalization", Epsilon: float64(n.Float("epsilon", 1e-12)),
	}, n.Input(0) != nil && n.Input(1) != nil
}

// complete makes the norm of a match, gain and offset behind it taken in.
func (r *normRules) complete(v *pattern.View, s normSpelling, m *pattern.Match) Norm {
	found := Norm{In: m.Value("x"), Out: m.Result(), RMS: s.rms, Gain: m.Value("gain"), Bias: m.Value("bias"), Nodes: m.Nodes()}
	found.Epsilon, _ = v.Scalar(m.Value("epsilon"))
	if s.whole {
		return found
	}
	r.take(v, &found, r.cast, "")
	r.take(v, &found, r.gain, "gain")
	r.take(v, &found, r.cast, "")
	r.take(v, &found, r.bias, "bias")
	return found
}

// take extends a norm by one node behind it, if that alone reads its result.
func (r *normRules) take(v *pattern.View, found *Norm, p *pattern.Pattern, role string) {
	u, ok := v.SoleReader(found.Out)
	if !ok || u.Node.Output(0) == nil || found.Out.IsGraphOutput() {
		return
	}
	m, _ := p.From(v, u.Node.Output(0), map[string]*gs.Value{"y": found.Out})
	if m == nil {
		return
	}
	found.Out = m.Result()
	found.Nodes = append(found.Nodes, m.Nodes()...)
	switch role {
	case "gain":
		found.Gain = m.Value("gain")
	case "bias":
		found.Bias = m.Value("bias")
	}
}
