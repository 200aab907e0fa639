package draw

import (
	"bytes"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// FuzzSVG draws any graph, broken ones too: well-formed XML, boxes apart.
func FuzzSVG(f *testing.F) {
	f.Add(net, uint8(2))
	f.Add(ladder(20, 5), uint8(3))
	f.Add(head+"g (x) => (x) { y = A (z) z = A (y) = B (y) }", uint8(1))
	f.Fuzz(func(t *testing.T, text string, step uint8) {
		m, err := gs.ParseText(text)
		if err != nil || len(m.Graph.Nodes()) > 200 {
			return
		}
		o := Options{Title: text[:min(len(text), 20)], Class: ByPrefix("a")}
		for i, n := range m.Graph.Nodes() { // every few nodes into one of three groups
			if step > 0 && i%int(step) == 0 {
				for len(o.Groups) < 3 {
					o.Groups = append(o.Groups, Group{Name: string(text[len(o.Groups)%len(text)]), Collapsed: len(o.Groups) == 1})
				}
				g := &o.Groups[i/int(step)%3]
				g.Nodes = append(g.Nodes, n)
			}
		}
		words(t, svg(t, m.Graph, o))
		b := build(m.Graph, o)
		b.root.layout()
		checkScene(t, b.root)
		if err := DOT(&bytes.Buffer{}, m.Graph, o); err != nil {
			t.Fatal(err)
		}
	})
}
