package adapterinject

import (
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// The activations of an MLP that matter to the adapters. Others are named too
// where they are known; one that is elementwise but unknown is "other".
const (
	ActivationGELU     = "gelu"      // x·Φ(x), by erf
	ActivationGELUTanh = "gelu_tanh" // its tanh approximation
)

type namedFunction struct {
	name string
	f    func(float64) float64
}

func knownActivations() []namedFunction {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	return []namedFunction{
		{ActivationGELU, gelu},
		{ActivationGELUTanh, geluTanh},
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

func gelu(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }

func geluTanh(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// activationTolerance is far above what float32 constants in a spelling cost
// (1e-7) and half-precision ones (5e-5), and below the largest distance of erf
// and tanh GELU at the sample points (4.7e-4).
const activationTolerance = 2e-4

// activation names the elementwise function that leads from x to y by computing
// it at sample points: every spelling of one function is that function,
// whatever its order of operands. ok is false if y is not an elementwise
// function of x alone.
func (f *facts) activation(x, y *gs.Value) (name string, ok bool) {
	if x == y {
		return "", false
	}
	program, ok := f.cone(x, y)
	if !ok {
		return "", false
	}
	samples := []float64{-2.7, -2.2, -1, -0.4, 0.3, 0.9, 1.6, 2.2, 3.1}
	got := make([]float64, len(samples))
	for i, s := range samples {
		values := map[*gs.Value]float64{x: s}
		for _, n := range program {
			r, ok := f.compute(n, values)
			if !ok {
				return "", false
			}
			values[n.Output(0)] = r
		}
		got[i] = values[y]
	}
	return nearest(samples, got), true
}

func nearest(samples, got []float64) string {
	best, name := activationTolerance, "other"
	for _, known := range knownActivations() {
		worst := 0.0
		for i, s := range samples {
			d := math.Abs(known.f(s) - got[i])
			if math.IsNaN(d) {
				d = math.Inf(1)
			}
			worst = max(worst, d)
		}
		if worst < best {
			best, name = worst, known.name
		}
	}
	return name
}

// cone collects the nodes between x and y, fixed ones such as Sqrt(2) included,
// in computing order.
func (f *facts) cone(x, y *gs.Value) ([]*gs.Node, bool) {
	seen := map[*gs.Node]bool{}
	var nodes []*gs.Node
	reached := false
	for queue := []*gs.Value{y}; len(queue) > 0; queue = queue[1:] {
		v := queue[0]
		if v == x {
			reached = true
			continue
		}
		n := v.Producer()
		if _, stored := f.scalar(v); stored && !f.data(v) {
			continue
		}
		if n == nil || n.Graph() != f.graph || v.OutputIndex() != 0 {
			return nil, false
		}
		if seen[n] {
			continue
		}
		if len(nodes) == walkBudget {
			return nil, false
		}
		seen[n] = true
		nodes = append(nodes, n)
		for i, in := range n.Inputs() {
			if in != nil && (i == 0 || !layout(n)) {
				queue = append(queue, in)
			}
		}
	}
	slices.SortFunc(nodes, func(a, b *gs.Node) int { return f.place[a] - f.place[b] })
	return nodes, reached
}

// compute evaluates one elementwise node on numbers.
func (f *facts) compute(n *gs.Node, values map[*gs.Value]float64) (float64, bool) {
	args := make([]float64, 0, 3)
	for _, in := range n.Inputs() {
		if in == nil {
			return 0, false
		}
		a, ok := values[in]
		if !ok {
			a, ok = f.scalar(in)
		}
		if !ok {
			return 0, false
		}
		args = append(args, a)
		if layout(n) {
			return a, true
		}
	}
	if n.Domain() != "" {
		return 0, false
	}
	switch len(args) {
	case 1:
		return unaryOp(n, args[0])
	case 2:
		return binaryOp(n.Op(), args[0], args[1])
	case 3:
		if n.Op() == "Clip" {
			return min(max(args[0], args[1]), args[2]), true
		}
	}
	return 0, false
}

func unaryOp(n *gs.Node, x float64) (float64, bool) {
	switch n.Op() {
	case "Gelu":
		if n.Str("approximate", "none") == "tanh" {
			return geluTanh(x), true
		}
		return gelu(x), true
	case "Erf":
		return math.Erf(x), true
	case "Tanh":
		return math.Tanh(x), true
	case "Sigmoid":
		return 1 / (1 + math.Exp(-x)), true
	case "Relu":
		return max(x, 0), true
	case "Swish":
		return x / (1 + math.Exp(-float64(n.Float("alpha", 1))*x)), true
	case "HardSwish":
		return x * min(max(x/6+0.5, 0), 1), true
	case "HardSigmoid":
		return min(max(float64(n.Float("alpha", 0.2))*x+float64(n.Float("beta", 0.5)), 0), 1), true
	case "LeakyRelu":
		return max(x, 0) + float64(n.Float("alpha", 0.01))*min(x, 0), true
	case "Elu":
		return max(x, 0) + float64(n.Float("alpha", 1))*math.Expm1(min(x, 0)), true
	case "Mish":
		return x * math.Tanh(math.Log1p(math.Exp(x))), true
	case "Softplus":
		return math.Log1p(math.Exp(x)), true
	case "Exp":
		return math.Exp(x), true
	case "Sqrt":
		return math.Sqrt(x), true
	case "Neg":
		return -x, true
	case "Reciprocal":
		return 1 / x, true
	}
	return 0, false
}

func binaryOp(op string, a, b float64) (float64, bool) {
	switch op {
	case "Add":
		return a + b, true
	case "Sub":
		return a - b, true
	case "Mul":
		return a * b, true
	case "Div":
		return a / b, true
	case "Pow":
		return math.Pow(a, b), true
	case "Max":
		return max(a, b), true
	case "Min":
		return min(a, b), true
	}
	return 0, false
}

// elementwise reports whether compute knows n.
func elementwise(n *gs.Node) bool {
	if layout(n) {
		return true
	}
	if n.Domain() != "" {
		return false
	}
	if _, ok := unaryOp(n, 1); ok && len(n.Inputs()) == 1 {
		return true
	}
	_, ok := binaryOp(n.Op(), 1, 1)
	return ok || n.Op() == "Clip"
}
