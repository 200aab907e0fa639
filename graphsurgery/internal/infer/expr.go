package infer

import (
	"math"
	"math/bits"
	"slices"
	"strings"
)

// Limits of an expression; what grows beyond them is given up as unknown.
const (
	maxTerms = 40
	maxSize  = 160 // atoms, nested ones counted
)

// Expr is a whole number that may depend on symbols: a constant plus terms. The
// zero value is 0. Expressions are immutable and canonical: equal polynomials
// have equal forms.
type Expr struct {
	c       int64
	terms   []term
	unknown bool
}

// term is a coefficient times a product of atoms.
type term struct {
	coef    int64
	factors []factor // sorted by the atoms' keys
	key     string   // text of the product, the identity of the term
}

type factor struct {
	atom *atom
	pow  int
}

// atom is a symbol, or an operation that is no polynomial.
type atom struct {
	key   string // canonical text, the identity of the atom
	op    atomOp
	a, b  Expr
	min   int64 // least value of a symbol
	fresh bool  // a symbol that inference made up
	size  int
	made  int // the how-manieth symbol of its context
}

type atomOp uint8

const (
	symbol atomOp = iota
	quotient
	maximum
	minimum
)

// Const is the expression of a known number.
func Const(c int64) Expr { return Expr{c: c} }

// Unknown is the expression of which nothing is known.
func Unknown() Expr { return Expr{unknown: true} }

// IsUnknown reports whether nothing is known of e.
func (e Expr) IsUnknown() bool { return e.unknown }

// Const gives the number, if e is a known one.
func (e Expr) Const() (int64, bool) { return e.c, !e.unknown && len(e.terms) == 0 }

// Is reports whether e is the known number c.
func (e Expr) Is(c int64) bool { return !e.unknown && len(e.terms) == 0 && e.c == c }

// Equal reports whether a and b are the same expression; unknown ones never are.
func (e Expr) Equal(o Expr) bool {
	if e.unknown || o.unknown || e.c != o.c || len(e.terms) != len(o.terms) {
		return false
	}
	for i := range e.terms {
		if e.terms[i].coef != o.terms[i].coef || e.terms[i].key != o.terms[i].key {
			return false
		}
	}
	return true
}

// size counts the atoms of e.
func (e Expr) size() int {
	n := 1
	for _, t := range e.terms {
		for _, f := range t.factors {
			n += f.atom.size
		}
	}
	return n
}

// bounded gives e, or unknown if it grew too large.
func (e Expr) bounded() Expr {
	if len(e.terms) > maxTerms || e.size() > maxSize {
		return Unknown()
	}
	return e
}

func ofAtom(a *atom) Expr {
	fs := []factor{{a, 1}}
	return Expr{terms: []term{{1, fs, productKey(fs)}}}
}

// Add is a + b.
func Add(a, b Expr) Expr {
	c, ok := addInt(a.c, b.c)
	if a.unknown || b.unknown || !ok {
		return Unknown()
	}
	if len(a.terms) == 0 && len(b.terms) == 0 {
		return Expr{c: c}
	}
	out := Expr{c: c, terms: make([]term, 0, len(a.terms)+len(b.terms))}
	i, j := 0, 0
	for i < len(a.terms) || j < len(b.terms) {
		switch {
		case j == len(b.terms) || i < len(a.terms) && a.terms[i].key < b.terms[j].key:
			out.terms = append(out.terms, a.terms[i])
			i++
		case i == len(a.terms) || a.terms[i].key > b.terms[j].key:
			out.terms = append(out.terms, b.terms[j])
			j++
		default:
			t := a.terms[i]
			if t.coef, ok = addInt(t.coef, b.terms[j].coef); !ok {
				return Unknown()
			}
			if t.coef != 0 {
				out.terms = append(out.terms, t)
			}
			i, j = i+1, j+1
		}
	}
	return out.bounded()
}

// Sub is a − b.
func Sub(a, b Expr) Expr { return Add(a, Neg(b)) }

// Neg is −a.
func Neg(a Expr) Expr { return scale(a, -1) }

func scale(a Expr, k int64) Expr {
	c, ok := mulInt(a.c, k)
	if a.unknown || !ok {
		return Unknown()
	}
	out := Expr{c: c}
	if k == 0 || len(a.terms) == 0 {
		return out
	}
	out.terms = slices.Clone(a.terms)
	for i := range out.terms {
		if out.terms[i].coef, ok = mulInt(out.terms[i].coef, k); !ok {
			return Unknown()
		}
	}
	return out
}

// Mul is a · b.
func Mul(a, b Expr) Expr {
	if a.Is(0) || b.Is(0) {
		return Const(0)
	}
	if a.unknown || b.unknown {
		return Unknown()
	}
	if len(a.terms) == 0 {
		return scale(b, a.c)
	}
	if len(b.terms) == 0 {
		return scale(a, b.c)
	}
	if len(a.terms)*len(b.terms) > maxTerms {
		return Unknown()
	}
	out := Add(Add(scale(Expr{terms: a.terms}, b.c), scale(Expr{terms: b.terms}, a.c)), Const(0))
	c, ok := mulInt(a.c, b.c)
	if !ok {
		return Unknown()
	}
	out = Add(out, Const(c))
	for _, x := range a.terms {
		for _, y := range b.terms {
			t, ok := mulTerm(x, y)
			if !ok {
				return Unknown()
			}
			out = Add(out, Expr{terms: []term{t}})
		}
	}
	return out
}

func mulTerm(x, y term) (term, bool) {
	coef, ok := mulInt(x.coef, y.coef)
	fs := make([]factor, 0, len(x.factors)+len(y.factors))
	i, j := 0, 0
	for i < len(x.factors) || j < len(y.factors) {
		switch {
		case j == len(y.factors) || i < len(x.factors) && x.factors[i].atom.key < y.factors[j].atom.key:
			fs = append(fs, x.factors[i])
			i++
		case i == len(x.factors) || x.factors[i].atom.key > y.factors[j].atom.key:
			fs = append(fs, y.factors[j])
			j++
		default:
			fs = append(fs, factor{x.factors[i].atom, x.factors[i].pow + y.factors[j].pow})
			i, j = i+1, j+1
		}
	}
	return term{coef, fs, productKey(fs)}, ok
}

// Product multiplies sizes.
func Product(dims []Expr) Expr {
	p := Const(1)
	for _, d := range dims {
		p = Mul(p, d)
	}
	return p
}

// Max is the larger of a and b, Min the smaller; sizes are taken to be at least
// as large as their symbols' least values.
func Max(a, b Expr) Expr { return extremum(maximum, a, b) }

// Min is the smaller of a and b.
func Min(a, b Expr) Expr { return extremum(minimum, a, b) }

func extremum(op atomOp, a, b Expr) Expr {
	if a.unknown || b.unknown {
		return Unknown()
	}
	d := Sub(a, b)
	lo, hi := d.bounds()
	larger, smaller := a, b
	switch {
	case lo >= 0:
	case hi <= 0:
		larger, smaller = b, a
	default:
		x, y := a.String(), b.String()
		if x > y {
			a, b, x, y = b, a, y, x
		}
		name := "max"
		if op == minimum {
			name = "min"
		}
		at := &atom{key: name + "(" + x + ", " + y + ")", op: op, a: a, b: b, size: a.size() + b.size()}
		return ofAtom(at).bounded()
	}
	if op == maximum {
		return larger
	}
	return smaller
}

// bounds gives an interval that holds e.
func (e Expr) bounds() (lo, hi float64) {
	if e.unknown {
		return math.Inf(-1), math.Inf(1)
	}
	lo, hi = float64(e.c), float64(e.c)
	for _, t := range e.terms {
		tl, th := float64(t.coef), float64(t.coef)
		for _, f := range t.factors {
			al, ah := f.atom.bounds()
			for range f.pow {
				tl, th = mulInterval(tl, th, al, ah)
			}
		}
		lo, hi = lo+tl, hi+th
	}
	if math.IsNaN(lo) || math.IsNaN(hi) {
		return math.Inf(-1), math.Inf(1)
	}
	return lo, hi
}

func mulInterval(a, b, c, d float64) (lo, hi float64) {
	mul := func(x, y float64) float64 {
		if x == 0 || y == 0 {
			return 0
		}
		return x * y
	}
	p := []float64{mul(a, c), mul(a, d), mul(b, c), mul(b, d)}
	return slices.Min(p), slices.Max(p)
}

func (a *atom) bounds() (lo, hi float64) {
	switch a.op {
	case symbol:
		return float64(a.min), math.Inf(1)
	case quotient:
		nl, nh := a.a.bounds()
		if d, ok := a.b.Const(); ok && d > 0 {
			return math.Floor(nl / float64(d)), math.Floor(nh / float64(d))
		}
		if dl, _ := a.b.bounds(); nl >= 0 && dl >= 1 {
			return 0, nh
		}
		return math.Inf(-1), math.Inf(1)
	}
	al, ah := a.a.bounds()
	bl, bh := a.b.bounds()
	if a.op == maximum {
		return max(al, bl), max(ah, bh)
	}
	return min(al, bl), min(ah, bh)
}

// AtLeast reports whether e is certainly no less than c.
func (e Expr) AtLeast(c int64) bool {
	lo, _ := e.bounds()
	return !e.unknown && lo >= float64(c)
}

// made reports how many symbols of e inference made up.
func (e Expr) made() int {
	n := 0
	for _, t := range e.terms {
		for _, f := range t.factors {
			switch {
			case f.atom.op != symbol:
				n += f.atom.a.made() + f.atom.b.made()
			case f.atom.fresh:
				n++
			}
		}
	}
	return n
}

// lone gives the symbol that e consists of, or nil.
func (e Expr) lone() *atom {
	if e.unknown || e.c != 0 || len(e.terms) != 1 || e.terms[0].coef != 1 {
		return nil
	}
	fs := e.terms[0].factors
	if len(fs) != 1 || fs[0].pow != 1 || fs[0].atom.op != symbol {
		return nil
	}
	return fs[0].atom
}

// replace rebuilds e with each symbol replaced by what with gives for it.
func (e Expr) replace(with func(*atom) (Expr, bool)) Expr {
	if e.unknown || len(e.terms) == 0 {
		return e
	}
	out := Const(e.c)
	for _, t := range e.terms {
		p := Const(t.coef)
		for _, f := range t.factors {
			x := f.atom.replace(with)
			for range f.pow {
				p = Mul(p, x)
			}
		}
		out = Add(out, p)
	}
	return out
}

func (a *atom) replace(with func(*atom) (Expr, bool)) Expr {
	if a.op == symbol {
		if x, ok := with(a); ok {
			return x
		}
		return ofAtom(a)
	}
	x, y := a.a.replace(with), a.b.replace(with)
	switch a.op {
	case quotient:
		return Div(x, y)
	case maximum:
		return Max(x, y)
	}
	return Min(x, y)
}

// Eval gives the number e is when each symbol has the size that size gives.
func (e Expr) Eval(size func(symbol string) (int64, bool)) (int64, bool) {
	return e.replace(func(a *atom) (Expr, bool) {
		n, ok := size(a.key)
		if !ok {
			return Unknown(), true
		}
		return Const(n), true
	}).Const()
}

func addInt(a, b int64) (int64, bool) {
	s := a + b
	return s, (s > a) == (b > 0)
}

func mulInt(a, b int64) (int64, bool) {
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, a == 0 || b == 0
	}
	hi, lo := bits.Mul64(uint64(abs(a)), uint64(abs(b)))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	return a * b, true
}

func abs(x int64) int64 {
	if x < 0 {
		return -x
	}
	return x
}

func gcd(a, b int64) int64 {
	a, b = abs(a), abs(b)
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func productKey(fs []factor) string {
	if len(fs) == 1 && fs[0].pow == 1 {
		return fs[0].atom.key
	}
	var parts []string
	for _, f := range fs {
		for range f.pow {
			parts = append(parts, f.atom.operand())
		}
	}
	return strings.Join(parts, "*")
}
