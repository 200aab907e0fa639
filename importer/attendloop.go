package importer

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// loopedScores is the size in bytes from which scores are computed some heads at a
// time: about a processor's last cache. Where all heads fit, one product of all is
// faster than a loop.
const loopedScores = 16 << 20

// headLoop computes an attention some heads at a time in a loop of the backend,
// so that the scores of all heads never exist together. Its gradient computes the
// scores again instead of keeping them, from the logarithm of each softmax's sum
// (Dao and others, arXiv 2205.14135, section 3.1, with heads for blocks). On XLA CPU this
// halves the memory of a training step on long clips; the products of single
// heads are plain matrix products, which run faster there than batched ones.
type headLoop struct {
	heads, step              int // heads of all examples, and in one turn
	queries, keys, width, to int // to is the width of the values
	scale                    float64
	half                     dtypes.DType // of products, InvalidDType if float32
}

// looped computes the attention in a loop, or declines.
func (a attention) looped() (*graph.Node, bool) {
	if a.q.Graph().Backend().String() == goBackend || a.keep != nil || a.bias != nil || a.causal || a.softcap != 0 || a.q.DType() != dtypes.Float32 {
		return nil, false
	}
	heads := a.q.Shape().Dimensions[1]
	k, v := repeatHeads(a.k, heads), repeatHeads(a.v, heads)
	q, kd, vd := a.q.Shape().Dimensions, k.Shape().Dimensions, v.Shape().Dimensions
	l := headLoop{heads: q[0] * heads, queries: q[2], keys: kd[2], width: q[3], to: vd[3], scale: a.scale, half: a.program.half}
	each := l.queries * l.keys * 4
	if each*l.heads < loopedScores || l.queries*l.keys*l.width*l.to == 0 {
		return nil, false
	}
	for l.step = max(1, loopedScores/2/each); l.heads%l.step != 0; l.step-- {
	}
	in := []*graph.Node{
		graph.Reshape(a.q, l.heads, l.queries, l.width),
		graph.Reshape(k, l.heads, l.keys, l.width),
		graph.Reshape(v, l.heads, l.keys, l.to),
	}
	var y, sums *graph.Node
	out := withGradient(in, func(in []*graph.Node) *graph.Node {
		y, sums = l.forward(in[0], in[1], in[2])
		return y
	}, func(in []*graph.Node, dy *graph.Node) []*graph.Node {
		return l.backward(in[0], in[1], in[2], y, sums, dy)
	})
	return graph.Reshape(out, q[0], heads, l.queries, l.to), true
}

// forward gives the result and, for each query, the logarithm of the softmax's sum.
func (l headLoop) forward(q, k, v *graph.Node) (y, sums *graph.Node) {
	g := q.Graph()
	out := []*graph.Node{
		graph.Zeros(g, shapes.Make(q.DType(), l.heads, l.queries, l.to)),
		graph.Zeros(g, shapes.Make(q.DType(), l.heads, l.queries, 1)),
	}
	ones := graph.Ones(g, shapes.Make(q.DType(), l.step, l.keys, 1)) // every turn's, see run
	out = l.run([]*graph.Node{scaled(q, l.scale), k, v, ones}, out, func(in []*graph.Node) []*graph.Node {
		s := l.product(in[0], 2, in[1], 2)
		top := largest(s)
		e := graph.Exp(graph.Sub(s, top))
		sum := headProduct(e, 2, in[3], 1) // in float32
		return []*graph.Node{graph.Div(l.product(e, 2, in[2], 1), sum), graph.Add(top, graph.Log(sum))}
	})
	return out[0], out[1]
}

// backward gives the gradients by q, k and v.
func (l headLoop) backward(q, k, v, y, sums, dy *graph.Node) []*graph.Node {
	dy, unit := l.fitted(dy)
	delta := graph.ReduceAndKeep(graph.Mul(y, dy), graph.ReduceSum, 2)
	out := []*graph.Node{graph.ZerosLike(q), graph.ZerosLike(k), graph.ZerosLike(v)}
	out = l.run([]*graph.Node{scaled(q, l.scale), k, v, sums, delta, dy}, out, func(in []*graph.Node) []*graph.Node {
		q, k, v, sums, delta, dy := in[0], in[1], in[2], in[3], in[4], in[5]
		p := graph.Exp(graph.Sub(l.product(q, 2, k, 2), sums))
		ds := graph.Mul(p, graph.Sub(l.product(dy, 2, v, 2), delta))
		return []*graph.Node{
			l.product(ds, 2, k, 1),
			l.product(ds, 1, q, 1),
			l.product(p, 1, dy, 1),
		}
	})
	return []*graph.Node{unfit(scaled(out[0], l.scale), unit), unfit(out[1], unit), unfit(out[2], unit)}
}

// fitted scales the gradient by the result so that it, and what the loop makes of it, fits
// the type of products; see fit.
func (l headLoop) fitted(dy *graph.Node) (fitted, unit *graph.Node) {
	if l.half != dtypes.Float16 {
		return dy, nil
	}
	unit = fitUnit(dy)
	return graph.Mul(dy, unit), unit
}

// product is headProduct in the type of products.
func (l headLoop) product(a *graph.Node, i int, b *graph.Node, j int) *graph.Node {
	if l.half == dtypes.InvalidDType {
		return headProduct(a, i, b, j)
	}
	batch := []int{0}
	return dotWide(graph.ConvertDType(a, l.half), []int{i}, batch, graph.ConvertDType(b, l.half), []int{j}, batch)
}

// headProduct multiplies head by head, summing over an axis of each.
func headProduct(a *graph.Node, i int, b *graph.Node, j int) *graph.Node {
	batch := []int{0}
	return graph.DotGeneral(a, []int{i}, batch, b, []int{j}, batch)
}

// largest is the maximum along the last axis, kept. It halves the axis again and
// again, because go-xla v0.4.5 cannot reduce inside a loop when the same reduction
// is used outside. Halves of an odd number overlap.
func largest(x *graph.Node) *graph.Node {
	for n := x.Shape().Dimensions[2]; n > 1; n = (n + 1) / 2 {
		half := (n + 1) / 2
		x = graph.Max(sliceNode(x, 2, bounds{end: half, step: 1}), sliceNode(x, 2, bounds{start: n - half, end: n, step: 1}))
	}
	return x
}

// run calls turn on step heads of each input after another and writes its results
// into the outputs, all [heads, ...]. The loop's state is the first head, three
// numbers, inputs and outputs: a loop sees nothing from outside, and GoMLX keeps
// one node for equal numbers, which one loop alone would then see.
func (l headLoop) run(in, out []*graph.Node, turn func(in []*graph.Node) []*graph.Node) []*graph.Node {
	g := in[0].Graph()
	zero := graph.Scalar(g, dtypes.Int32, 0)
	state := []*graph.Node{zero, zero, graph.Scalar(g, dtypes.Int32, l.step), graph.Scalar(g, dtypes.Int32, l.heads)}
	inputs := len(state)
	outputs := inputs + len(in)
	state = append(append(state, in...), out...)
	parameters := func(g *graph.Graph) []*graph.Node {
		p := make([]*graph.Node, len(state))
		for i, s := range state {
			p[i] = graph.Parameter(g, fmt.Sprintf("s%d", i), s.Shape())
		}
		return p
	}
	more := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s := parameters(g)
		return []*graph.Node{graph.LessThan(s[0], s[3])}
	})
	body := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s := parameters(g)
		start := []*graph.Node{s[0], s[1], s[1]}
		now := make([]*graph.Node, len(in))
		for i, x := range s[inputs:outputs] {
			d := x.Shape().Dimensions
			now[i] = graph.DynamicSlice(x, start, []int{min(l.step, d[0]), d[1], d[2]})
		}
		for i, r := range turn(now) {
			s[outputs+i] = graph.DynamicUpdateSlice(s[outputs+i], r, start)
		}
		s[0] = graph.Add(s[0], s[2])
		return s
	})
	return graph.While(more, body, state...)[outputs:]
}
