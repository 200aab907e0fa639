package infer

import "strings"

// products lists matrix products and Einsum.
func products() map[string]Rule {
	return map[string]Rule{
		"MatMul": func(n *Node) error { return matMulAs(n, n.matType(0, 1)) }, "Gemm": gemm, "Einsum": einsum,
		"MatMulInteger": func(n *Node) error { return matMulAs(n, Int32) },
		"QLinearMatMul": qLinearMatMul, "Det": det,
	}
}

func (n *Node) matType(i, j int) int32 {
	if d := n.dtype(i); d != Undefined {
		return d
	}
	return n.dtype(j)
}

// matMulShape follows numpy.matmul.
func (n *Node) matMulShape(a, b []Expr) ([]Expr, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if len(a) == 0 || len(b) == 0 {
		return nil, fail("a factor is a scalar: shapes %s and %s", ShapeString(a), ShapeString(b))
	}
	inner, k := a[len(a)-1], max(len(b)-2, 0)
	if _, ok := n.Ctx.Merge(inner, b[k]); !ok {
		return nil, fail("shapes %s and %s do not multiply: %s against %s", ShapeString(a), ShapeString(b), inner, b[k])
	}
	out, err := n.Ctx.broadcast(a[:max(len(a)-2, 0)], b[:k])
	if err != nil {
		return nil, err
	}
	out = clone(out)
	if out == nil {
		out = []Expr{}
	}
	if len(a) > 1 {
		out = append(out, a[len(a)-2])
	}
	if len(b) > 1 {
		out = append(out, b[len(b)-1])
	}
	return out, nil
}

func matMulAs(n *Node, dtype int32) error {
	n.set(0, dtype, nil)
	shape, err := n.matMulShape(n.shape(0), n.shape(1))
	n.set(0, dtype, shape)
	if err == nil && n.Op == "MatMul" {
		_, err = n.sameType(0, 1)
	}
	return err
}

func qLinearMatMul(n *Node) error {
	n.set(0, n.dtype(7), nil)
	shape, err := n.matMulShape(n.shape(0), n.shape(3))
	n.set(0, n.dtype(7), shape)
	return err
}

// gemm multiplies two matrices, each perhaps transposed.
func gemm(n *Node) error {
	kind, terr := n.sameType(0, 1, 2)
	n.set(0, kind, unknowns(2))
	a, b := n.shape(0), n.shape(1)
	row, k1, err := n.gemmSide(a, n.Int("transA", 0) != 0)
	if err != nil {
		return err
	}
	k2, col, err := n.gemmSide(b, n.Int("transB", 0) != 0)
	if err != nil {
		return err
	}
	n.set(0, kind, []Expr{row, col})
	if _, ok := n.Ctx.Merge(k1, k2); !ok {
		return fail("shapes %s and %s do not multiply: %s against %s", ShapeString(a), ShapeString(b), k1, k2)
	}
	return terr
}

func (n *Node) gemmSide(s []Expr, transposed bool) (first, second Expr, err error) {
	switch {
	case s == nil:
		return Unknown(), Unknown(), nil
	case len(s) != 2:
		return Unknown(), Unknown(), fail("a factor has shape %s, want a matrix", ShapeString(s))
	case transposed:
		return s[1], s[0], nil
	}
	return s[0], s[1], nil
}

func det(n *Node) error {
	n.set(0, n.dtype(0), nil)
	s := n.shape(0)
	if s == nil {
		return nil
	}
	if len(s) < 2 {
		return fail("shape %s is no matrix", ShapeString(s))
	}
	n.set(0, n.dtype(0), clone(s[:len(s)-2]))
	return nil
}

// einsum reads the equation; letters name axes, "..." those that broadcast.
func einsum(n *Node) error {
	all := make([]int, len(n.In))
	for i := range all {
		all[i] = i
	}
	kind, terr := n.sameType(all...)
	n.set(0, kind, nil)
	eq := strings.ReplaceAll(n.Str("equation", ""), " ", "")
	left, right, explicit := strings.Cut(eq, "->")
	parts := strings.Split(left, ",")
	if len(parts) != len(n.In) {
		return fail("equation %q has %d terms, got %d inputs", eq, len(parts), len(n.In))
	}
	sizes := map[byte]Expr{}
	dots := [][]Expr{}
	for i, p := range parts {
		s := n.shape(i)
		if s == nil {
			if explicit && !strings.Contains(right, ".") {
				n.set(0, kind, unknowns(len(right)))
			}
			return nil
		}
		d, err := n.einsumTerm(p, s, sizes)
		if err != nil {
			return err
		}
		dots = append(dots, d)
	}
	if !explicit {
		right = implicit(left)
	}
	spread, err := n.Ctx.broadcast(dots...)
	if err != nil {
		return err
	}
	out := []Expr{}
	before, after, ellipsis := strings.Cut(right, "...")
	for k, letters := range []string{before, after} {
		if k == 1 && ellipsis {
			out = append(out, spread...)
		}
		for _, l := range []byte(letters) {
			d, ok := sizes[l]
			if !ok {
				return fail("equation %q: output axis %q is in no input", eq, string(l))
			}
			out = append(out, d)
		}
	}
	n.set(0, kind, out)
	return terr
}

// einsumTerm notes the sizes of one term's letters and gives the axes of its "...".
func (n *Node) einsumTerm(p string, s []Expr, sizes map[byte]Expr) ([]Expr, error) {
	before, after, ellipsis := strings.Cut(p, "...")
	letters := len(before) + len(after)
	if letters > len(s) || !ellipsis && letters != len(s) {
		return nil, fail("term %q does not fit shape %s", p, ShapeString(s))
	}
	note := func(l byte, d Expr) error {
		old, seen := sizes[l]
		if seen {
			x, ok := n.Ctx.broadcastDim(old, d)
			if !ok {
				return fail("axis %q is of size %s and of size %s", string(l), old, d)
			}
			d = x
		}
		sizes[l] = d
		return nil
	}
	for i := range len(before) {
		if err := note(before[i], s[i]); err != nil {
			return nil, err
		}
	}
	for i := range len(after) {
		if err := note(after[i], s[len(s)-len(after)+i]); err != nil {
			return nil, err
		}
	}
	return s[len(before) : len(s)-len(after)], nil
}

// implicit gives the output of an equation without "->": the letters seen once,
// sorted, behind the axes of "...".
func implicit(left string) string {
	out := ""
	if strings.Contains(left, "...") {
		out = "..."
	}
	for l := byte('A'); l <= 'z'; l++ {
		if (l <= 'Z' || l >= 'a') && strings.Count(left, string(l)) == 1 {
			out += string(l)
		}
	}
	return out
}
