package infer

import "math"

// FloatElem is a float constant as an element; a whole one is kept exactly.
func FloatElem(f float64) Elem {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return Int(int64(f))
	}
	return Elem{F: f, IsF: true}
}

// den is the element's denominator.
func (e Elem) den() int64 { return max(e.Den, 1) }

// float gives the element's number if it is a constant.
func (e Elem) float() (float64, bool) {
	if e.IsF {
		return e.F, true
	}
	c, ok := e.E.Const()
	return float64(c) / float64(e.den()), ok
}

// dyadic gives a float as a fraction with a small power of 2 below.
func dyadic(f float64) (num, den int64, ok bool) {
	for den = 1; den <= 1<<16; den *= 2 {
		if x := f * float64(den); x == math.Trunc(x) && math.Abs(x) < 1<<40 {
			return int64(x), den, true
		}
	}
	return 0, 1, false
}

// rational gives the element as a fraction, unknown if it is none.
func (e Elem) rational() (Expr, int64) {
	if !e.IsF {
		return e.E, e.den()
	}
	if n, d, ok := dyadic(e.F); ok {
		return Const(n), d
	}
	return Unknown(), 1
}

// fraction makes the element num/den in lowest terms.
func fraction(num Expr, den int64) Elem {
	if num.unknown || den == 0 {
		return unknownElem()
	}
	if den < 0 {
		num, den = Neg(num), -den
	}
	g := gcd(den, num.c)
	for _, t := range num.terms {
		g = gcd(g, t.coef)
	}
	if g > 1 {
		num, den = divConst(num, g), den/g
	}
	return Elem{E: num, Den: den}
}

func addElem(a, b Elem) Elem {
	if a.IsF || b.IsF {
		if x, y, ok := floats(a, b); ok {
			return FloatElem(x + y)
		}
	}
	an, ad := a.rational()
	bn, bd := b.rational()
	return join(an, ad, bn, bd, Add)
}

func subElem(a, b Elem) Elem {
	if a.IsF || b.IsF {
		if x, y, ok := floats(a, b); ok {
			return FloatElem(x - y)
		}
	}
	an, ad := a.rational()
	bn, bd := b.rational()
	return join(an, ad, bn, bd, Sub)
}

// join brings two fractions to one denominator and applies an operation to which
// that does not matter.
func join(an Expr, ad int64, bn Expr, bd int64, op func(a, b Expr) Expr) Elem {
	den, ok := mulInt(ad, bd)
	if !ok {
		return unknownElem()
	}
	return fraction(op(scale(an, bd), scale(bn, ad)), den)
}

func mulElem(a, b Elem) Elem {
	if a.IsF || b.IsF {
		if x, y, ok := floats(a, b); ok {
			return FloatElem(x * y)
		}
	}
	an, ad := a.rational()
	bn, bd := b.rational()
	den, ok := mulInt(ad, bd)
	if !ok {
		return unknownElem()
	}
	return fraction(Mul(an, bn), den)
}

// divFloat divides floating-point elements.
func divFloat(a, b Elem) Elem {
	if x, y, ok := floats(a, b); ok && y != 0 {
		return FloatElem(x / y)
	}
	an, ad := a.rational()
	bn, bd := b.rational()
	num, den := scale(an, bd), scale(bn, ad)
	if q, ok := DivExact(num, den); ok {
		return Elem{E: q}
	}
	if d, ok := den.Const(); ok {
		return fraction(num, d)
	}
	return unknownElem()
}

// divInt divides integer elements as the operator Div does: towards 0. A numerator
// of unknown sign is taken for the size that it mostly is.
func divInt(a, b Elem) Elem {
	x, y := a.Whole(), b.Whole()
	xc, xok := x.Const()
	yc, yok := y.Const()
	if xok && yok {
		if yc == 0 || xc == math.MinInt64 {
			return unknownElem()
		}
		return Int(xc / yc)
	}
	if _, hi := x.bounds(); hi <= 0 {
		return Elem{E: Neg(Div(Neg(x), y))}
	}
	return Elem{E: Div(x, y)}
}

// modElem is the operator Mod on integers.
func modElem(a, b Elem) Elem {
	if y, ok := b.Whole().Const(); ok && y == math.MinInt64 {
		return unknownElem()
	}
	return Elem{E: Mod(a.Whole(), b.Whole())}
}

// fmodElem is Mod with fmod set: the sign is the dividend's.
func fmodElem(a, b Elem) Elem {
	if x, y, ok := floats(a, b); ok && y != 0 {
		return FloatElem(math.Mod(x, y))
	}
	return unknownElem()
}

func maxElem(a, b Elem) Elem { return extremeElem(a, b, Max, math.Max) }
func minElem(a, b Elem) Elem { return extremeElem(a, b, Min, math.Min) }

func extremeElem(a, b Elem, op func(a, b Expr) Expr, f func(a, b float64) float64) Elem {
	if a.IsF || b.IsF {
		if x, y, ok := floats(a, b); ok {
			return FloatElem(f(x, y))
		}
	}
	an, ad := a.rational()
	bn, bd := b.rational()
	return join(an, ad, bn, bd, op)
}

// floats gives two constants.
func floats(a, b Elem) (x, y float64, ok bool) {
	x, aok := a.float()
	y, bok := b.float()
	return x, y, aok && bok
}

// truncElem is a cast to an integer type; a fraction is taken to be positive
// unless it certainly is not.
func truncElem(a Elem) Elem {
	if a.IsF {
		if math.Abs(a.F) >= 1<<53 || math.IsNaN(a.F) {
			return unknownElem()
		}
		return Int(int64(math.Trunc(a.F)))
	}
	if _, hi := a.E.bounds(); hi <= 0 {
		return Elem{E: Neg(Div(Neg(a.E), Const(a.den())))}
	}
	return Elem{E: Div(a.E, Const(a.den()))}
}

func floorElem(a Elem) Elem {
	if a.IsF {
		return FloatElem(math.Floor(a.F))
	}
	return Elem{E: Div(a.E, Const(a.den()))}
}

func ceilElem(a Elem) Elem {
	if a.IsF {
		return FloatElem(math.Ceil(a.F))
	}
	return Elem{E: Ceil(a.E, Const(a.den()))}
}

// truth is a known boolean.
func truth(b bool) Elem {
	if b {
		return Int(1)
	}
	return Int(0)
}

// compare gives a function of the sign of a − b, if that is known.
func compare(a, b Elem, holds func(sign int) bool) Elem {
	if x, y, ok := floats(a, b); ok {
		switch {
		case x < y:
			return truth(holds(-1))
		case x > y:
			return truth(holds(1))
		}
		return truth(holds(0))
	}
	d := subElem(a, b)
	if d.IsF || d.E.unknown {
		return unknownElem()
	}
	lo, hi := d.E.bounds()
	switch {
	case lo == 0 && hi == 0:
		return truth(holds(0))
	case lo > 0:
		return truth(holds(1))
	case hi < 0:
		return truth(holds(-1))
	case lo >= 0 && holds(0) == holds(1):
		return truth(holds(0))
	case hi <= 0 && holds(0) == holds(-1):
		return truth(holds(0))
	}
	return unknownElem()
}
