package infer

import (
	"math"
	"testing"
)

// TestCanonicalText: what is equal by the rules of Div has one text, and that text
// reads back as the same expression.
func TestCanonicalText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"batch*197", "batch*197"},
		{"197*batch", "batch*197"},
		{"s0 + 1", "s0 + 1"},
		{"1 + s0", "s0 + 1"},
		{"2*s0 - s0", "s0"},
		{"s0 - s0", "0"},
		{"(time + 2)//160", "(time + 2)//160"},
		{"floor((time - 400)/160) + 1", "(time - 240)//160"},
		{"((t//5)//2)//2", "t//20"},
		{"(8*h + w)//8", "h + w//8"},
		{"(4*h + 6)//8", "(h + 1)//2"},
		{"-(-x//2)", "(x + 1)//2"},
		{"x%8 + 8*(x//8)", "x"},
		{"h + (8 - h%8)%8", "((h + 7)//8)*8"},
		{"(a + b)*(a - b)", "a*a - b*b"},
		{"a*b*c//(b*c)", "a"},
		{"(a*b + b)//b", "a + 1"},
		{"Max(1, s0)", "s0"},
		{"Min(5, s0)", "min(5, s0)"},
		{"ceiling(s1/4)", "(s1 + 3)//4"},
		{"s0**2", "s0*s0"},
		{"unk__12", "unk__12"},
		{"not an expression", "not an expression"},
		{"a/b", "a/b"},
		{"", ""},
	} {
		ctx := NewContext(0)
		got := ctx.Parse(c.in)
		if got.String() != c.want {
			t.Errorf("%q reads as %q, want %q", c.in, got, c.want)
		}
		if again := ctx.Parse(got.String()); !again.Equal(got) {
			t.Errorf("%q does not read back: %q", got, again)
		}
	}
}

// FuzzExpr: an expression's canonical form has the value that its text has, and
// reads back.
func FuzzExpr(f *testing.F) {
	for _, s := range []string{"(a + 2*b)//3 - a%4", "max(a, b - 3)*min(a, 7)", "-(-a//b)", "((a//3 + 1)//2 + b)//5"} {
		f.Add(s, uint8(3), uint8(9))
	}
	f.Fuzz(func(t *testing.T, text string, a, b uint8) {
		ctx := NewContext(0)
		e := ctx.Parse(text)
		sizes := map[string]int64{"a": int64(a) + 1, "b": int64(b) + 1}
		get := func(s string) (int64, bool) { n, ok := sizes[s]; return n, ok }
		want, wok := e.Eval(get)
		again := ctx.Parse(e.String())
		if len(e.String()) <= 400 && !again.Equal(e) {
			t.Fatalf("%q reads as %q, which reads as %q", text, e, again)
		}
		if got, ok := again.Eval(get); ok != wok || got != want {
			if len(e.String()) <= 400 {
				t.Fatalf("%q is %d, %v; read back %d, %v", e, want, wok, got, ok)
			}
		}
	})
}

// TestQuotientValue compares the canonical quotient with Go's integers at many
// points: rewriting must not change the value.
func TestQuotientValue(t *testing.T) {
	ctx := NewContext(0)
	x, y := ctx.Symbol("x"), ctx.Symbol("y")
	for _, ca := range []int64{-5, -1, 1, 2, 6} {
		for _, cb := range []int64{-3, 0, 4} {
			for _, c := range []int64{-7, 0, 3} {
				for _, d := range []int64{-4, 1, 2, 3, 8} {
					num := Add(Add(scale(x, ca), scale(y, cb)), Const(c))
					e := Div(num, Const(d))
					nested := Div(Add(e, Const(1)), Const(3))
					for xv := int64(1); xv < 12; xv++ {
						yv := xv*7%5 + 1
						get := func(s string) (int64, bool) {
							if s == "x" {
								return xv, true
							}
							return yv, true
						}
						want := int64(math.Floor(float64(ca*xv+cb*yv+c) / float64(d)))
						if got, ok := e.Eval(get); !ok || got != want {
							t.Fatalf("(%d·x + %d·y + %d)//%d = %q is %d at x = %d, want %d", ca, cb, c, d, e, got, xv, want)
						}
						want = int64(math.Floor(float64(want+1) / 3))
						if got, ok := nested.Eval(get); !ok || got != want {
							t.Fatalf("%q is %d at x = %d, want %d", nested, got, xv, want)
						}
					}
				}
			}
		}
	}
}

// TestOverflow: arithmetic that does not fit gives up.
func TestOverflow(t *testing.T) {
	big := Const(math.MaxInt64)
	for name, e := range map[string]Expr{
		"sum": Add(big, Const(1)), "product": Mul(big, Const(2)), "difference": Sub(Const(math.MinInt64), Const(1)),
		"negation": Neg(Const(math.MinInt64)), "by zero": Div(big, Const(0)),
	} {
		if !e.IsUnknown() {
			t.Errorf("%s is %s, want unknown", name, e)
		}
	}
}
