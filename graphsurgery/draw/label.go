package draw

import (
	"strconv"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// nodeLines are operator, the end of the name, attributes that fit, and the
// constants read.
func nodeLines(n *gs.Node) []line {
	op := n.Op()
	if n.Domain() != "" {
		op = n.Domain() + "." + op
	}
	lines := []line{{op, true}}
	if name := tail(n.Name(), n.Op()); name != "" {
		lines = append(lines, line{short(name, 28), false})
	}
	shown := 0
	for _, name := range n.AttrNames() {
		if n.Subgraph(name) != nil {
			lines = append(lines, line{"{" + name + "}", false})
			continue
		}
		if text := n.AttrText(name, gs.Elide(6)); len(text) <= 28 && shown < 2 {
			lines = append(lines, line{text, false})
			shown++
		}
	}
	for _, v := range n.Inputs() {
		if text := constant(v); text != "" {
			lines = append(lines, line{text, false})
		}
	}
	return lines
}

// constant writes an initialiser or a folded constant: its value, or a few
// integers, else the end of its name and its shape.
func constant(v *gs.Value) string {
	if v == nil {
		return ""
	}
	t := v.Initializer()
	if t == nil && v.Producer() != nil && folds(v.Producer()) {
		if t = v.Producer().Tensor("value"); t == nil {
			return short(v.Producer().Text(gs.Elide(4)), 28)
		}
	}
	if t == nil {
		return ""
	}
	if t.Len() == 1 || t.Len() <= 4 && !t.DType().IsFloat() {
		text := t.Text(gs.Elide(4))
		if i := strings.IndexByte(text, '{'); i >= 0 && len(text)-i <= 44 {
			return strings.NewReplacer("-9223372036854775808", "min", "-9223372036854775807", "min", "9223372036854775807", "max").Replace(text[i:])
		}
	}
	return short(tail(v.Name(), ""), 20) + " " + shape(gs.Known(t.Shape()...))
}

// tail is the telling end of a name: its last part, or the last two if the last
// one only repeats the operator.
func tail(name, op string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == ':' })
	if len(parts) == 0 {
		return ""
	}
	last := parts[len(parts)-1]
	if op == "" { // a tensor: keep what its module is called
		dots := strings.Split(last, ".")
		return strings.Join(dots[max(0, len(dots)-2):], ".")
	}
	if last == op || strings.HasPrefix(last, op+"_") {
		if len(parts) == 1 {
			return ""
		}
		return parts[len(parts)-2] + "/" + last
	}
	return last
}

// short cuts the middle out of a text of more than n characters.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 1) / 3
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// thousands groups digits: 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// The sizes of text, in pixels. Widths are those of DejaVu Sans, the widest of
// the fonts that browsers take for sans-serif.
const (
	fontSize   = 11
	lineHeight = 14
	padding    = 7
)

// width is about how wide a text is drawn.
func width(s string, size float64, bold bool) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("ijl.,:;'|!()[]/{}I ", r):
			w += 0.38
		case strings.ContainsRune("mwMW@%", r):
			w += 0.92
		case r >= 'A' && r <= 'Z':
			w += 0.7
		default:
			w += 0.61
		}
	}
	if bold {
		w *= 1.1
	}
	return w * size
}

// measure sets the size of a leaf's box from its text.
func (it *item) measure() {
	switch it.kind {
	case entryItem, exitItem:
		it.w, it.h = 8, 0
		return
	}
	it.w, it.h = 30, float64(len(it.lines))*lineHeight+padding
	for i, l := range it.lines {
		size := float64(fontSize)
		if i > 0 {
			size--
		}
		it.w = max(it.w, width(l.text, size, l.bold)+2*padding)
	}
}
