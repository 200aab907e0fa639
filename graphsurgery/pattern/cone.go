package pattern

import (
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Function is a scalar function with a name.
type Function struct {
	Name string
	F    func(float64) float64
}

// GELU is x·Φ(x) (arXiv 1606.08415), ONNX's Gelu with approximate="none".
func GELU() Function { return Function{"gelu", gelu} }

// GELUTanh is its tanh approximation, ONNX's Gelu with approximate="tanh".
func GELUTanh() Function { return Function{"gelu_tanh", geluTanh} }

// Activations are the activation functions known by name.
func Activations() []Function {
	return []Function{
		GELU(), GELUTanh(),
		{"relu", func(x float64) float64 { return max(x, 0) }},
		{"silu", func(x float64) float64 { return x * sigmoid(x) }},
		{"quick_gelu", func(x float64) float64 { return x * sigmoid(1.702*x) }},
		{"tanh", math.Tanh},
		{"sigmoid", sigmoid},
		{"mish", func(x float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) }},
		{"hardswish", func(x float64) float64 { return x * min(max(x/6+0.5, 0), 1) }},
		{"squared_relu", func(x float64) float64 { return max(x, 0) * max(x, 0) }},
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func gelu(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }

func geluTanh(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// coneTolerance is far above what float32 constants in a spelling cost (1e-7) and
// half-precision ones (5e-5), and below the largest distance of erf and tanh GELU
// at the sample points (4.7e-4).
const coneTolerance = 2e-4

// maxCone bounds the nodes of an elementwise expression; Mish spelled out with
// casts has twelve.
const maxCone = 64

func samples() []float64 { return []float64{-2.7, -2.2, -1, -0.4, 0.3, 0.9, 1.6, 2.2, 3.1} }

// Program is an elementwise expression between two values.
type Program struct {
	Nodes []*gs.Node // in computing order
	From  *gs.Value
	To    *gs.Value
}

// Expression gives the elementwise expression that computes y from x and
// constants alone; false if there is none.
func (v *View) Expression(x, y *gs.Value) (Program, bool) {
	p := Program{From: x, To: y}
	if x == nil || y == nil || x == y {
		return p, false
	}
	seen := map[*gs.Node]bool{}
	reached := false
	for queue := []*gs.Value{y}; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		if w == x {
			reached = true
			continue
		}
		if _, ok := v.Scalar(w); ok {
			continue
		}
		n := w.Producer()
		if n == nil || n.Graph() != v.graph || w.OutputIndex() != 0 || v.Fixed(w) && !Elementwise().Has(v, n) {
			return p, false
		}
		if seen[n] {
			continue
		}
		if len(p.Nodes) == maxCone || !Elementwise().Has(v, n) {
			return p, false
		}
		seen[n] = true
		p.Nodes = append(p.Nodes, n)
		for i, in := range n.Inputs() {
			if in != nil && (i == 0 || !Layout().Has(v, n)) {
				queue = append(queue, in)
			}
		}
	}
	slices.SortFunc(p.Nodes, func(a, b *gs.Node) int { return v.place[a] - v.place[b] })
	return p, reached
}

// At computes the program at a number.
func (v *View) At(p Program, x float64) (float64, bool) {
	values := map[*gs.Value]float64{p.From: x}
	of := func(in *gs.Value) (float64, bool) {
		if in == nil {
			return 0, false
		}
		if got, ok := values[in]; ok {
			return got, true
		}
		return v.Scalar(in)
	}
	for _, n := range p.Nodes {
		got, ok := v.compute(n, of)
		if !ok || n.Output(0) == nil {
			return 0, false
		}
		values[n.Output(0)] = got
	}
	got, ok := values[p.To]
	return got, ok
}

// Name finds which of the functions the program computes: the nearest within the
// tolerance, or "" if none. ok is false if it cannot be computed.
func (v *View) Name(p Program, functions []Function) (name string, ok bool) {
	got := make([]float64, 0, len(samples()))
	for _, s := range samples() {
		y, ok := v.At(p, s)
		if !ok {
			return "", false
		}
		got = append(got, y)
	}
	best := coneTolerance
	for _, f := range functions {
		if d := distance(f, got); d < best {
			best, name = d, f.Name
		}
	}
	return name, true
}

func distance(f Function, got []float64) float64 {
	worst := 0.0
	for i, s := range samples() {
		d := math.Abs(f.F(s) - got[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

// sources are the values that y may be an elementwise function of, nearest
// first.
func (v *View) sources(y *gs.Value) []*gs.Value {
	seen := map[*gs.Value]bool{y: true}
	var out []*gs.Value
	for queue := []*gs.Value{y}; len(queue) > 0 && len(seen) <= maxCone; queue = queue[1:] {
		w := queue[0]
		if w != y {
			out = append(out, w)
		}
		n := w.Producer()
		if n == nil || n.Graph() != v.graph || w.OutputIndex() != 0 || !Elementwise().Has(v, n) {
			continue
		}
		for i, in := range n.Inputs() {
			if v.Data(in) && !seen[in] && (i == 0 || !Layout().Has(v, n)) {
				seen[in] = true
				queue = append(queue, in)
			}
		}
	}
	return out
}
