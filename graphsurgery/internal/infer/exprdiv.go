package infer

import "math"

// Div is the quotient a / b rounded down. Parts of a that b divides are taken out,
// so that (8·x + y)//8 is x + y//8; a quotient of a quotient by constants is one
// quotient; −x//k is rewritten by −⌊(x + k − 1)/k⌋. A quotient by 0 is unknown.
func Div(a, b Expr) Expr {
	if a.unknown || b.unknown || b.Is(0) {
		return Unknown()
	}
	if d, ok := b.Const(); ok {
		if d < 0 {
			if d == math.MinInt64 {
				return Unknown()
			}
			return Div(Neg(a), Const(-d))
		}
		return divConst(a, d)
	}
	if q, ok := DivExact(a, b); ok {
		return q
	}
	return newQuotient(a, b)
}

// Mod is a − b·⌊a/b⌋, which has the sign of b.
func Mod(a, b Expr) Expr { return Sub(a, Mul(b, Div(a, b))) }

// Ceil is a / b rounded up.
func Ceil(a, b Expr) Expr { return Neg(Div(Neg(a), b)) }

func newQuotient(a, b Expr) Expr {
	at := &atom{key: operand(a) + "//" + operand(b), op: quotient, a: a, b: b, size: a.size() + b.size()}
	return ofAtom(at).bounded()
}

func floorDiv(a, d int64) int64 {
	q := a / d
	if a%d != 0 && a < 0 {
		q--
	}
	return q
}

// divConst divides by a constant above 0.
func divConst(a Expr, d int64) Expr {
	if d == 1 {
		return a
	}
	whole := Expr{c: floorDiv(a.c, d)}
	rest := Expr{c: a.c - whole.c*d}
	for _, t := range a.terms {
		q := t.coef / d
		if q != 0 {
			w := t
			w.coef = q
			whole.terms = append(whole.terms, w)
		}
		if t.coef -= q * d; t.coef != 0 {
			rest.terms = append(rest.terms, t)
		}
	}
	if len(rest.terms) == 0 {
		return whole
	}
	if rest.terms[0].coef < 0 {
		up := Add(Neg(rest), Const(d-1))
		return Sub(whole, divConst(up, d))
	}
	g := d
	for _, t := range rest.terms {
		g = gcd(g, t.coef)
	}
	for i := range rest.terms {
		rest.terms[i].coef /= g
	}
	rest.c, d = rest.c/g, d/g
	if d == 1 {
		return Add(whole, rest)
	}
	return Add(whole, quotientOf(rest, d))
}

// quotientOf makes the atom, joining a quotient of a quotient: ⌊(⌊x/k⌋ + c)/d⌋ is
// ⌊(x + c·k)/(k·d)⌋.
func quotientOf(rest Expr, d int64) Expr {
	if len(rest.terms) == 1 && rest.terms[0].coef == 1 {
		if fs := rest.terms[0].factors; len(fs) == 1 && fs[0].pow == 1 && fs[0].atom.op == quotient {
			if k, ok := fs[0].atom.b.Const(); ok {
				kd, ok1 := mulInt(k, d)
				ck, ok2 := mulInt(rest.c, k)
				if ok1 && ok2 {
					return divConst(Add(fs[0].atom.a, Const(ck)), kd)
				}
			}
		}
	}
	return newQuotient(rest, Const(d))
}

// DivExact divides the polynomial a by b if b divides it.
func DivExact(a, b Expr) (Expr, bool) {
	if a.unknown || b.unknown || b.Is(0) {
		return Unknown(), false
	}
	if a.Equal(b) {
		return Const(1), true
	}
	lead, rest := leading(b), a
	q := Const(0)
	for range 2 * maxTerms {
		if rest.Is(0) {
			return q, true
		}
		t, ok := divTerm(leading(rest), lead)
		if !ok {
			return Unknown(), false
		}
		x := Expr{terms: []term{t}}
		if len(t.factors) == 0 {
			x = Const(t.coef)
		}
		q, rest = Add(q, x), Sub(rest, Mul(x, b))
		if q.unknown || rest.unknown {
			break
		}
	}
	return Unknown(), false
}

// leading is the term of the highest degree, the first of them by factors.
func leading(e Expr) term {
	best := term{coef: e.c}
	for _, t := range e.terms {
		if len(best.factors) == 0 || before(t, best) {
			best = t
		}
	}
	return best
}

// before orders terms lexicographically by their atoms' powers, an order that
// multiplication keeps.
func before(x, y term) bool {
	for i := 0; i < len(x.factors) && i < len(y.factors); i++ {
		f, g := x.factors[i], y.factors[i]
		if f.atom.key != g.atom.key {
			return f.atom.key < g.atom.key
		}
		if f.pow != g.pow {
			return f.pow > g.pow
		}
	}
	return len(x.factors) > len(y.factors)
}

func divTerm(x, y term) (term, bool) {
	if y.coef == 0 || x.coef%y.coef != 0 {
		return term{}, false
	}
	out := term{coef: x.coef / y.coef}
	j := 0
	for _, f := range x.factors {
		if j < len(y.factors) && y.factors[j].atom.key == f.atom.key {
			f.pow -= y.factors[j].pow
			j++
		}
		if f.pow < 0 {
			return term{}, false
		}
		if f.pow > 0 {
			out.factors = append(out.factors, f)
		}
	}
	out.key = productKey(out.factors)
	return out, j == len(y.factors)
}
