package pattern

import (
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// build makes a graph from x by patch operations; the function's result is the
// graph's output.
func build(t *testing.T, f func(p *gs.Patch, x gs.Wire) gs.Wire) *View {
	t.Helper()
	m, err := gs.Parse(testutil.SeedModel(17, "Identity", "", 5, 8))
	if err != nil {
		t.Fatal(err)
	}
	p := m.NewPatch("n")
	y := f(p, p.Tap(m.Graph.Input("x")))
	p.TrustTypes() // the nets differ in rank, and only their structure matters
	p.ReplaceOutput(m.Graph.Output("y"), p.Add("Identity", y), gs.Dim{Value: -1})
	p.Prune()
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	return Look(m.Graph, nil)
}

func num(p *gs.Patch, x float32) gs.Wire {
	return p.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []float32{x})})
}

func named(name string) gs.Operand { return gs.OutName(name) }

// attempt matches at every node and gives the first match, or the best miss.
func attempt(p *Pattern, v *View) (*Match, *Miss) {
	for m := range p.All(v) {
		return m, nil
	}
	var best *Miss
	for _, n := range v.Graph().Nodes() {
		if _, miss := p.At(v, n.Output(0)); best == nil || len(miss.Matched) > len(best.Matched) {
			best = miss
		}
	}
	return nil, best
}

func TestOpMatchesOperandsInEitherOrder(t *testing.T) {
	x := Var("x")
	p := New("bias", Op("Add", Op("Relu", x), Fixed("b")).Commutes())
	for _, swapped := range []bool{false, true} {
		v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
			a, b := p.Add("Relu", x), num(p, 2)
			if swapped {
				a, b = b, a
			}
			return p.Add("Add", a, b, named("sum"))
		})
		m, miss := attempt(p, v)
		if m == nil {
			t.Fatalf("swapped %v: %v", swapped, miss)
		}
		if m.Value("x").Name() != "x" || m.Result().Name() != "sum" || len(m.Nodes()) != 2 {
			t.Errorf("swapped %v: x is %q, result %q, %d nodes", swapped, m.Value("x").Name(), m.Result().Name(), len(m.Nodes()))
		}
	}
}

func TestRepeatedVarMustBeOneValue(t *testing.T) {
	x := Var("x")
	square := New("square", Op("Mul", x, x))
	same := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire { return p.Add("Mul", x, x) })
	if m, miss := attempt(square, same); m == nil {
		t.Errorf("x·x: %v", miss)
	}
	other := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire { return p.Add("Mul", x, p.Add("Relu", x)) })
	if m, _ := attempt(square, other); m != nil {
		t.Error("x·relu(x) was taken for a square")
	}
}

func TestSharedExpressionBacktracks(t *testing.T) {
	// The first operand order leads into a dead end only behind the second product.
	a, b := Var("a"), Var("b")
	p := New("difference of squares", Op("Mul", Op("Add", a, b).Commutes(), Op("Sub", a, b)))
	v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		r := p.Add("Relu", x, named("r"))
		return p.Add("Mul", p.Add("Add", r, x), p.Add("Sub", x, r))
	})
	m, miss := attempt(p, v)
	if m == nil {
		t.Fatal(miss)
	}
	if m.Value("a").Name() != "x" || m.Value("b").Name() != "r" {
		t.Errorf("a is %q, b is %q; want x and r", m.Value("a").Name(), m.Value("b").Name())
	}
}

func TestInputsLeftOutAndOver(t *testing.T) {
	clip := func(p *gs.Patch, operands ...gs.Operand) gs.Wire { return p.Add("Clip", operands...) }
	tests := []struct {
		name  string
		build func(p *gs.Patch, x gs.Wire) gs.Wire
		want  *Expr
		fits  bool
	}{
		{"optional given", func(p *gs.Patch, x gs.Wire) gs.Wire { return clip(p, x, num(p, 0)) }, Op("Clip", Var("x"), Opt(Fixed("lo")), Opt(Fixed("hi"))), true},
		{"optional left out", func(p *gs.Patch, x gs.Wire) gs.Wire { return clip(p, x, gs.Omit(), num(p, 1)) }, Op("Clip", Var("x"), Opt(Fixed("lo")), Opt(Fixed("hi"))), true},
		{"required left out", func(p *gs.Patch, x gs.Wire) gs.Wire { return clip(p, x) }, Op("Clip", Var("x"), Fixed("lo")), false},
		{"one too many", func(p *gs.Patch, x gs.Wire) gs.Wire { return clip(p, x, num(p, 0), num(p, 1)) }, Op("Clip", Var("x"), Fixed("lo")), false},
		{"rest", func(p *gs.Patch, x gs.Wire) gs.Wire { return clip(p, x, num(p, 0), num(p, 1)) }, Op("Clip", Var("x"), Rest()), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, miss := attempt(New("clip", test.want), build(t, test.build))
			if (m != nil) != test.fits {
				t.Errorf("match %v, want %v (%v)", m != nil, test.fits, miss)
			}
		})
	}
}

// TestMissNamesWhereItStopped: the best partial match is told, not the last.
func TestMissNamesWhereItStopped(t *testing.T) {
	p := New("softplus", Op("Log", Op("Add", Op("Exp", Var("x")), Scalar(1, 0)).Commutes()))
	tests := []struct {
		name    string
		build   func(p *gs.Patch, x gs.Wire) gs.Wire
		matched int
		want    string
	}{
		{"other constant", func(p *gs.Patch, x gs.Wire) gs.Wire {
			return p.Add("Log", p.Add("Add", num(p, 2), p.Add("Exp", x)))
		}, 3, "want the constant 1, got the constant 2"},
		{"other function", func(p *gs.Patch, x gs.Wire) gs.Wire {
			return p.Add("Log", p.Add("Add", p.Add("Tanh", x, gs.Named("squash")), num(p, 1)))
		}, 2, `at Tanh "squash": want Exp, got Tanh`},
		{"nothing", func(p *gs.Patch, x gs.Wire) gs.Wire { return p.Add("Relu", x) }, 0, "want Log, got"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, miss := attempt(p, build(t, test.build))
			if m != nil {
				t.Fatal("it matched")
			}
			if len(miss.Matched) != test.matched || !strings.Contains(miss.String(), test.want) {
				t.Errorf("got %q after %d nodes, want %q after %d", miss, len(miss.Matched), test.want, test.matched)
			}
		})
	}
}

func TestAnchorClimbsToTheResult(t *testing.T) {
	exp := Op("Exp", Var("x"))
	p := New("softplus", Op("Log", Op("Add", Via(Layout(), exp), Scalar(1, 0)).Commutes())).Anchor(exp)
	v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		e := p.Add("Exp", x, named("e"))
		p.Add("Relu", e) // another reader, tried first
		return p.Add("Log", p.Add("Add", num(p, 1), p.Add("Identity", p.Add("Transpose", e))), named("end"))
	})
	m, miss := p.At(v, v.Graph().Value("e"))
	if m == nil {
		t.Fatal(miss)
	}
	if m.Result().Name() != "end" || len(m.Nodes()) != 5 {
		t.Errorf("result %q with %d nodes, want end with 5", m.Result().Name(), len(m.Nodes()))
	}
}

func TestSeveralResults(t *testing.T) {
	x := Data("x")
	sum := Op("Add", x, Fixed("b")).Commutes()
	p := New("sum and its square", sum, Op("Mul", sum, sum))
	v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		s := p.Add("Add", x, num(p, 1), named("s"))
		return p.Add("Add", p.Add("Mul", s, s, named("sq")), s)
	})
	m, miss := attempt(p, v)
	if m == nil {
		t.Fatal(miss)
	}
	if m.Results()[0].Name() != "s" || m.Results()[1].Name() != "sq" {
		t.Errorf("results %q and %q", m.Results()[0].Name(), m.Results()[1].Name())
	}
}

func TestViaNeedsOneSource(t *testing.T) {
	rotated := func(two bool) func(p *gs.Patch, x gs.Wire) gs.Wire {
		return func(p *gs.Patch, x gs.Wire) gs.Wire {
			a := p.Add("Tanh", x, named("a"))
			b := a
			if two {
				b = p.Add("Tanh", p.Add("Relu", x), named("b"))
			}
			return p.Add("Relu", p.Add("Add", p.Add("Mul", a, num(p, 2)), p.Add("Neg", b)), named("end"))
		}
	}
	class := Either("arithmetic", Arithmetic(), Ops("sign", "Neg"))
	one := New("of one", Op("Relu", Via(class, Op("Tanh", Var("")).As("source"))))
	if m, miss := attempt(one, build(t, rotated(false))); m == nil || m.Value("source").Name() != "a" {
		t.Errorf("one source on two paths: %v", miss)
	}
	two := build(t, rotated(true))
	_, miss := one.At(two, two.Graph().Value("end"))
	if miss == nil || !strings.Contains(miss.String(), "2 of them") {
		t.Errorf("two sources: got %v, want a refusal that says 2", miss)
	}
	each := New("of any", Op("Relu", Via(class, Op("Tanh", Op("Relu", Var(""))).As("source")).Each()))
	if m, miss := attempt(each, two); m == nil || m.Value("source").Name() != "b" {
		t.Errorf("any of two sources: %v", miss)
	}
}

func TestConeNamesTheFunction(t *testing.T) {
	cone := Cone(Data("x"), Activations()...)
	p := New("activation", Op("Neg", cone)) // Neg pins where the expression ends
	tests := []struct {
		want  string
		build func(p *gs.Patch, x gs.Wire) gs.Wire
	}{
		{"gelu", func(p *gs.Patch, x gs.Wire) gs.Wire {
			e := p.Add("Erf", p.Add("Div", x, p.Add("Sqrt", num(p, 2))))
			return p.Add("Mul", num(p, 0.5), p.Add("Mul", p.Add("Add", e, num(p, 1)), x))
		}},
		{"gelu_tanh", func(p *gs.Patch, x gs.Wire) gs.Wire {
			p.SetOpset("", 20) // which brought Gelu
			return p.Add("Gelu", x, gs.Attrs{"approximate": "tanh"})
		}},
		{"quick_gelu", func(p *gs.Patch, x gs.Wire) gs.Wire {
			return p.Add("Mul", x, p.Add("Sigmoid", p.Add("Mul", x, num(p, 1.702))))
		}},
		{"", func(p *gs.Patch, x gs.Wire) gs.Wire { return p.Add("Mul", x, p.Add("Erf", x)) }},
	}
	for _, test := range tests {
		v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
			return p.Add("Neg", test.build(p, p.Add("ReduceMax", x, named("start"))))
		})
		m, _ := attempt(p, v)
		switch {
		case m == nil && test.want != "":
			t.Errorf("%s was not recognised", test.want)
		case m != nil && (m.Function(cone) != test.want || m.Value("x").Name() != "start"):
			t.Errorf("got %q of %q, want %q of start", m.Function(cone), m.Value("x").Name(), test.want)
		}
	}
}

func TestClosedRefusesOutsideReaders(t *testing.T) {
	p := New("softplus", Op("Log", Op("Add", Op("Exp", Var("x")).As("e"), Scalar(1, 0)).Commutes())).Closed()
	alone := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		return p.Add("Log", p.Add("Add", p.Add("Exp", x), num(p, 1)))
	})
	if m, miss := attempt(p, alone); m == nil {
		t.Error(miss)
	}
	shared := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		e := p.Add("Exp", x)
		return p.Add("Mul", e, p.Add("Log", p.Add("Add", e, num(p, 1))))
	})
	if m, miss := attempt(p, shared); m != nil || !strings.Contains(miss.String(), "a reader outside, Mul") {
		t.Errorf("match %v, miss %v", m != nil, miss)
	}
}

func TestWhenSaysWhyNot(t *testing.T) {
	p := New("relu", Op("Relu", Var("x"))).When(func(v *View, m *Match) string {
		if m.Value("x").IsGraphInput() {
			return "it reads the graph's input"
		}
		return ""
	})
	v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire { return p.Add("Relu", p.Add("Relu", x), named("second")) })
	m, _ := attempt(p, v)
	if m == nil || m.Result().Name() != "second" {
		t.Error("the second Relu was not found")
	}
	if _, miss := p.At(v, v.Graph().Nodes()[0].Output(0)); miss == nil || !strings.Contains(miss.String(), "it reads the graph's input") {
		t.Errorf("got %v, want the condition's reason", miss)
	}
}

// TestBounded: a pattern with exponentially many assignments ends.
func TestBounded(t *testing.T) {
	e := Var("")
	for range 18 {
		e = Or(Op("Add", e, Var("")).Commutes(), Op("Add", Var(""), e).Commutes())
	}
	v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		for range 17 {
			x = p.Add("Add", x, x)
		}
		return x
	})
	if m, miss := attempt(New("deep", e), v); m != nil || miss == nil {
		t.Errorf("match %v, miss %v; want a miss", m != nil, miss)
	}
}
