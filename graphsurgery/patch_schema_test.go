package graphsurgery

import (
	"errors"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// TestApplyHoldsNewNodesAgainstSchemas: a new node that breaks a rule of its operator
// is refused, trusted types or not, and the model stays as it was.
func TestApplyHoldsNewNodesAgainstSchemas(t *testing.T) {
	tests := []struct {
		name string
		add  func(p *Patch, x Wire) Wire
		want string
	}{
		{"unknown operator", func(p *Patch, x Wire) Wire { return p.Add("Gelluu", x) }, "has no Gelluu"},
		{"input missing", func(p *Patch, x Wire) Wire { return p.Add("MatMul", x) }, "1 inputs, want 2"},
		{"input too many", func(p *Patch, x Wire) Wire { return p.Add("Relu", x, x) }, "2 inputs, want 1"},
		{"input blank", func(p *Patch, _ Wire) Wire { return p.Add("Relu", Wire{}) }, "input 0 (X) is blank"},
		{"output too many", func(p *Patch, x Wire) Wire { return p.Add("Relu", x, Outputs(2)) }, "2 outputs, want 1"},
		{"attribute unknown", func(p *Patch, x Wire) Wire { return p.Add("Softmax", x, Attrs{"axes": 1}) }, `no attribute "axes"`},
		{"attribute's type", func(p *Patch, x Wire) Wire { return p.Add("Softmax", x, Attrs{"axis": "x"}) }, "string, want int"},
		{"attribute missing", func(p *Patch, x Wire) Wire { return p.Add("Cast", x) }, `"to" is required`},
		{"withdrawn", func(p *Patch, x Wire) Wire {
			return p.Add("Upsample", x, p.FreshInitializer("s", NewTensor([]int64{2}, []float32{1, 1})))
		}, "withdrawn"},
		{"runtime's", func(p *Patch, x Wire) Wire {
			p.Import("com.microsoft", 1)
			return p.Add("BiasGelu", x, Domain("com.microsoft"))
		}, "1 inputs, want 2"},
		{"inside a branch", func(p *Patch, x Wire) Wire {
			part := parseText(t, `<ir_version: 8, opset_import: ["" : 17]> part (float[m] u, bool c) => (float[m] v) {
				v = If (c) <then_branch = yes () => (float[m] a) { a = Softmax <axes = 1> (u) }, else_branch = no () => (float[m] b) { b = Neg (u) }>
			}`)
			return p.Splice("", part.Graph, x, p.FreshInitializer("c", NewTensor(nil, []bool{true})))[0]
		}, `no attribute "axes"`},
	}
	for _, test := range tests {
		for _, trust := range []bool{false, true} {
			m := parseText(t, `<ir_version: 8, opset_import: ["" : 17]> g (float[4] x) => (float[4] y) { y = Neg (x) }`)
			before := m.Text()
			p, x := m.NewPatch("t"), m.Graph.Value("x")
			p.InsertAfter(x, test.add(p, p.Tap(x)))
			if trust {
				p.TrustTypes()
			}
			err := p.Apply()
			var broken *FormatError
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), test.want) || broken.Op == "" {
				t.Errorf("%s, trust %v: got %v, want a FormatError that says %s", test.name, trust, err, test.want)
			}
			if m.Text() != before {
				t.Errorf("%s: the model changed", test.name)
			}
		}
	}
}

// TestApplyNamesTheOpsetOfALaterOperator, and takes the operator where the same patch
// raises the operator set.
func TestApplyNamesTheOpsetOfALaterOperator(t *testing.T) {
	const tiny = "../testdata/tinyast/tinyast-ts17.onnx"
	add := func(op string, opset int64) error {
		m, err := Load(tiny)
		if err != nil {
			t.Fatal(err)
		}
		p, v := m.NewPatch("t"), m.Graph.Outputs()[0]
		p.InsertAfter(v, p.Add(op, p.Tap(v)))
		if opset > 0 {
			p.SetOpset("", opset)
		}
		return p.Apply()
	}
	for op, hint := range map[string]string{"Gelu": "passes.ConvertOpset(20)", "Swish": "export the model with version 24"} {
		var late *UnsupportedError
		if err := add(op, 0); !errors.As(err, &late) || late.Opset != 17 || !strings.Contains(late.Hint, hint) {
			t.Errorf("%s: got %v, want an UnsupportedError whose hint says %s", op, err, hint)
		}
	}
	if err := add("Gelu", 20); err != nil {
		t.Error(err)
	}
}

// TestApplyTakesWhatNoSchemaDescribes: operators of other domains, functions of the
// model, and what was in the model before.
func TestApplyTakesWhatNoSchemaDescribes(t *testing.T) {
	m := parseText(t, `<ir_version: 8, opset_import: ["" : 17, "local" : 1, "com.example" : 1, "com.microsoft" : 1]>
		g (float[4] x) => (float[4] y) { h = local.F (x) y = Odd (h) }
		<domain: "local", opset_import: ["" : 17]> F (a) => (b) { b = Odder (a) }`)
	p, x := m.NewPatch("t"), m.Graph.Value("x")
	w := p.Add("F", p.Tap(x), Domain("local"))
	w = p.Add("Anything", w, Omit(), Domain("com.example"), Attrs{"k": "v"})
	w = p.Add("NotInTheTable", w, Domain("com.microsoft"))
	p.InsertAfter(x, w)
	apply(t, p)
	p = m.NewPatch("inline")
	p.Inline(m.Graph.Value("h").Producer())
	apply(t, p)
}

// TestAddRefusesNoOperand: nil, and a pointer to an operand, are mistakes.
func TestAddRefusesNoOperand(t *testing.T) {
	for want, operand := range map[string]Operand{"nil": nil, "*graphsurgery.Wire": &Wire{}} {
		m, err := Parse(testutil.SeedModel(17, "Identity", "", 5, 8))
		if err != nil {
			t.Fatal(err)
		}
		p, x := m.NewPatch("t"), m.Graph.Input("x")
		p.InsertAfter(x, p.Add("Relu", p.Tap(x), operand))
		if err := p.Apply(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %s", err, want)
		}
	}
}

// TestApplyJudgesAttributesThatAreSet: those that a node of the model gets or loses are
// held against its schema, and nothing else of the node.
func TestApplyJudgesAttributesThatAreSet(t *testing.T) {
	for _, c := range []struct {
		name, attr string
		value      any
		want       string
	}{
		{"unknown", "axes", 1, `no attribute "axes"`},
		{"of another type", "axis", "x", "string, want int"},
		{"demanded", "to", nil, `"to" is required`},
		{"right", "axis", 0, ""},
	} {
		m := parseText(t, `<ir_version: 8, opset_import: ["" : 17]> g (float[4] x) => (float[4] y) {
			s = Softmax <axis = -1> (x)
			y = Cast <to = 1, odd = 3> (s)
		}`)
		before := m.Text()
		n := m.Graph.Nodes()[0]
		if c.attr == "to" {
			n = m.Graph.Nodes()[1]
		}
		p := m.NewPatch("t")
		p.SetAttr(n, c.attr, c.value)
		err := p.Apply()
		var broken *FormatError
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: got %v", c.name, err)
			}
			continue
		}
		if !errors.As(err, &broken) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a FormatError that says %s", c.name, err, c.want)
		}
		if m.Text() != before {
			t.Errorf("%s: the model changed", c.name)
		}
	}
}

// TestSpliceJudgesFunctions: so are the bodies of functions that come along.
func TestSpliceJudgesFunctions(t *testing.T) {
	part := parseText(t, `<ir_version: 8, opset_import: ["" : 17, "local" : 1]> part (float[4] u) => (float[4] v) { v = local.Odd (u) }
		<domain: "local", opset_import: ["" : 17]> Odd (a) => (b) { b = Softmax <axes = 1> (a) }`)
	m := parseText(t, `<ir_version: 8, opset_import: ["" : 17]> g (float[4] x) => (float[4] y) { y = Neg (x) }`)
	p, x := m.NewPatch("t"), m.Graph.Value("x")
	p.InsertAfter(x, p.Splice("", part.Graph, p.Tap(x))[0])
	var broken *FormatError
	if err := p.Apply(); !errors.As(err, &broken) || !strings.Contains(err.Error(), `no attribute "axes"`) {
		t.Errorf("got %v, want a FormatError about the attribute", err)
	}
}
