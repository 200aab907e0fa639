package infer

import (
	"strconv"
	"strings"
)

// Context is what the rules of one inference share: the symbols, and the
// equalities that operators demanded.
type Context struct {
	MaxElements int // of a tensor whose elements are followed

	symbols map[string]*atom
	equal   map[*atom]Expr // symbols made up that turned out to be something else
	learnt  []*atom        // the keys of equal, as they came
}

// Mark is a moment in a context, before a body is inferred that may not run.
type Mark struct{ learnt, made int }

// Mark gives the moment now.
func (c *Context) Mark() Mark { return Mark{len(c.learnt), len(c.symbols)} }

// Forget drops the equalities found since, which hold only where the body runs:
// all of them, or just those of symbols that are older than the body.
func (c *Context) Forget(m Mark, all bool) {
	left := c.learnt[:m.learnt]
	for _, s := range c.learnt[m.learnt:] {
		if all || s.made <= m.made {
			delete(c.equal, s)
		} else {
			left = append(left, s)
		}
	}
	c.learnt = left
}

// learn notes that a symbol is something else.
func (c *Context) learn(s *atom, e Expr) {
	if _, known := c.equal[s]; !known {
		c.learnt = append(c.learnt, s)
	}
	c.equal[s] = e
}

// NewContext gives an empty one; max below 1 means 1024 elements.
func NewContext(max int) *Context {
	if max < 1 {
		max = 1024
	}
	return &Context{MaxElements: max, symbols: map[string]*atom{}, equal: map[*atom]Expr{}}
}

// Symbol gives the size of that name, taken to be at least 1.
func (c *Context) Symbol(name string) Expr {
	a := c.symbols[name]
	if a == nil {
		a = &atom{key: name, min: 1, size: 1, made: len(c.symbols) + 1}
		c.symbols[name] = a
	}
	return ofAtom(a)
}

// Fresh gives a new symbol named after base, which may be 0.
func (c *Context) Fresh(base string) Expr {
	base = strings.Map(func(r rune) rune {
		if r < 0x80 && !isWord(byte(r)) || r == ':' {
			return '_'
		}
		return r
	}, base)
	base = strings.TrimLeft(base, "_")
	if base == "" || base[0] >= '0' && base[0] <= '9' {
		base = "_" + base
	}
	if len(base) > 120 {
		base = base[len(base)-120:]
	}
	name := base
	for i := 1; c.symbols[name] != nil; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	a := &atom{key: name, fresh: true, size: 1, made: len(c.symbols) + 1}
	c.symbols[name] = a
	return ofAtom(a)
}

// Resolve gives e with the known equalities put in.
func (c *Context) Resolve(e Expr) Expr {
	if len(c.equal) == 0 || len(e.terms) == 0 {
		return e
	}
	for range 8 { // chains of equalities are short
		changed := false
		e = e.replace(func(a *atom) (Expr, bool) {
			x, ok := c.equal[a]
			changed = changed || ok
			return x, ok
		})
		if !changed {
			break
		}
	}
	return e
}

// Merge gives the better of two expressions that are known to be the same number,
// and remembers it if one of them is a symbol made up here. It is false if they
// are different numbers.
func (c *Context) Merge(a, b Expr) (Expr, bool) {
	a, b = c.Resolve(a), c.Resolve(b)
	switch {
	case a.unknown:
		return b, true
	case b.unknown || a.Equal(b):
		return a, true
	}
	if contradict(a, b) {
		return a, false
	}
	if better(b, a) {
		a, b = b, a
	}
	if s := b.lone(); s != nil && s.fresh && !a.mentions(s) {
		c.learn(s, a)
	}
	return a, true
}

// contradict reports whether a and b certainly differ.
func contradict(a, b Expr) bool {
	_, aok := a.Const()
	_, bok := b.Const()
	if aok && bok {
		return a.c != b.c
	}
	d, ok := Sub(a, b).Const()
	return ok && d != 0
}

// better reports whether b says more than a: a number, fewer symbols made up.
func better(b, a Expr) bool {
	if _, ok := a.Const(); ok {
		return false
	}
	if _, ok := b.Const(); ok {
		return true
	}
	if x, y := b.made(), a.made(); x != y {
		return x < y
	}
	return false
}

func (e Expr) mentions(s *atom) bool {
	found := false
	e.replace(func(a *atom) (Expr, bool) {
		found = found || a == s
		return Expr{}, false
	})
	return found
}

// Bind makes a lone symbol that number, wherever it occurs.
func (c *Context) Bind(e Expr, n int64) {
	if s := e.lone(); s != nil {
		c.learn(s, Const(n))
	}
}

// HasEqual reports whether [Context.Resolve] may change anything.
func (c *Context) HasEqual() bool { return len(c.equal) > 0 }
