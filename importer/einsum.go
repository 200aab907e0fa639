package importer

import (
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
)

// einsumOps is Einsum-12.
func einsumOps() []operator {
	return []operator{
		{key: onnx("Einsum", 12), attrs: "equation", minIn: 1, maxIn: -1, maxOut: 1, lower: single(lowerEinsum)},
	}
}

// term is an operand of Einsum with one label an axis. An axis of the ellipsis
// has a digit as its label, counted from the last one, as broadcasting aligns them.
type term struct {
	labels []byte
	node   *graph.Node
}

// lowerEinsum is Einsum-12: operands are multiplied from the left, each label
// being summed as soon as nothing to the right needs it.
func lowerEinsum(c *call) *graph.Node {
	left, result := c.equation()
	terms := make([]term, len(left))
	for i, labels := range left {
		terms[i] = c.diagonal(term{labels: labels, node: c.arg(i)})
	}
	terms = c.einsumBroadcast(terms)
	acc := terms[0]
	for i, t := range terms[1:] {
		later := slices.Clone(result)
		for _, u := range terms[i+2:] {
			later = append(later, u.labels...)
		}
		acc = c.contract(sumOut(acc, append(slices.Clone(later), t.labels...)), sumOut(t, append(slices.Clone(later), acc.labels...)), later)
	}
	acc = sumOut(acc, result)
	perm := make([]int, len(result))
	for i, l := range result {
		perm[i] = slices.Index(acc.labels, l)
	}
	return graph.TransposeAllAxes(acc.node, perm...)
}

// equation reads the labels of each operand and of the result.
func (c *call) equation() (terms [][]byte, result []byte) {
	text := strings.ReplaceAll(c.n.Str("equation", ""), " ", "")
	left, right, explicit := strings.Cut(text, "->")
	parts := strings.Split(left, ",")
	if len(parts) != len(c.in) {
		c.fail("equation %q for %d inputs", text, len(c.in))
	}
	for i, p := range parts {
		terms = append(terms, c.labels(p, c.rank(i), text))
	}
	dots := 0
	for i, p := range parts {
		if strings.Contains(p, "...") {
			dots = max(dots, c.rank(i)-len(p)+3)
		}
	}
	if !explicit {
		right = implicitResult(left)
	}
	n := len(right)
	if strings.Contains(right, "...") {
		n += dots - 3
	}
	result = c.labels(right, n, text)
	for i, l := range result {
		known := slices.ContainsFunc(terms, func(t []byte) bool { return slices.Contains(t, l) })
		if !known || slices.Contains(result[:i], l) {
			c.fail("equation %q: result label %q is unknown or repeated", text, string(l))
		}
	}
	return terms, result
}

// implicitResult is the result where the equation has none: the ellipsis, then
// the labels that occur once, in alphabetical order.
func implicitResult(left string) string {
	var once []byte
	for _, l := range []byte(left) {
		if l != '.' && l != ',' && strings.Count(left, string(l)) == 1 {
			once = append(once, l)
		}
	}
	slices.Sort(once)
	if strings.Contains(left, "...") {
		return "..." + string(once)
	}
	return string(once)
}

// labels gives each of rank axes its label.
func (c *call) labels(text string, rank int, equation string) []byte {
	before, after, dots := strings.Cut(text, "...")
	n := rank - len(before) - len(after)
	if n < 0 || n > 0 && !dots || n > 9 {
		c.fail("equation %q: %q does not fit rank %d", equation, text, rank)
	}
	for _, l := range []byte(before + after) {
		if l < 'A' || l > 'z' || l > 'Z' && l < 'a' {
			c.fail("equation %q: %q is no label", equation, string(l))
		}
	}
	out := []byte(before)
	for i := n; i > 0; i-- {
		out = append(out, byte('0'+i))
	}
	return append(out, after...)
}

// diagonal keeps of axes with the same label the elements with the same index.
func (c *call) diagonal(t term) term {
	for i := 0; i < len(t.labels); i++ {
		j := i + 1 + slices.Index(t.labels[i+1:], t.labels[i])
		if j == i {
			continue
		}
		x, n := t.node, t.node.Shape().Dimensions[i]
		if m := x.Shape().Dimensions[j]; m != n {
			c.fail("label %q has sizes %d and %d", string(t.labels[i]), n, m)
		}
		perm := []int{}
		for k := range t.labels {
			if k != i && k != j {
				perm = append(perm, k)
			}
		}
		x = graph.TransposeAllAxes(x, append(perm, i, j)...)
		dims := slices.Clone(x.Shape().Dimensions[:len(perm)])
		x = graph.Reshape(x, append(dims, n*n)...)
		x = graph.SliceAxis(x, len(perm), graph.AxisRangeToEnd(0).Stride(n+1))
		labels := make([]byte, 0, len(perm)+1)
		for _, k := range perm {
			labels = append(labels, t.labels[k])
		}
		t = term{labels: append(labels, t.labels[i]), node: x}
		i = -1 // the order of axes has changed
	}
	return t
}

// einsumBroadcast drops axes of size one whose label has another size elsewhere.
func (c *call) einsumBroadcast(terms []term) []term {
	size := make(map[byte]int)
	for _, t := range terms {
		for k, l := range t.labels {
			d := t.node.Shape().Dimensions[k]
			if old, ok := size[l]; !ok || old == 1 {
				size[l] = d
			} else if d != old && d != 1 {
				c.fail("label %q has sizes %d and %d", string(l), old, d)
			}
		}
	}
	for i, t := range terms {
		var kept []byte
		var dims []int
		for k, l := range t.labels {
			if d := t.node.Shape().Dimensions[k]; d == size[l] {
				kept, dims = append(kept, l), append(dims, d)
			}
		}
		if len(kept) < len(t.labels) {
			terms[i] = term{labels: kept, node: graph.Reshape(t.node, dims...)}
		}
	}
	return terms
}

// sumOut sums the labels of t that nothing needs.
func sumOut(t term, needed []byte) term {
	var axes []int
	var kept []byte
	for k, l := range t.labels {
		if slices.Contains(needed, l) {
			kept = append(kept, l)
		} else {
			axes = append(axes, k)
		}
	}
	if len(axes) == 0 {
		return t
	}
	return term{labels: kept, node: graph.ReduceSum(t.node, axes...)}
}

// contract multiplies two terms: labels of both that are needed later are batch
// axes, the others of both are summed.
func (c *call) contract(a, b term, later []byte) term {
	var batchA, batchB, sumA, sumB []int
	var labels []byte
	for i, l := range a.labels {
		j := slices.Index(b.labels, l)
		switch {
		case j < 0:
		case slices.Contains(later, l):
			batchA, batchB, labels = append(batchA, i), append(batchB, j), append(labels, l)
		default:
			sumA, sumB = append(sumA, i), append(sumB, j)
		}
	}
	for _, l := range a.labels {
		if !slices.Contains(b.labels, l) {
			labels = append(labels, l)
		}
	}
	for _, l := range b.labels {
		if !slices.Contains(a.labels, l) {
			labels = append(labels, l)
		}
	}
	return term{labels: labels, node: c.dot(a.node, sumA, batchA, b.node, sumB, batchB)}
}
