package infer

import (
	"strconv"
	"strings"
)

// String gives the canonical text, "?" if unknown: terms in order, coefficients
// behind their product, the constant last, quotients as a//b.
func (e Expr) String() string {
	if e.unknown {
		return "?"
	}
	if len(e.terms) == 0 {
		return strconv.FormatInt(e.c, 10)
	}
	if a := e.lone(); a != nil {
		return a.key
	}
	if s, ok := e.absorbed(); ok {
		return s
	}
	var b strings.Builder
	for i, t := range e.terms {
		coef := t.coef
		switch {
		case i > 0 && coef < 0:
			b.WriteString(" - ")
			coef = -coef
		case i > 0:
			b.WriteString(" + ")
		case coef == -1:
			b.WriteByte('-')
		}
		text := t.key
		if len(t.factors) == 1 && t.factors[0].pow == 1 && coef != 1 {
			text = t.factors[0].atom.operand()
		}
		b.WriteString(text)
		if coef != 1 && coef != -1 {
			b.WriteString("*" + strconv.FormatInt(coef, 10))
		}
	}
	switch {
	case e.c > 0:
		b.WriteString(" + " + strconv.FormatInt(e.c, 10))
	case e.c < 0:
		b.WriteString(" - " + strings.TrimPrefix(strconv.FormatInt(e.c, 10), "-"))
	}
	return b.String()
}

// absorbed writes x//k + c as (x + c·k)//k, the form a reader knows.
func (e Expr) absorbed() (string, bool) {
	if e.c == 0 || len(e.terms) != 1 || e.terms[0].coef != 1 {
		return "", false
	}
	fs := e.terms[0].factors
	if len(fs) != 1 || fs[0].pow != 1 || fs[0].atom.op != quotient {
		return "", false
	}
	k, ok := fs[0].atom.b.Const()
	ck, fits := mulInt(e.c, k)
	num := Add(fs[0].atom.a, Const(ck))
	if !ok || !fits || num.unknown {
		return "", false
	}
	return operand(num) + "//" + operand(fs[0].atom.b), true
}

// operand is the atom's text as a factor of a product.
func (a *atom) operand() string {
	if a.op == quotient {
		return "(" + a.key + ")"
	}
	return a.key
}

// operand is e's text beside //.
func operand(e Expr) string {
	if _, ok := e.Const(); ok && e.c >= 0 || e.lone() != nil {
		return e.String()
	}
	return "(" + e.String() + ")"
}

// Parse reads the name of a dimension. What is an expression as [Expr.String] or
// PyTorch's exporter writes it ("s0 + 1", "2*s0", "(s1 - 1)//2", "floor(s0/4)",
// "Max(1, s0)") is read as one; any other name is a symbol.
func (c *Context) Parse(name string) Expr {
	p := &parser{c: c, text: name}
	num, den := p.sum()
	p.space()
	if p.bad || p.pos != len(p.text) || !den.Is(1) || num.unknown || len(name) > 400 {
		return c.Symbol(name)
	}
	return num
}

// parser reads rational expressions by recursive descent.
type parser struct {
	c     *Context
	text  string
	pos   int
	depth int
	bad   bool
}

func (p *parser) space() {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
}

func (p *parser) take(s string) bool {
	p.space()
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

func (p *parser) sum() (num, den Expr) {
	if p.depth++; p.depth > 40 {
		p.bad = true
		return Unknown(), Const(1)
	}
	defer func() { p.depth-- }()
	num, den = p.product()
	for !p.bad {
		switch {
		case p.take("+"):
			n, d := p.product()
			num, den = Add(Mul(num, d), Mul(n, den)), Mul(den, d)
		case p.take("-"):
			n, d := p.product()
			num, den = Sub(Mul(num, d), Mul(n, den)), Mul(den, d)
		default:
			return num, den
		}
	}
	return num, den
}

func (p *parser) product() (num, den Expr) {
	num, den = p.unary()
	for !p.bad {
		switch {
		case p.take("**"):
			n, d := p.unary()
			k, ok := n.Const()
			if p.bad = p.bad || !ok || !d.Is(1) || k < 0 || k > 8; p.bad {
				return num, den
			}
			bn, bd := num, den
			num, den = Const(1), Const(1)
			for range k {
				num, den = Mul(num, bn), Mul(den, bd)
			}
		case p.take("*"):
			n, d := p.unary()
			num, den = Mul(num, n), Mul(den, d)
		case p.take("//"):
			n, d := p.unary()
			num, den = Div(Mul(num, d), Mul(den, n)), Const(1)
		case p.take("/"):
			n, d := p.unary()
			num, den = Mul(num, d), Mul(den, n)
			if q, ok := DivExact(num, den); ok {
				num, den = q, Const(1)
			}
		case p.take("%"):
			n, d := p.unary()
			p.bad = p.bad || !d.Is(1) || !den.Is(1)
			num = Mod(num, n)
		default:
			return num, den
		}
	}
	return num, den
}

func (p *parser) unary() (num, den Expr) {
	if p.take("-") {
		if p.depth++; p.depth > 40 {
			p.bad = true
			return Unknown(), Const(1)
		}
		num, den = p.unary()
		p.depth--
		return Neg(num), den
	}
	return p.primary()
}

func (p *parser) primary() (num, den Expr) {
	if p.take("(") {
		num, den = p.sum()
		p.bad = p.bad || !p.take(")")
		return num, den
	}
	p.space()
	start := p.pos
	for p.pos < len(p.text) && isWord(p.text[p.pos]) {
		p.pos++
	}
	word := p.text[start:p.pos]
	if word == "" {
		p.bad = true
		return Unknown(), Const(1)
	}
	if word[0] >= '0' && word[0] <= '9' {
		n, err := strconv.ParseInt(word, 10, 64)
		p.bad = p.bad || err != nil
		return Const(n), Const(1)
	}
	if p.take("(") {
		return p.call(strings.ToLower(word)), Const(1)
	}
	return p.c.Symbol(word), Const(1)
}

func isWord(b byte) bool {
	return b == '_' || b == '.' || b == ':' || b >= 0x80 || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// call reads the arguments of a function and applies it.
func (p *parser) call(name string) Expr {
	var nums, dens []Expr
	for {
		n, d := p.sum()
		nums, dens = append(nums, n), append(dens, d)
		if p.bad || !p.take(",") {
			break
		}
	}
	if p.bad = p.bad || !p.take(")"); p.bad {
		return Unknown()
	}
	switch {
	case name == "floor" && len(nums) == 1:
		return Div(nums[0], dens[0])
	case (name == "ceil" || name == "ceiling") && len(nums) == 1:
		return Ceil(nums[0], dens[0])
	}
	for _, d := range dens {
		p.bad = p.bad || !d.Is(1)
	}
	switch {
	case p.bad || len(nums) != 2:
	case name == "max":
		return Max(nums[0], nums[1])
	case name == "min":
		return Min(nums[0], nums[1])
	case name == "mod" || name == "pythonmod":
		return Mod(nums[0], nums[1])
	case name == "floordiv" || name == "cleandiv":
		return Div(nums[0], nums[1])
	}
	p.bad = true
	return Unknown()
}
