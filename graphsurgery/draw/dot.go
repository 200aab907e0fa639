package draw

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// DOT writes the graph for Graphviz: the same boxes, groups and colours as
// [SVG], laid out by dot. The error is that of w alone.
func DOT(w io.Writer, g *gs.Graph, o Options) error {
	b := build(g, o)
	d := &dot{bufio.NewWriter(w), b}
	fmt.Fprintf(d, "digraph %s {\n", dotString(o.Title))
	fmt.Fprintf(d, "  label=%s; labelloc=t;\n  node [shape=box, style=\"rounded,filled\", fontname=\"DejaVu Sans\", fontsize=10, margin=\"0.08,0.04\"];\n", dotString(o.Title))
	fmt.Fprintf(d, "  edge [fontname=\"DejaVu Sans\", fontsize=8, fontcolor=\"#868e96\", color=\"%s\"];\n", edgeColor)
	d.scene(b.root, "  ")
	for _, l := range b.whole {
		d.edge(l)
	}
	fmt.Fprintln(d, "}")
	return d.Flush()
}

type dot struct {
	*bufio.Writer
	*builder
}

func (d *dot) scene(s *scene, indent string) {
	for _, it := range s.items {
		switch {
		case it.inner != nil:
			fmt.Fprintf(d, "%ssubgraph cluster_%d {\n%s  label=%s; style=\"rounded,filled\"; color=\"#ced4da\"; fillcolor=\"#f8f9fa\";\n", indent, it.id, indent, dotString(it.inner.name))
			d.scene(it.inner, indent+"  ")
			fmt.Fprintf(d, "%s}\n", indent)
		case it.kind != entryItem && it.kind != exitItem:
			d.box(it, indent)
		}
	}
}

func (d *dot) box(it *item, indent string) {
	lines := make([]string, len(it.lines))
	for i, l := range it.lines {
		lines[i] = l.text
	}
	l := looks[it.class]
	fill, shape := l.fill, ""
	switch it.kind {
	case groupItem:
		fill = looks[it.fill].fill
	case portItem:
		shape = ", shape=oval"
	}
	style := ""
	if it.class == Removed {
		style = ", style=\"rounded,filled,dashed\""
	}
	fmt.Fprintf(d, "%sn%d [label=%s, tooltip=%s, fillcolor=\"%s\", color=\"%s\", fontcolor=\"%s\", penwidth=%s%s%s];\n",
		indent, it.id, dotString(strings.Join(lines, "\n")), dotString(it.tip), fill, l.stroke, l.text, num(l.width), shape, style)
}

func (d *dot) edge(l *link) {
	look := ""
	if l.class == Added || l.class == Trainable {
		look = fmt.Sprintf(", color=\"%s\", penwidth=2", looks[l.class].stroke)
	}
	label := ""
	if l.from.kind != portItem {
		label = short(d.Type(l.value), 40)
	}
	fmt.Fprintf(d, "  n%d -> n%d [label=%s%s];\n", l.from.id, l.to.id, dotString(label), look)
}

// dotString quotes a text for DOT; a backslash would begin one of its escapes.
func dotString(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\ufffd")
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "").Replace(s) + `"`
}
