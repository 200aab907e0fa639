package adapterinject

import (
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// The vocabulary of this package's graph tests: nets built block by block in
// the spellings that exporters use, all names but those of the expected values
// meaningless.

// spelling says how a block is written down.
type spelling struct {
	qkv    string // separate, gather, split, attention (the operator), cross, learned
	linear string // matmul, second (bias second), gemm, transposed, identity, quantised
	core   string // div, mul, sdpa, mask, boolmask, fed (mask is an input), scores-add
	norm   string // op, spelled, twosub, cast, reciprocal, keras
	act    string // erfA, erfB, erfC, erfD, tanh, tanhpow, op, optanh, relu, silu, swiglu
	post   bool
	scale  bool // LayerScale before the residual
}

type net struct {
	t     testing.TB
	p     *gs.Patch
	m     *gs.Model
	opset int
	width int
	s     spelling
	cache map[string]*gs.Tensor
	names int
}

const tokens, headWidth = 5, 4

func newNet(t testing.TB, opset, width int, s spelling) (*net, gs.Wire) {
	t.Helper()
	m, err := gs.Parse(seedModel(opset, width, "Identity", ""))
	if err != nil {
		t.Fatalf("seed model: %v", err)
	}
	n := &net{t: t, m: m, p: m.NewPatch("n"), opset: opset, width: width, s: s, cache: map[string]*gs.Tensor{}}
	return n, n.p.Tap(m.Graph.Input("x"))
}

// finish makes w the net's output, of the given shape.
func (n *net) finish(w gs.Wire, shape ...gs.Dim) *gs.Model {
	n.t.Helper()
	n.p.ReplaceOutput(n.m.Graph.Output("y"), n.p.Add("Identity", w), shape...)
	n.p.Prune()
	if err := n.p.Apply(); err != nil {
		n.t.Fatalf("building the net: %v", err)
	}
	return n.m
}

// tokensOut are the declared dimensions of a token tensor.
func (n *net) tokensOut() []gs.Dim {
	return []gs.Dim{{Value: -1, Param: "batch"}, {Value: tokens}, {Value: int64(n.width)}}
}

// weight adds an initialiser of that shape; equal shapes share their bytes.
func (n *net) weight(shape ...int64) gs.Wire {
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
	return n.p.Initializer(n.name(), n.cache[key])
}

func (n *net) name() string {
	n.names++
	return "t" + string(rune('0'+n.names%10)) + "_" + string(rune('a'+n.names/10%26)) + string(rune('a'+n.names/260))
}

func (n *net) num(x float32) gs.Wire {
	return n.p.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []float32{x})})
}

func (n *net) ints(xs ...int64) gs.Wire {
	return n.p.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{int64(len(xs))}, xs)})
}

func (n *net) reshape(x gs.Wire, dims ...int64) gs.Wire {
	return n.p.Add("Reshape", x, n.ints(dims...))
}

func (n *net) transpose(x gs.Wire, perm ...int) gs.Wire {
	return n.p.Add("Transpose", x, gs.Attrs{"perm": perm})
}

// linear is y = xW + b in the net's spelling, y named out.
func (n *net) linear(x gs.Wire, in, width int, out string) gs.Wire {
	i, o := int64(in), int64(width)
	named := gs.OutName(out)
	switch n.s.linear {
	case "gemm":
		flat := n.p.Add("Gemm", n.reshape(x, -1, i), n.weight(o, i), n.weight(o), gs.Attrs{"transB": 1}, named)
		return n.reshape(flat, -1, tokens, o)
	case "transposed":
		w := n.transpose(n.weight(o, i), 1, 0)
		return n.p.Add("Add", n.p.Add("MatMul", x, w), n.weight(o), named)
	case "identity":
		w := n.p.Add("Identity", n.p.Add("Cast", n.weight(i, o), gs.Attrs{"to": 1}))
		return n.p.Add("Add", n.p.Add("Identity", n.weight(o)), n.p.Add("MatMul", x, w), named)
	case "second":
		return n.p.Add("Add", n.p.Add("MatMul", x, n.weight(i, o)), n.weight(o), named)
	case "half":
		w := n.p.Add("Cast", n.weight(i, o), gs.Attrs{"to": int(gs.Float16)})
		return n.p.Add("Add", n.weight(o), n.p.Add("MatMul", x, w), named)
	case "quantised":
		w := n.p.Initializer(n.name(), gs.NewTensor([]int64{i, o}, make([]int8, i*o)))
		w = n.p.Add("DequantizeLinear", w, n.num(0.1))
		return n.p.Add("Add", n.weight(o), n.p.Add("MatMul", x, w), named)
	}
	return n.p.Add("Add", n.weight(o), n.p.Add("MatMul", x, n.weight(i, o)), named)
}

func (n *net) mean(x gs.Wire) gs.Wire {
	if n.opset >= 18 {
		return n.p.Add("ReduceMean", x, n.ints(-1))
	}
	return n.p.Add("ReduceMean", x, gs.Attrs{"axes": []int{-1}})
}

// norm is a LayerNorm in the net's spelling.
func (n *net) norm(x gs.Wire, out string) gs.Wire {
	d := int64(n.width)
	gain, offset, named := n.weight(d), n.weight(d), gs.OutName(out)
	if n.s.norm == "" || n.s.norm == "op" {
		return n.p.Add("LayerNormalization", x, gain, offset, named)
	}
	mean := n.mean(x)
	centred := n.p.Add("Sub", x, mean)
	squared := centred
	if n.s.norm == "twosub" {
		squared = n.p.Add("Sub", x, mean)
	}
	if n.s.norm == "cast" {
		squared = n.p.Add("Cast", centred, gs.Attrs{"to": 1})
	}
	if n.s.norm == "keras" || n.s.norm == "reciprocal" {
		squared = n.p.Add("Mul", squared, squared)
	} else {
		squared = n.p.Add("Pow", squared, n.num(2))
	}
	deviation := n.p.Add("Sqrt", n.p.Add("Add", n.mean(squared), n.num(1e-6)))
	var h gs.Wire
	switch n.s.norm {
	case "keras":
		g := n.p.Add("Mul", n.p.Add("Reciprocal", deviation), gain)
		shift := n.p.Add("Sub", offset, n.p.Add("Mul", mean, g))
		return n.p.Add("Add", n.p.Add("Mul", x, g), shift, named)
	case "reciprocal":
		h = n.p.Add("Mul", centred, n.p.Add("Reciprocal", deviation))
	default:
		h = n.p.Add("Div", centred, deviation)
	}
	return n.p.Add("Add", n.p.Add("Mul", h, gain), offset, named)
}

// act is an activation in the net's spelling.
func (n *net) act(x gs.Wire) gs.Wire {
	mul := func(a, b gs.Wire) gs.Wire { return n.p.Add("Mul", a, b) }
	erf := func(div gs.Wire) gs.Wire { return n.p.Add("Add", n.p.Add("Erf", div), n.num(1)) }
	half, root2 := n.num(0.5), n.num(1.4142135)
	switch n.s.act {
	case "erfB":
		return mul(half, mul(x, erf(n.p.Add("Div", x, root2))))
	case "erfC":
		return mul(x, mul(half, erf(n.p.Add("Div", x, root2))))
	case "erfD":
		return mul(mul(x, half), erf(mul(x, n.num(0.70710677))))
	case "erfSqrt":
		return mul(mul(x, half), erf(n.p.Add("Div", x, n.p.Add("Sqrt", n.num(2)))))
	case "tanh", "tanhpow":
		cube := mul(mul(x, x), x)
		if n.s.act == "tanhpow" {
			cube = n.p.Add("Pow", x, n.num(3))
		}
		inner := mul(n.p.Add("Add", x, mul(cube, n.num(0.044715))), n.num(0.7978846))
		return mul(mul(n.p.Add("Add", n.p.Add("Tanh", inner), n.num(1)), x), half)
	case "op":
		return n.p.Add("Gelu", x)
	case "optanh":
		return n.p.Add("Gelu", x, gs.Attrs{"approximate": "tanh"})
	case "relu":
		return n.p.Add("Relu", x)
	case "silu":
		return mul(x, n.p.Add("Sigmoid", x))
	case "softsign":
		return n.p.Add("Div", x, n.p.Add("Add", n.p.Add("Sqrt", mul(x, x)), n.num(1)))
	}
	return mul(mul(x, erf(n.p.Add("Div", x, root2))), half)
}

// seedModel is x [batch, tokens, width] → op → y.
func seedModel(opset, width int, op, domain string) []byte {
	return testutil.SeedModel(opset, op, domain, tokens, width)
}
