package nets

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Block adds a Transformer block whose values are named b<i>.q, .k, .v, .o,
// .sum1, .norm, .fc1, .fc2, .sum2.
func (n *Net) Block(i int, x gs.Wire) gs.Wire {
	name := func(s string) string { return fmt.Sprintf("b%d.%s", i, s) }
	in := x
	if !n.S.Post {
		in = n.LayerNorm(x, name("norm1"))
	}
	context := n.Attention(in, name)
	out := n.LayerScale(n.Dense(context, n.Width, n.Width, name("o")))
	x = n.P.Add("Add", out, x, gs.OutName(name("sum1")))
	z := n.LayerNorm(x, name("norm"))
	if n.S.Post {
		x = z
	}
	h := n.Dense(z, n.Width, 4*n.Width, name("fc1"))
	if n.S.Act == "swiglu" {
		gate := n.Dense(z, n.Width, 4*n.Width, name("gate"))
		h = n.P.Add("Mul", n.P.Add("Mul", gate, n.P.Add("Sigmoid", gate)), h)
	} else {
		h = n.Activate(h)
	}
	h = n.LayerScale(n.Dense(h, 4*n.Width, n.Width, name("fc2")))
	x = n.P.Add("Add", x, h, gs.OutName(name("sum2")))
	if n.S.Post {
		x = n.LayerNorm(x, name("norm3"))
	}
	return x
}

func (n *Net) LayerScale(x gs.Wire) gs.Wire {
	if !n.S.Scale {
		return x
	}
	return n.P.Add("Mul", x, n.Weight(int64(n.Width)))
}

// Attention gives the context in token layout.
func (n *Net) Attention(z gs.Wire, name func(string) string) gs.Wire {
	q, k, v := n.Projections(z, name)
	if n.S.QKV == "attention" {
		c := n.P.Add("Attention", q, k, v)
		return n.Reshape(n.Transpose(c, 0, 2, 1, 3), -1, Tokens, int64(n.Width))
	}
	probs := n.P.Add("Softmax", n.Scores(q, n.Transpose(k, 0, 1, 3, 2)), gs.Attrs{"axis": -1}, gs.OutName(name("softmax")))
	if n.S.Core == "boolmask" {
		probs = n.P.Add("Where", n.P.Add("IsNaN", probs), n.Num(0), probs)
	}
	if n.S.Core == "mul" { // the no-op casts of a float32 softmax request
		probs = n.P.Add("Cast", n.P.Add("Cast", probs, gs.Attrs{"to": 1}), gs.Attrs{"to": 1})
	}
	c := n.P.Add("MatMul", probs, v)
	return n.Reshape(n.Transpose(c, 0, 2, 1, 3), -1, Tokens, int64(n.Width))
}

// Scores is the scaled and masked product q·kᵀ.
func (n *Net) Scores(q, kt gs.Wire) gs.Wire {
	switch n.S.Core {
	case "mul":
		return n.P.Add("Mul", n.P.Add("MatMul", q, kt), n.Num(0.5))
	case "sdpa": // scale from the head width, computed in the graph
		shape := n.P.Add("Shape", q)
		d := n.P.Add("Cast", n.P.Add("Slice", shape, n.Ints(3), n.Ints(4)), gs.Attrs{"to": 1})
		scale := n.P.Add("Sqrt", n.P.Add("Div", n.Num(1), n.P.Add("Sqrt", d)))
		return n.P.Add("MatMul", n.P.Add("Mul", q, scale), n.P.Add("Mul", kt, scale))
	case "mask":
		return n.P.Add("Add", n.P.Add("MatMul", q, kt), n.Weight(1, 1, Tokens, Tokens))
	case "boolmask":
		s := n.P.Add("MatMul", q, kt)
		keep := n.P.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{1}, []bool{true})})
		mask := n.P.Add("Where", n.P.Add("Expand", keep, n.P.Add("Shape", s)), n.Num(0), n.Num(-1e9))
		return n.P.Add("Add", s, mask)
	case "fed": // a padding mask made of the input's numbers
		pad := n.P.Add("ReduceMax", n.P.Tap(n.M.Graph.Input("x")), gs.Attrs{"axes": []int{-1}, "keepdims": 0})
		pad = n.P.Add("Mul", n.P.Add("Sub", n.Num(1), pad), n.Num(-1e4))
		pad = n.P.Add("Unsqueeze", pad, n.Ints(1, 2))
		return n.P.Add("Add", n.P.Add("Div", n.P.Add("MatMul", q, kt), n.Num(2)), pad)
	}
	return n.P.Add("Div", n.P.Add("MatMul", q, kt), n.Num(2))
}

// Projections gives q, k, v as [batch, heads, Tokens, headWidth].
func (n *Net) Projections(z gs.Wire, name func(string) string) (q, k, v gs.Wire) {
	heads := int64(n.Width / headWidth)
	split := func(x gs.Wire) gs.Wire {
		return n.Transpose(n.Reshape(x, -1, Tokens, heads, headWidth), 0, 2, 1, 3)
	}
	switch n.S.QKV {
	case "gather", "split":
		all := n.Dense(z, n.Width, 3*n.Width, name("q"))
		all = n.Transpose(n.Reshape(all, -1, Tokens, 3, heads, headWidth), 2, 0, 3, 1, 4)
		if n.S.QKV == "gather" {
			pick := func(i int64) gs.Wire {
				at := n.P.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []int64{i})})
				return n.P.Add("Gather", all, at, gs.Attrs{"axis": 0})
			}
			return pick(0), pick(1), pick(2)
		}
		parts := n.P.Add("Split", all, n.Ints(1, 1, 1), gs.Attrs{"axis": 0}, gs.Outputs(3))
		squeeze := func(w gs.Wire) gs.Wire { return n.P.Add("Squeeze", w, n.Ints(0)) }
		return squeeze(parts), squeeze(parts.Out(1)), squeeze(parts.Out(2))
	case "interleaved", "by head": // one head's query, key and value stand together, as in GPT-NeoX; with an axis of their own, as in BLOOM
		all := n.Dense(z, n.Width, 3*n.Width, name("q"))
		if n.S.QKV == "by head" {
			all = n.Reshape(all, -1, Tokens, heads, 3, headWidth)
			pick := func(i int64) gs.Wire {
				at := n.P.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []int64{i})})
				return n.Transpose(n.P.Add("Gather", all, at, gs.Attrs{"axis": 3}), 0, 2, 1, 3)
			}
			return pick(0), pick(1), pick(2)
		}
		all = n.Transpose(n.Reshape(all, -1, Tokens, heads, 3*headWidth), 0, 2, 1, 3)
		part := func(i int64) gs.Wire {
			return n.P.Add("Slice", all, n.Ints(i*headWidth), n.Ints((i+1)*headWidth), n.Ints(-1))
		}
		return part(0), part(1), part(2)
	case "cross":
		other := n.P.Add("Relu", n.P.Tap(n.M.Graph.Input("x")))
		return split(n.Dense(z, n.Width, n.Width, name("q"))), split(n.Dense(other, n.Width, n.Width, name("k"))), split(n.Dense(other, n.Width, n.Width, name("v")))
	case "learned":
		return n.Weight(1, heads, Tokens, headWidth), split(n.Dense(z, n.Width, n.Width, name("k"))), split(n.Dense(z, n.Width, n.Width, name("v")))
	case "rotary":
		turn := func(x gs.Wire) gs.Wire {
			lo := n.P.Add("Slice", x, n.Ints(0), n.Ints(headWidth/2), n.Ints(3))
			hi := n.P.Add("Slice", x, n.Ints(headWidth/2), n.Ints(headWidth), n.Ints(3))
			turned := n.P.Add("Concat", n.P.Add("Neg", hi), lo, gs.Attrs{"axis": -1})
			return n.P.Add("Add", n.P.Add("Mul", x, n.Weight(Tokens, headWidth)), n.P.Add("Mul", turned, n.Weight(Tokens, headWidth)))
		}
		return turn(split(n.Dense(z, n.Width, n.Width, name("q")))), turn(split(n.Dense(z, n.Width, n.Width, name("k")))), split(n.Dense(z, n.Width, n.Width, name("v")))
	}
	return split(n.Dense(z, n.Width, n.Width, name("q"))), split(n.Dense(z, n.Width, n.Width, name("k"))), split(n.Dense(z, n.Width, n.Width, name("v")))
}
