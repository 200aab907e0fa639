package draw

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// look is how a class is drawn.
type look struct {
	fill, stroke, text string
	width              float64
}

var looks = [...]look{
	Plain:     {"#ffffff", "#868e96", "#212529", 1},
	Frozen:    {"#e9ecef", "#adb5bd", "#495057", 1},
	Added:     {"#d3f9d8", "#2b8a3e", "#14532d", 2.5},
	Trainable: {"#ffe8cc", "#d9480f", "#7c2d12", 2.5},
	Changed:   {"#fff3bf", "#e67700", "#5c3c00", 2.5},
	Removed:   {"#ffe3e3", "#c92a2a", "#862e2e", 1.5},
}

const edgeColor = "#868e96"

// SVG writes a picture of the graph. The error is that of w alone.
func SVG(w io.Writer, g *gs.Graph, o Options) error {
	b := build(g, o)
	b.root.layout()
	p := &painter{Writer: bufio.NewWriter(w), builder: b}
	p.picture()
	return p.Flush()
}

// painter writes SVG elements.
type painter struct {
	*bufio.Writer
	*builder
}

func (p *painter) put(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// num writes a coordinate with at most one decimal.
func num(x float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}

// esc makes a text safe between tags and in attributes. Characters that XML does
// not have become U+FFFD.
func esc(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}

func (p *painter) picture() {
	s := p.root
	legend := p.legendWidth()
	head := 0.0
	if s.name != "" || legend > 0 {
		head = 34
	}
	w := max(s.w, width(s.name, 14, true)+legend+3*margin)
	p.put("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%s\" height=\"%s\" viewBox=\"0 0 %s %s\" font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\" font-size=\"%d\">\n",
		num(w), num(s.h+head), num(w), num(s.h+head), fontSize)
	p.put("<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n")
	if s.name != "" {
		p.put("<title>%s</title>\n<text x=\"%d\" y=\"22\" font-size=\"14\" font-weight=\"bold\" fill=\"#212529\">%s</text>\n", esc(s.name), margin, esc(s.name))
	}
	p.legend(w - legend)
	p.put("<g transform=\"translate(%s %s)\">\n", num((w-s.w)/2), num(head))
	p.scene(s)
	p.put("</g>\n</svg>\n")
}

func (p *painter) legendWidth() float64 {
	w := 0.0
	for c := Frozen; c <= Removed; c++ {
		if p.used[c] {
			w += width(c.String(), fontSize, false) + 34
		}
	}
	return w
}

func (p *painter) legend(x float64) {
	for c := Frozen; c <= Removed; c++ {
		if !p.used[c] {
			continue
		}
		p.put("<rect x=\"%s\" y=\"11\" width=\"16\" height=\"13\" rx=\"3\" %s/><text x=\"%s\" y=\"22\" fill=\"#495057\">%s</text>\n", num(x), style(c), num(x+21), c)
		x += width(c.String(), fontSize, false) + 34
	}
}

// style fills a collapsed group as most of its nodes are.
func (p *painter) style(it *item) string {
	if it.kind != groupItem {
		return style(it.class)
	}
	return strings.Replace(style(it.class), looks[it.class].fill, looks[it.fill].fill, 1)
}

func style(c Class) string {
	l := looks[c]
	s := fmt.Sprintf("fill=\"%s\" stroke=\"%s\" stroke-width=\"%s\"", l.fill, l.stroke, num(l.width))
	if c == Removed {
		s += " stroke-dasharray=\"5 3\""
	}
	return s
}

// scene writes boxes of groups, edges, then all else, so that text is on top.
func (p *painter) scene(s *scene) {
	for _, it := range s.items {
		if it.inner != nil {
			p.group(it)
		}
	}
	for _, l := range s.links {
		p.link(l)
	}
	for _, it := range s.items {
		if it.inner == nil && it.kind != entryItem && it.kind != exitItem {
			p.box(it)
		}
	}
	p.shapes(s)
}

func (p *painter) group(it *item) {
	p.put("<g transform=\"translate(%s %s)\">\n<rect width=\"%s\" height=\"%s\" rx=\"8\" fill=\"#f8f9fa\" stroke=\"#ced4da\"/>\n", num(it.x), num(it.y), num(it.w), num(it.h))
	p.put("<text x=\"%d\" y=\"15\" font-weight=\"bold\" fill=\"#495057\">%s</text>\n", padding, esc(it.inner.name))
	p.scene(it.inner)
	p.put("</g>\n")
}

func (p *painter) box(it *item) {
	l := looks[it.class]
	if it.kind == groupItem {
		l = looks[it.fill]
	}
	radius := 4.0
	switch it.kind {
	case groupItem:
		radius = 8
	case portItem:
		radius = it.h / 2
	}
	p.put("<g><title>%s</title><rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"%s\" %s/>", esc(it.tip), num(it.x), num(it.y), num(it.w), num(it.h), num(radius), p.style(it))
	y := it.y + padding/2 + fontSize
	for i, t := range it.lines {
		size := ""
		if i > 0 {
			size = " font-size=\"10\" opacity=\"0.85\""
		}
		if t.bold {
			size += " font-weight=\"bold\""
		}
		p.put("<text x=\"%s\" y=\"%s\" text-anchor=\"middle\" fill=\"%s\"%s>%s</text>", num(it.x+it.w/2), num(y), l.text, size, esc(t.text))
		y += lineHeight
	}
	p.put("</g>\n")
}

// link writes an edge: straight down beside boxes, curved between layers.
func (p *painter) link(l *link) {
	color, w := edgeColor, "1.2"
	if l.class >= Added && l.class <= Trainable {
		color, w = looks[l.class].stroke, "2.2"
	}
	p.put("<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" d=\"M%s %s", color, w, num(l.path[0].x), num(l.path[0].y))
	end := l.path[len(l.path)-1]
	arrow := l.to.inner == nil && l.to.kind != exitItem
	for i := 1; i < len(l.path); i++ {
		a, b := l.path[i-1], l.path[i]
		if arrow && i == len(l.path)-1 {
			b.y -= 3
		}
		if a.x == b.x {
			p.put("V%s", num(b.y))
			continue
		}
		mid := (a.y + b.y) / 2
		p.put("C%s %s %s %s %s %s", num(a.x), num(mid), num(b.x), num(mid), num(b.x), num(b.y))
	}
	p.put("\"/>\n")
	if arrow {
		p.put("<path fill=\"%s\" d=\"M%s %sl-3.5 -7h7z\"/>\n", color, num(end.x), num(end.y))
	}
}

// shapes writes the type of each value once, where it leaves its item.
func (p *painter) shapes(s *scene) {
	type place struct {
		from  *item
		value *gs.Value
	}
	seen := map[place]bool{}
	for _, l := range s.links {
		at := place{l.from, l.value}
		if seen[at] || l.from.kind == portItem || l.from.kind == entryItem || l.from.inner != nil {
			continue
		}
		seen[at] = true
		if text := p.Type(l.value); text != "" {
			p.put("<text x=\"%s\" y=\"%s\" font-size=\"9\" fill=\"#868e96\" stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\">%s</text>\n",
				num(l.path[0].x+5), num(l.path[0].y+12), esc(short(text, 40)))
		}
	}
}
