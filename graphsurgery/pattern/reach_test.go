package pattern

import (
	"slices"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// wires builds x → Tanh "a" → Relu, Neg → Add "end", which is the fork that the
// tests of Via walk over.
func wires(p *gs.Patch, x gs.Wire) gs.Wire {
	a := p.Add("Tanh", x, named("a"))
	return p.Add("Add", p.Add("Relu", a, named("left")), p.Add("Neg", a, named("right")), named("end"))
}

// TestViaAny: two ways back share a value that is neither's nearest.
func TestViaAny(t *testing.T) {
	shared := Var("shared")
	both := Ops("step", "Relu", "Neg", "Tanh")
	p := New("fork", Op("Add", Via(both, shared).Any(), Via(both, shared).Any()))
	m, miss := attempt(p, build(t, wires))
	if m == nil {
		t.Fatal(miss)
	}
	if got := m.Value("shared").Name(); got != "a" {
		t.Errorf("shared is %q, want a, the nearest of both", got)
	}
	v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		return p.Add("Add", p.Add("Relu", p.Add("Exp", x)), p.Add("Neg", p.Add("Sin", x)), named("end"))
	})
	if m, _ := attempt(p, v); m != nil {
		t.Errorf("%q was taken for shared by ways that part behind nodes they do not pass", m.Value("shared").Name())
	}
}

// TestViaWay: the way is the shortest, and what it must pass is asked.
func TestViaWay(t *testing.T) {
	class := Ops("step", "Relu", "Neg", "Add")
	passing := func(op string) *Expr {
		return Via(class, Op("Tanh", Var("")).As("a")).Passing("a "+op, func(_ *View, way []*gs.Node) bool {
			return slices.ContainsFunc(way, func(n *gs.Node) bool { return n.Op() == op })
		})
	}
	v := build(t, wires)
	via := passing("Neg")
	m, miss := New("with Neg", via).At(v, v.Graph().Value("end"))
	if m == nil {
		t.Fatal(miss)
	}
	if way := m.Way(via); len(way) != 2 || way[0].Name() != "end" {
		t.Errorf("way %v, want end and left or right", way)
	}
	if _, miss := New("with Exp", passing("Exp")).At(v, v.Graph().Value("end")); miss == nil || !strings.Contains(miss.String(), "want a Exp, got Relu, Neg, Add") {
		t.Errorf("got %v, want that no Exp was passed", miss)
	}
}

// TestViaWholeAndAlone: other sources and other readers refuse a match, and the miss
// says so.
func TestViaWholeAndAlone(t *testing.T) {
	tanh := func() *Expr { return Op("Tanh", Var("")) }
	class := Ops("step", "Relu", "Add")
	tests := []struct {
		name  string
		via   *Expr
		build func(p *gs.Patch, x gs.Wire) gs.Wire
		want  string // of the miss; "" for a match
	}{
		{"whole", Via(class, tanh()).Whole(), func(p *gs.Patch, x gs.Wire) gs.Wire {
			a := p.Add("Tanh", x)
			return p.Add("Add", a, p.Add("Relu", a), named("end"))
		}, ""},
		{"whole, another source", Via(class, tanh()).Whole(), func(p *gs.Patch, x gs.Wire) gs.Wire {
			return p.Add("Add", p.Add("Tanh", x), p.Add("Exp", x), named("end"))
		}, "want Tanh alone, got also Exp"},
		{"whole, an input", Via(class, tanh()).Whole(), func(p *gs.Patch, x gs.Wire) gs.Wire {
			return p.Add("Add", p.Add("Tanh", x), p.Add("Relu", x), named("end"))
		}, "a value that no node computes"},
		{"not whole", Via(class, tanh()), func(p *gs.Patch, x gs.Wire) gs.Wire {
			return p.Add("Add", p.Add("Tanh", x), p.Add("Exp", x), named("end"))
		}, ""},
		{"alone", Via(class, tanh()).Alone(), func(p *gs.Patch, x gs.Wire) gs.Wire {
			return p.Add("Relu", p.Add("Relu", p.Add("Tanh", x)), named("end"))
		}, ""},
		{"alone, another reader", Via(class, tanh()).Alone(), func(p *gs.Patch, x gs.Wire) gs.Wire {
			a := p.Add("Tanh", x)
			return p.Add("Mul", p.Add("Relu", a, named("end")), p.Add("Exp", a))
		}, "2 readers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := build(t, test.build)
			m, miss := New("via", test.via).At(v, v.Graph().Value("end"))
			if test.want == "" && m == nil || test.want != "" && (m != nil || !strings.Contains(miss.String(), test.want)) {
				t.Errorf("match %v, miss %v; want %q", m != nil, miss, test.want)
			}
		})
	}
}

// softplus is a unit that the tests recognise by hand: Log(Exp(x)).
func softplus(v *View) Unit {
	p := New("softplus", Op("Log", Op("Exp", Var("x"))))
	return Unit{
		Name: "a softplus",
		Operands: func(x *gs.Value) []*gs.Value {
			if m, _ := p.At(v, x); m != nil {
				return []*gs.Value{m.Value("x")}
			}
			return nil
		},
		Results: func(x *gs.Value) []*gs.Value {
			var out []*gs.Value
			for m := range p.All(v) {
				if m.Value("x") == x {
					out = append(out, m.Result())
				}
			}
			return out
		},
	}
}

// TestUnits: what was recognised stands for one node, up, down and on the way.
func TestUnits(t *testing.T) {
	v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		s := p.Add("Log", p.Add("Exp", p.Add("Tanh", x, named("a"))), named("s"))
		return p.Add("Relu", s, named("end"))
	})
	unit := softplus(v)
	a := Op("Tanh", Var("")).As("a")
	node := New("node", Op("Relu", Of(unit, a)))
	if m, miss := node.At(v, v.Graph().Value("end")); m == nil || m.Value("a").Name() != "a" {
		t.Errorf("as a node: %v", miss)
	}
	if m, miss := New("up", Op("Relu", Of(unit, a))).Anchor(a).At(v, v.Graph().Value("a")); m == nil || m.Result().Name() != "end" {
		t.Errorf("up through it: %v", miss)
	}
	step := Ops("step", "Relu").Through(unit)
	if m, miss := New("way", Via(step, a)).At(v, v.Graph().Value("end")); m == nil {
		t.Errorf("as a step: %v", miss)
	}
	if m, _ := New("stopped", Via(step.But(func(x *gs.Value) bool { return x.Name() == "s" }), a)).At(v, v.Graph().Value("end")); m != nil {
		t.Error("a value that the class takes out was passed")
	}
	if _, miss := node.At(v, v.Graph().Value("s")); miss == nil || !strings.Contains(miss.String(), "want Relu, got Log") {
		t.Errorf("got %v, want a miss at Log", miss)
	}
}

// TestEvery: all results at one anchor, each once, and where there is none what the
// values made from it end at.
func TestEvery(t *testing.T) {
	x := Var("x")
	p := New("sum", Op("Add", Via(Ops("step", "Relu", "Neg"), x), Rest())).Anchor(x)
	v := build(t, func(p *gs.Patch, x gs.Wire) gs.Wire {
		a := p.Add("Relu", x)
		return p.Add("Mul", p.Add("Add", a, num(p, 1)), p.Add("Add", p.Add("Neg", a), num(p, 2)))
	})
	if all, _ := p.Every(v, v.Graph().Value("x")); len(all) != 2 {
		t.Errorf("%d sums, want 2", len(all))
	}
	v = build(t, func(p *gs.Patch, x gs.Wire) gs.Wire { return p.Add("Exp", p.Add("Relu", x)) })
	all, miss := p.Every(v, v.Graph().Value("x"))
	if len(all) != 0 || !strings.Contains(miss.String(), "want to be read by Add, perhaps behind step, got Exp") {
		t.Errorf("%d sums, miss %v", len(all), miss)
	}
}

// TestAnyOutput: a part of a Split is a part whichever it is.
func TestAnyOutput(t *testing.T) {
	m, err := gs.ParseText(`<ir_version: 8, opset_import: ["" : 17]>
g (float[4] x) => (float[2] end) {
	first, second = Split (x)
	end = Relu (second)
}`)
	if err != nil {
		t.Fatal(err)
	}
	v := Look(m.Graph, nil)
	if _, miss := New("first", Op("Relu", Op("Split", Var(""), Rest()))).At(v, v.Graph().Value("end")); miss == nil {
		t.Error("the second output was taken for the first")
	}
	if m, miss := New("any", Op("Relu", Op("Split", Var(""), Rest()).AnyOutput())).At(v, v.Graph().Value("end")); m == nil {
		t.Error(miss)
	}
}

// TestOver: quantisations between the nodes of a pattern do not count, down or up,
// and what they part is one value; but a view for replacements has none.
func TestOver(t *testing.T) {
	m, err := gs.ParseText(`<ir_version: 8, opset_import: ["" : 17]>
g (float[4] x) => (float[4] end) <float s = {0.1}> {
	a = Tanh (x)
	q = QuantizeLinear (a, s)
	d1 = DequantizeLinear (q, s)
	d2 = DequantizeLinear (q, s)
	e = Exp (d1)
	eq = QuantizeLinear (e, s)
	ed = DequantizeLinear (eq, s)
	end = Mul (ed, d2)
}`)
	if err != nil {
		t.Fatal(err)
	}
	x := Var("x")
	exp := Op("Exp", x)
	p := New("x·exp(x)", Op("Mul", exp, x)).Anchor(exp).Over(Quantising())
	v := Look(m.Graph, nil)
	got, miss := p.At(v, m.Graph.Value("e"))
	if got == nil {
		t.Fatal(miss)
	}
	if got.Result().Name() != "end" || len(got.Nodes()) != 2 {
		t.Errorf("result %q of %d nodes, want end of 2", got.Result().Name(), len(got.Nodes()))
	}
	if got, _ := p.At(LookExactly(m.Graph, nil), m.Graph.Value("e")); got != nil {
		t.Error("it matched over quantisations in a view for replacements")
	}
}
