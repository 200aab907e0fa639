// Package nets builds small Transformers for tests, block by block, in the
// spellings that exporters use. All names but those of the expected values are
// meaningless.
package nets

import (
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// Spelling says how a block is written down.
type Spelling struct {
	QKV    string // separate, gather, split, interleaved, by head, attention (the operator), cross, learned
	Linear string // matmul, second (bias second), gemm, transposed, identity, quantised
	Core   string // div, mul, sdpa, mask, boolmask, fed (mask is an input), scores-add
	Norm   string // op, spelled, twosub, cast, reciprocal, keras
	Act    string // erfA, erfB, erfC, erfD, tanh, tanhpow, op, optanh, relu, silu, swiglu
	Post   bool
	Scale  bool // LayerScale before the residual
}

// Net is a net being built.
type Net struct {
	t     testing.TB
	P     *gs.Patch // not applied yet
	M     *gs.Model
	opset int
	Width int
	S     Spelling
	cache map[string]*gs.Tensor
	names int
}

const headWidth = 4

// Tokens is the number of positions of every net.
const Tokens = 5

// New begins a net with the input x [batch, 5, width], which it gives too.
func New(t testing.TB, opset, width int, s Spelling) (*Net, gs.Wire) {
	t.Helper()
	m, err := gs.Parse(Seed(opset, width, "Identity", ""))
	if err != nil {
		t.Fatalf("seed model: %v", err)
	}
	n := &Net{t: t, M: m, P: m.NewPatch("n"), opset: opset, Width: width, S: s, cache: map[string]*gs.Tensor{}}
	return n, n.P.Tap(m.Graph.Input("x"))
}

// Finish makes w the net's output, of the given shape.
func (n *Net) Finish(w gs.Wire, shape ...gs.Dim) *gs.Model {
	n.t.Helper()
	n.P.ReplaceOutput(n.M.Graph.Output("y"), n.P.Add("Identity", w), shape...)
	n.P.Prune()
	if err := n.P.Apply(); err != nil {
		n.t.Fatalf("building the net: %v", err)
	}
	return n.M
}

// TokensOut are the declared dimensions of a token tensor.
func (n *Net) TokensOut() []gs.Dim {
	return []gs.Dim{{Value: -1, Param: "batch"}, {Value: Tokens}, {Value: int64(n.Width)}}
}

// Weight adds an initialiser of that shape; equal shapes share their bytes.
func (n *Net) Weight(shape ...int64) gs.Wire {
	size := int64(1)
	key := ""
	for _, d := range shape {
		size *= d
		key += string(rune(d)) + ","
	}
	if n.cache[key] == nil {
		values := make([]float32, size)
		for i := range values {
			values[i] = float32(i%7)/16 - 0.2
		}
		n.cache[key] = gs.NewTensor(shape, values)
	}
	return n.P.Initializer(n.Name(), n.cache[key])
}

func (n *Net) Name() string {
	n.names++
	return "t" + string(rune('0'+n.names%10)) + "_" + string(rune('a'+n.names/10%26)) + string(rune('a'+n.names/260))
}

func (n *Net) Num(x float32) gs.Wire {
	return n.P.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []float32{x})})
}

func (n *Net) Ints(xs ...int64) gs.Wire {
	return n.P.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{int64(len(xs))}, xs)})
}

func (n *Net) Reshape(x gs.Wire, dims ...int64) gs.Wire {
	return n.P.Add("Reshape", x, n.Ints(dims...))
}

func (n *Net) Transpose(x gs.Wire, perm ...int) gs.Wire {
	return n.P.Add("Transpose", x, gs.Attrs{"perm": perm})
}

// Dense is y = xW + b in the net's Spelling, y named out.
func (n *Net) Dense(x gs.Wire, in, width int, out string) gs.Wire {
	i, o := int64(in), int64(width)
	named := gs.OutName(out)
	switch n.S.Linear {
	case "gemm":
		flat := n.P.Add("Gemm", n.Reshape(x, -1, i), n.Weight(o, i), n.Weight(o), gs.Attrs{"transB": 1}, named)
		return n.Reshape(flat, -1, Tokens, o)
	case "transposed":
		w := n.Transpose(n.Weight(o, i), 1, 0)
		return n.P.Add("Add", n.P.Add("MatMul", x, w), n.Weight(o), named)
	case "identity":
		w := n.P.Add("Identity", n.P.Add("Cast", n.Weight(i, o), gs.Attrs{"to": 1}))
		return n.P.Add("Add", n.P.Add("Identity", n.Weight(o)), n.P.Add("MatMul", x, w), named)
	case "second":
		return n.P.Add("Add", n.P.Add("MatMul", x, n.Weight(i, o)), n.Weight(o), named)
	case "half":
		w := n.P.Add("Cast", n.Weight(i, o), gs.Attrs{"to": int(gs.Float16)})
		return n.P.Add("Add", n.Weight(o), n.P.Add("MatMul", x, w), named)
	case "quantised":
		w := n.P.Initializer(n.Name(), gs.NewTensor([]int64{i, o}, make([]int8, i*o)))
		w = n.P.Add("DequantizeLinear", w, n.Num(0.1))
		return n.P.Add("Add", n.Weight(o), n.P.Add("MatMul", x, w), named)
	}
	return n.P.Add("Add", n.Weight(o), n.P.Add("MatMul", x, n.Weight(i, o)), named)
}

func (n *Net) Mean(x gs.Wire) gs.Wire {
	if n.opset >= 18 {
		return n.P.Add("ReduceMean", x, n.Ints(-1))
	}
	return n.P.Add("ReduceMean", x, gs.Attrs{"axes": []int{-1}})
}

// LayerNorm is a LayerNorm in the net's Spelling.
func (n *Net) LayerNorm(x gs.Wire, out string) gs.Wire {
	d := int64(n.Width)
	gain, offset, named := n.Weight(d), n.Weight(d), gs.OutName(out)
	if n.S.Norm == "" || n.S.Norm == "op" {
		return n.P.Add("LayerNormalization", x, gain, offset, named)
	}
	mean := n.Mean(x)
	centred := n.P.Add("Sub", x, mean)
	squared := centred
	if n.S.Norm == "twosub" {
		squared = n.P.Add("Sub", x, mean)
	}
	if n.S.Norm == "cast" {
		squared = n.P.Add("Cast", centred, gs.Attrs{"to": 1})
	}
	if n.S.Norm == "keras" || n.S.Norm == "reciprocal" {
		squared = n.P.Add("Mul", squared, squared)
	} else {
		squared = n.P.Add("Pow", squared, n.Num(2))
	}
	deviation := n.P.Add("Sqrt", n.P.Add("Add", n.Mean(squared), n.Num(1e-6)))
	var h gs.Wire
	switch n.S.Norm {
	case "keras":
		g := n.P.Add("Mul", n.P.Add("Reciprocal", deviation), gain)
		shift := n.P.Add("Sub", offset, n.P.Add("Mul", mean, g))
		return n.P.Add("Add", n.P.Add("Mul", x, g), shift, named)
	case "reciprocal":
		h = n.P.Add("Mul", centred, n.P.Add("Reciprocal", deviation))
	default:
		h = n.P.Add("Div", centred, deviation)
	}
	return n.P.Add("Add", n.P.Add("Mul", h, gain), offset, named)
}

// Activate is an activation in the net's Spelling.
func (n *Net) Activate(x gs.Wire) gs.Wire {
	mul := func(a, b gs.Wire) gs.Wire { return n.P.Add("Mul", a, b) }
	erf := func(div gs.Wire) gs.Wire { return n.P.Add("Add", n.P.Add("Erf", div), n.Num(1)) }
	half, root2 := n.Num(0.5), n.Num(1.4142135)
	switch n.S.Act {
	case "erfB":
		return mul(half, mul(x, erf(n.P.Add("Div", x, root2))))
	case "erfC":
		return mul(x, mul(half, erf(n.P.Add("Div", x, root2))))
	case "erfD":
		return mul(mul(x, half), erf(mul(x, n.Num(0.70710677))))
	case "erfSqrt":
		return mul(mul(x, half), erf(n.P.Add("Div", x, n.P.Add("Sqrt", n.Num(2)))))
	case "tanh", "tanhpow":
		cube := mul(mul(x, x), x)
		if n.S.Act == "tanhpow" {
			cube = n.P.Add("Pow", x, n.Num(3))
		}
		inner := mul(n.P.Add("Add", x, mul(cube, n.Num(0.044715))), n.Num(0.7978846))
		return mul(mul(n.P.Add("Add", n.P.Add("Tanh", inner), n.Num(1)), x), half)
	case "op":
		return n.P.Add("Gelu", x)
	case "optanh":
		return n.P.Add("Gelu", x, gs.Attrs{"approximate": "tanh"})
	case "relu":
		return n.P.Add("Relu", x)
	case "silu":
		return mul(x, n.P.Add("Sigmoid", x))
	case "softsign":
		return n.P.Add("Div", x, n.P.Add("Add", n.P.Add("Sqrt", mul(x, x)), n.Num(1)))
	}
	return mul(mul(x, erf(n.P.Add("Div", x, root2))), half)
}

// Seed is x [batch, Tokens, width] → op → y.
func Seed(opset, width int, op, domain string) []byte {
	return testutil.SeedModel(opset, op, domain, Tokens, width)
}
