package passes_test

import (
	"errors"
	"fmt"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// orderCase is a model on which the wrong order of two passes fails or leaves more
// nodes than the right one.
type orderCase struct {
	header string // instead of the usual one
	text   string
	target int64 // of convert-opset
	fails  bool  // the wrong order is an error
}

func orderCases() map[string]orderCase {
	const qkv = `g (float[1,2,4,8] q, float[1,2,8,4] k, float[1,2,4,8] v) => (float[1,2,4,8] y) `
	norm := `g (float[2,8] x, float[8] w, float[8] b) => (float[2,8] y) <float eps = {0.00001}, float two = {2}>
{
    m = ReduceMean<axes = [-1]>(x) c = Sub(x, m) s = Pow(c, two) v = ReduceMean<axes = [-1]>(s)
    e = Add(v, eps) d = Sqrt(e) n = Div(c, d) g = Mul(n, w) y = Add(g, b)
}`
	return map[string]orderCase{
		"repair before dead-nodes": {fails: true, header: `<ir_version: 8, opset_import: ["" : 17]>`, text: `
g (float[2] x) => (float[2] y) { y = com.microsoft.QuickGelu(x) dead = Neg(x) }`},
		"dead-nodes before convert-opset": {fails: true, target: 13, header: `<ir_version: 8, opset_import: ["" : 10]>`, text: `
g (int64[2] x) => (int64[2] y) <int64[1] d = {3}, int64[2] v = {0, 1}> { y = Neg(x) dead = OneHot(x, d, v) }`},
		"inline before convert-opset": {fails: true, target: 13, header: `<ir_version: 8, opset_import: ["" : 11, "local" : 1]>`, text: `
g (float[1,2] x) => (float[2] y) { y = local.drop<axes = [0]>(x) }
<domain: "local", opset_import: ["" : 11]> drop <axes> (p) => (q) { q = Squeeze<axes : ints = @axes>(p) }`},
		"inline before fold": {text: `
g (float[2] x) => (float[2] y) <float[2] c = {1, 4}> { r = local.root(c) y = Add(x, r) }
<domain: "local", opset_import: ["" : 17]> root (p) => (q) { q = Sqrt(p) }`},
		"inline before cse": {text: `
g (float[2] x) => (float[2] y) { a = Neg(x) b = local.two(x) y = Add(a, b) }
<domain: "local", opset_import: ["" : 17]> two (p) => (q) { r = Neg(p) q = Exp(r) }`},
		"convert-opset before fold": {target: 21, header: `<ir_version: 8, opset_import: ["" : 18]>`, text: `
g (float[1,4,3] x) => (float[1,4,3] y) <float[2] s = {1, 2}, float[2] b = {3, 4}> { y = GroupNormalization<num_groups = 2>(x, s, b) }`},
		"convert-opset before layer-norm": {fails: true, target: 17, header: `<ir_version: 8, opset_import: ["" : 13]>`, text: norm},
		"convert-opset before gelu":       {fails: true, target: 20, text: `g (float[2] x) => (float[2] y) { y = Neg(x) }`},
		"convert-opset before attention":  {fails: true, target: 23, text: qkv + `{ s = MatMul(q, k) p = Softmax(s) y = MatMul(p, v) }`},
		"identity before cse": {text: `
g (float[2] x) => (float[2] y) { i = Identity(x) a = Neg(x) b = Neg(i) y = Mul(a, b) }`},
		"fold before dedup": {text: `
g (float[2] x) => (float[2] y) <float[2] c = {1, 4}, float[2] d = {1, 2}> { r = Sqrt(c) a = Add(x, r) y = Add(a, d) }`},
		"dedup before cse": {text: `
g (float[2] x) => (float[2] y) <float[2] c = {1, 4}, float[2] d = {1, 4}> { a = Add(x, c) b = Add(x, d) y = Mul(a, b) }`},
		"fold before attention": {header: `<ir_version: 11, opset_import: ["" : 23]>`, text: qkv + `<int64 last = {3}>
{
    shape = Shape(q) width = Gather(shape, last) w = Cast<to = 1>(width) root = Sqrt(w)
    s = MatMul(q, k) d = Div(s, root) p = Softmax(d) y = MatMul(p, v)
}`},
		"identity before attention": {header: `<ir_version: 11, opset_import: ["" : 23]>`, text: qkv + `
{ s = MatMul(q, k) p = Softmax(s) d = Dropout(p) y = MatMul(d, v) }`},
	}
}

// TestOrderTable violates each row: the runner refuses, and running the passes one
// by one in the wrong order fails or leaves a larger model.
func TestOrderTable(t *testing.T) {
	cases := orderCases()
	for _, row := range passes.Order() {
		name := row.Before + " before " + row.After
		t.Run(name, func(t *testing.T) {
			c, ok := cases[name]
			if !ok {
				t.Fatal("the row has no case")
			}
			before, after := passNamed(t, row.Before, c.target), passNamed(t, row.After, c.target)
			var refused *passes.OrderError
			if _, err := passes.Run(c.parse(t), after, before); !errors.As(err, &refused) || refused.Row != row {
				t.Errorf("got %v, want an OrderError of this row", err)
			}
			right, err := sizeAfter(c.parse(t), before, after)
			if err != nil {
				t.Fatal(err)
			}
			wrong, err := sizeAfter(c.parse(t), after, before)
			switch {
			case c.fails && err == nil:
				t.Error("the wrong order did not fail")
			case !c.fails && err != nil:
				t.Error(err)
			case !c.fails && wrong <= right:
				t.Errorf("%d nodes and initialisers in the wrong order, %d in the right one", wrong, right)
			}
			delete(cases, name)
		})
	}
	for name := range cases {
		t.Errorf("case %q has no row", name)
	}
}

func (c orderCase) parse(t *testing.T) *gs.Model {
	t.Helper()
	if c.header == "" {
		return parse(t, "17", c.text)
	}
	m, err := gs.ParseText(c.header + c.text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func passNamed(t *testing.T, name string, target int64) passes.Pass {
	t.Helper()
	if name == "convert-opset" {
		return passes.ConvertOpset(target)
	}
	p, ok := passes.ByName(name)
	if !ok {
		t.Fatalf("no pass %q", name)
	}
	return p
}

// sizeAfter runs passes one by one, so that their order is not looked at.
func sizeAfter(m *gs.Model, list ...passes.Pass) (int, error) {
	for _, p := range list {
		if _, err := passes.Run(m, p); err != nil {
			return 0, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	n := len(m.Graph.Initializers())
	for _, g := range m.Graphs() {
		n += len(g.Nodes())
	}
	return n, nil
}
