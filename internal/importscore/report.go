package main

import (
	"fmt"
	"slices"
	"strings"
)

// forwardLimit is the bar: distance from ONNX Runtime's result. halfLimit is for
// networks in half precision, whose numbers have three digits.
const (
	forwardLimit = 1e-4
	halfLimit    = 3e-2
)

// right tells whether an export is within the bars.
func (s score) right() bool {
	limit := forwardLimit
	if s.Half {
		limit = halfLimit
	}
	return s.Refused == "" && s.Error == "" && s.Distance <= limit && (s.SameTop || s.Half) && len(s.Gradients.Over) == 0
}

// tally counts one group of exports.
type tally struct {
	exports, right, refused, broken, failed, wrong int
	parameters, compared, over, differently        int
	distance, gradient                             []float64
	compile                                        []float64
}

func (t *tally) add(s score) {
	t.exports++
	switch {
	case s.Refused != "":
		t.refused++
		return
	case s.Broken != "":
		t.broken++
		return
	case s.Error != "":
		t.failed++
		return
	case s.right():
		t.right++
	default:
		t.wrong++
	}
	t.distance = append(t.distance, s.Distance)
	t.compile = append(t.compile, s.Compile)
	if !s.SameTop {
		t.differently++
	}
	if g := s.Gradients; g.Parameters > 0 {
		t.gradient = append(t.gradient, g.Furthest)
		t.parameters, t.compared, t.over = t.parameters+g.Parameters, t.compared+g.Compared, t.over+len(g.Over)
	}
}

// report is the Markdown text: a table by variant, then everything that is not right.
func report(scores []score, o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Exports through the importer\n\nBackend %s. Distances from ONNX Runtime (rewriting off), relative to the largest element where that is above one; "+
		"gradients from PyTorch, relative Euclidean distance per parameter.\nRight: distance at most %.0e (half precision %.0e), the same class first, every gradient within %.0e.\n\n",
		o.backend, forwardLimit, halfLimit, gradientLimit)
	fmt.Fprintln(&b, "| variant | exports | right | refused | not valid | failed | wrong | other class first | median distance | largest | parameters compared | gradients over the bar | largest |")
	fmt.Fprintln(&b, "|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	groups := map[string]*tally{}
	var names []string
	for _, s := range scores {
		kind := "all that PyTorch wrote"
		if !s.Float {
			kind = "all that other tools transformed"
		}
		for _, name := range []string{s.Variant, kind} {
			if groups[name] == nil {
				groups[name] = &tally{}
				names = append(names, name)
			}
			groups[name].add(s)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		t := groups[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %.1e | %.1e | %d of %d | %d | %.1e |\n", name, t.exports, t.right, t.refused, t.broken, t.failed, t.wrong,
			t.differently, median(t.distance), largest(t.distance), t.compared, t.parameters, t.over, largest(t.gradient))
	}
	fmt.Fprintf(&b, "\n## Not right\n\n")
	for _, s := range scores {
		if !s.right() {
			fmt.Fprintf(&b, "- %s\n", s.line())
			for _, g := range s.Gradients.Over {
				fmt.Fprintf(&b, "  - gradient of %s\n", g)
			}
		}
	}
	return strings.ReplaceAll(b.String(), o.corpus+"/", "")
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

func largest(x []float64) float64 {
	worst := 0.0
	for _, v := range x {
		worst = max(worst, v)
	}
	return worst
}
