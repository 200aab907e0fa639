package draw

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

const head = "<ir_version: 10, opset_import: [\"\" : 21]>\n"

const net = head + `net (float[n,2] x, float[n,2] "a<&\"'b") => (float[n,2] y)
<float[2,2] w = {1, 2, 3, 4}, float[2,2] "aat/w" = {0, 0, 0, 0}, float[n,2] h>
{
   k = Constant <value = float {2}> ()
   h = MatMul (x, w)
   [first] r = Relu (h)
   ["aat/up"] u = MatMul (r, "aat/w")
   ["aat/sum"] v = Add (r, u)
   s = Mul (v, k)
   [branch] t = If (s) <then_branch = a () => (float c) { c = Exp (h) }, else_branch = b () => (float d) { d = Abs (x) }>
   y = Sub (t, "a<&\"'b")
}`

func parse(t testing.TB, text string) *gs.Model {
	t.Helper()
	m, err := gs.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func svg(t testing.TB, g *gs.Graph, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := SVG(&b, g, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// words are the texts of an SVG, which must be well-formed XML without anything
// from outside the file.
func words(t testing.TB, picture string) []string {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(picture))
	var out []string
	for inText := false; ; {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		switch x := tok.(type) {
		case xml.StartElement:
			inText = x.Name.Local == "text"
			for _, a := range x.Attr {
				if a.Name.Local == "href" || strings.Contains(a.Value, "url(") || strings.Contains(a.Value, "://") && a.Name.Local != "xmlns" {
					t.Errorf("%s refers to %s", x.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			if inText && len(strings.TrimSpace(string(x))) > 0 {
				out = append(out, string(x))
			}
		}
	}
	return out
}

func TestSVG(t *testing.T) {
	m := parse(t, net)
	got := strings.Join(words(t, svg(t, m.Graph, Options{Title: "a <model> & more", Class: ByPrefix("aat/")})), "\n")
	for _, want := range []string{"a <model> & more", "frozen\nadded\ntrainable", "MatMul\nw [2, 2]", "Relu\nfirst", "up\nw [2, 2]", "Mul\n{2}", "If\nbranch\n{then_branch}\n{else_branch}", `a<&"'b`, "[n, 2]"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "Constant") {
		t.Error("the constant has a box, want it folded")
	}
}

func TestGroups(t *testing.T) {
	m := parse(t, net)
	g := m.Graph
	inner := Region([]*gs.Value{g.Value("h")}, []*gs.Value{g.Value("s")})
	if got := labels(inner); got != "k first aat/up aat/sum s" {
		t.Errorf("the region is %s", got)
	}
	adapter := Region([]*gs.Value{g.Value("r")}, []*gs.Value{g.Value("v")})
	o := Options{Class: ByPrefix("aat/"), Groups: []Group{{Name: "block", Nodes: inner, Groups: []Group{{Name: "adapter", Nodes: adapter}}}}}
	got := strings.Join(words(t, svg(t, g, o)), "\n")
	for _, want := range []string{"block", "adapter", "Relu"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	o.Groups[0].Collapsed = true
	got = strings.Join(words(t, svg(t, g, o)), "\n")
	if want := "block\n2 frozen + 1 added + 1 trainable nodes\n4 trainable parameters"; !strings.Contains(got, want) || strings.Contains(got, "Relu") {
		t.Errorf("no %q, or a node of it, in\n%s", want, got)
	}
	o = Options{Nodes: inner}
	got = strings.Join(words(t, svg(t, g, o)), "\n")
	if !strings.HasPrefix(got, "h\n[n, 2]") && !strings.Contains(got, "\nh\n[n, 2]") || strings.Contains(got, "Sub") {
		t.Errorf("a part is drawn with %s", got)
	}
}

func labels(nodes []*gs.Node) string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Label())
	}
	return strings.Join(out, " ")
}

// TestLayout draws nets of many shapes: boxes stand apart, edges go from box to
// box, down, and two drawings are the same.
func TestLayout(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
	}{
		{"no node", head + "g (float x) => (float x) {}"},
		{"nothing", head + "g () => () {}"},
		{"the net", net},
		{"a chain", ladder(40, 0)},
		{"short skips", ladder(60, 2)},
		{"long skips", ladder(60, 17)},
		{"a thousand nodes", ladder(1000, 9)},
	} {
		for _, grouped := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, grouped), func(t *testing.T) {
				g := parse(t, c.text).Graph
				o := Options{}
				if nodes := g.Nodes(); grouped && len(nodes) > 6 {
					o.Groups = []Group{
						{Name: "start", Nodes: nodes[1:4]},
						{Name: "not convex", Nodes: []*gs.Node{nodes[0], nodes[5]}},
						{Name: "closed", Nodes: nodes[6 : len(nodes)-1], Collapsed: true},
					}
				}
				b := build(g, o)
				b.root.layout()
				checkScene(t, b.root)
				if one, two := svg(t, g, o), svg(t, g, o); one != two {
					t.Error("two drawings differ")
				}
			})
		}
	}
}

// ladder is a chain of n nodes, each reading also what stands skip before it.
func ladder(n, skip int) string {
	var b strings.Builder
	b.WriteString(head + "g (float v0) => (float v" + fmt.Sprint(n) + ") {\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "v%d = Sum (v%d, v%d)\n", i, i-1, max(0, i-1-i%(skip+1)))
	}
	return b.String() + "}"
}

func checkScene(t *testing.T, s *scene) {
	t.Helper()
	for i, a := range s.items {
		if a.inner != nil {
			checkScene(t, a.inner)
		}
		if a.x < 0 || a.y < 0 || a.x+a.w > s.w+0.01 || a.y+a.h > s.h+0.01 {
			t.Errorf("a box at %v, %v of %v × %v is out of the picture", a.x, a.y, a.w, a.h)
		}
		for _, b := range s.items[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Errorf("boxes %v and %v overlap", a.lines, b.lines)
			}
		}
	}
	for _, l := range s.links {
		from, to := l.path[0], l.path[len(l.path)-1]
		if l.back {
			from, to = to, from
		}
		a, b := l.ends()
		if from.x < a.x || from.x > a.x+a.w || from.y != a.y+a.h || to.x < b.x || to.x > b.x+b.w || to.y != b.y {
			t.Errorf("the edge of %q does not join its boxes", l.value.Name())
		}
		if from.y > to.y {
			t.Errorf("the edge of %q goes up", l.value.Name())
		}
	}
}

// TestCrossings: an order without crossings is found where there is one.
func TestCrossings(t *testing.T) {
	g := parse(t, head+`g (float a, float b, float c) => (float x, float y, float z) {
	x = Neg (c)
	y = Neg (a)
	z = Neg (b)
}`).Graph
	b := build(g, Options{})
	for _, it := range b.root.items {
		it.measure()
	}
	b.root.rank()
	grid := newGrid(b.root)
	grid.number()
	if grid.crossings() == 0 {
		t.Fatal("nothing crosses at first, so the test shows nothing")
	}
	grid.arrange()
	if n := grid.crossings(); n != 0 {
		t.Errorf("%d edges cross, want none", n)
	}
}

func TestDOT(t *testing.T) {
	m := parse(t, net)
	g := m.Graph
	inner := Region([]*gs.Value{g.Value("h")}, []*gs.Value{g.Value("s")})
	var b bytes.Buffer
	if err := DOT(&b, g, Options{Title: `a "title"`, Class: ByPrefix("aat/"), Groups: []Group{{Name: "block", Nodes: inner}}}); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{`digraph "a \"title\"" {`, "subgraph cluster_0 {", `label="Relu\nfirst"`, `fillcolor="#ffe8cc"`, `a<&\"'b`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if n := strings.Count(got, " -> "); n != 12 {
		t.Errorf("%d edges, want 12 in\n%s", n, got)
	}
}
