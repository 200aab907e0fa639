package adapterinject

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// block adds a Transformer block whose values are named b<i>.q, .k, .v, .o,
// .sum1, .norm, .fc1, .fc2, .sum2.
func (n *net) block(i int, x gs.Wire) gs.Wire {
	name := func(s string) string { return fmt.Sprintf("b%d.%s", i, s) }
	in := x
	if !n.s.post {
		in = n.norm(x, name("norm1"))
	}
	context := n.attention(in, name)
	out := n.layerScale(n.linear(context, n.width, n.width, name("o")))
	x = n.p.Add("Add", out, x, gs.OutName(name("sum1")))
	z := n.norm(x, name("norm"))
	if n.s.post {
		x = z
	}
	h := n.linear(z, n.width, 4*n.width, name("fc1"))
	if n.s.act == "swiglu" {
		gate := n.linear(z, n.width, 4*n.width, name("gate"))
		h = n.p.Add("Mul", n.p.Add("Mul", gate, n.p.Add("Sigmoid", gate)), h)
	} else {
		h = n.act(h)
	}
	h = n.layerScale(n.linear(h, 4*n.width, n.width, name("fc2")))
	x = n.p.Add("Add", x, h, gs.OutName(name("sum2")))
	if n.s.post {
		x = n.norm(x, name("norm3"))
	}
	return x
}

func (n *net) layerScale(x gs.Wire) gs.Wire {
	if !n.s.scale {
		return x
	}
	return n.p.Add("Mul", x, n.weight(int64(n.width)))
}

// attention gives the context in token layout.
func (n *net) attention(z gs.Wire, name func(string) string) gs.Wire {
	q, k, v := n.projections(z, name)
	if n.s.qkv == "attention" {
		c := n.p.Add("Attention", q, k, v)
		return n.reshape(n.transpose(c, 0, 2, 1, 3), -1, tokens, int64(n.width))
	}
	probs := n.p.Add("Softmax", n.scores(q, n.transpose(k, 0, 1, 3, 2)), gs.Attrs{"axis": -1}, gs.OutName(name("softmax")))
	if n.s.core == "boolmask" {
		probs = n.p.Add("Where", n.p.Add("IsNaN", probs), n.num(0), probs)
	}
	if n.s.core == "mul" { // the no-op casts of a float32 softmax request
		probs = n.p.Add("Cast", n.p.Add("Cast", probs, gs.Attrs{"to": 1}), gs.Attrs{"to": 1})
	}
	c := n.p.Add("MatMul", probs, v)
	return n.reshape(n.transpose(c, 0, 2, 1, 3), -1, tokens, int64(n.width))
}

// scores is the scaled and masked product q·kᵀ.
func (n *net) scores(q, kt gs.Wire) gs.Wire {
	switch n.s.core {
	case "mul":
		return n.p.Add("Mul", n.p.Add("MatMul", q, kt), n.num(0.5))
	case "sdpa": // scale from the head width, computed in the graph
		shape := n.p.Add("Shape", q)
		d := n.p.Add("Cast", n.p.Add("Slice", shape, n.ints(3), n.ints(4)), gs.Attrs{"to": 1})
		scale := n.p.Add("Sqrt", n.p.Add("Div", n.num(1), n.p.Add("Sqrt", d)))
		return n.p.Add("MatMul", n.p.Add("Mul", q, scale), n.p.Add("Mul", kt, scale))
	case "mask":
		return n.p.Add("Add", n.p.Add("MatMul", q, kt), n.weight(1, 1, tokens, tokens))
	case "boolmask":
		s := n.p.Add("MatMul", q, kt)
		keep := n.p.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{1}, []bool{true})})
		mask := n.p.Add("Where", n.p.Add("Expand", keep, n.p.Add("Shape", s)), n.num(0), n.num(-1e9))
		return n.p.Add("Add", s, mask)
	case "fed": // a padding mask made of the input's numbers
		pad := n.p.Add("ReduceMax", n.p.Tap(n.m.Graph.Input("x")), gs.Attrs{"axes": []int{-1}, "keepdims": 0})
		pad = n.p.Add("Mul", n.p.Add("Sub", n.num(1), pad), n.num(-1e4))
		pad = n.p.Add("Unsqueeze", pad, n.ints(1, 2))
		return n.p.Add("Add", n.p.Add("Div", n.p.Add("MatMul", q, kt), n.num(2)), pad)
	}
	return n.p.Add("Div", n.p.Add("MatMul", q, kt), n.num(2))
}

// projections gives q, k, v as [batch, heads, tokens, headWidth].
func (n *net) projections(z gs.Wire, name func(string) string) (q, k, v gs.Wire) {
	heads := int64(n.width / headWidth)
	split := func(x gs.Wire) gs.Wire {
		return n.transpose(n.reshape(x, -1, tokens, heads, headWidth), 0, 2, 1, 3)
	}
	switch n.s.qkv {
	case "gather", "split":
		all := n.linear(z, n.width, 3*n.width, name("q"))
		all = n.transpose(n.reshape(all, -1, tokens, 3, heads, headWidth), 2, 0, 3, 1, 4)
		if n.s.qkv == "gather" {
			pick := func(i int64) gs.Wire {
				at := n.p.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []int64{i})})
				return n.p.Add("Gather", all, at, gs.Attrs{"axis": 0})
			}
			return pick(0), pick(1), pick(2)
		}
		parts := n.p.Add("Split", all, n.ints(1, 1, 1), gs.Attrs{"axis": 0}, gs.Outputs(3))
		squeeze := func(w gs.Wire) gs.Wire { return n.p.Add("Squeeze", w, n.ints(0)) }
		return squeeze(parts), squeeze(parts.Out(1)), squeeze(parts.Out(2))
	case "cross":
		other := n.p.Add("Relu", n.p.Tap(n.m.Graph.Input("x")))
		return split(n.linear(z, n.width, n.width, name("q"))), split(n.linear(other, n.width, n.width, name("k"))), split(n.linear(other, n.width, n.width, name("v")))
	case "learned":
		return n.weight(1, heads, tokens, headWidth), split(n.linear(z, n.width, n.width, name("k"))), split(n.linear(z, n.width, n.width, name("v")))
	case "rotary":
		turn := func(x gs.Wire) gs.Wire {
			lo := n.p.Add("Slice", x, n.ints(0), n.ints(headWidth/2), n.ints(3))
			hi := n.p.Add("Slice", x, n.ints(headWidth/2), n.ints(headWidth), n.ints(3))
			turned := n.p.Add("Concat", n.p.Add("Neg", hi), lo, gs.Attrs{"axis": -1})
			return n.p.Add("Add", n.p.Add("Mul", x, n.weight(tokens, headWidth)), n.p.Add("Mul", turned, n.weight(tokens, headWidth)))
		}
		return turn(split(n.linear(z, n.width, n.width, name("q")))), turn(split(n.linear(z, n.width, n.width, name("k")))), split(n.linear(z, n.width, n.width, name("v")))
	}
	return split(n.linear(z, n.width, n.width, name("q"))), split(n.linear(z, n.width, n.width, name("k"))), split(n.linear(z, n.width, n.width, name("v")))
}
