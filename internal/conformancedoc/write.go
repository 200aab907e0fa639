package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aat-onnx/aat-onnx/internal/conformance"
)

// scores are the results on both backends, those with gradients on the Go
// backend, all in the same order, and the shapes at which importer's own tests
// check each operator's gradient.
type scores struct {
	xla, pure, grad []conformance.Result
	shapes          map[string]int
}

// shapesLine is what TestGradientsAreComplete logs of an operator.
var shapesLine = regexp.MustCompile(`gradient of (\S+): (\d+) shapes`)

// readShapes reads the log of importer's gradient tests, which must have passed.
func readShapes(path string) (map[string]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	shapes := make(map[string]int)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "FAIL") {
			return nil, fmt.Errorf("%s: the gradient tests failed", path)
		}
		if m := shapesLine.FindStringSubmatch(lines.Text()); m != nil {
			if shapes[m[1]], err = strconv.Atoi(m[2]); err != nil {
				return nil, err
			}
		}
	}
	if len(shapes) == 0 {
		return nil, fmt.Errorf("%s holds no line such as \"gradient of Add: 3 shapes\"", path)
	}
	return shapes, lines.Err()
}

// write prints the sections of this command.
func (s scores) write(w io.Writer) {
	fmt.Fprint(w, "# Conformance\n\nMeasured by `make conformance` on the backend tests that onnx 1.22 ships: node, simple, pytorch-converted and\n"+
		"pytorch-operator. Tolerances are onnx's (relative 1e-3, absolute 1e-7, DFT 1e-6); integers, types and shapes must agree exactly.\n\n")
	s.totals(w)
	s.operators(w)
	s.notPassed(w)
}

// totals prints the shares.
func (s scores) totals(w io.Writer) {
	fmt.Fprint(w, "| tests | backend | all | passed | wrong | refused | failed | share |\n|---|---|---|---|---|---|---|---|\n")
	for _, b := range []struct {
		name    string
		results []conformance.Result
	}{{"xla:cpu", s.xla}, {"go", s.pure}} {
		for _, k := range []struct {
			name string
			is   func(conformance.Result) bool
		}{
			{"all", func(conformance.Result) bool { return true }},
			{"float, plain", func(r conformance.Result) bool {
				return r.Kind == conformance.KindFloat && !conformance.Expanded(r.Name)
			}},
			{"float, expanded", func(r conformance.Result) bool {
				return r.Kind == conformance.KindFloat && conformance.Expanded(r.Name)
			}},
			{"float", func(r conformance.Result) bool { return r.Kind == conformance.KindFloat }},
			{"integer and boolean", func(r conformance.Result) bool { return r.Kind == conformance.KindInteger }},
			{"text and floats below 16 bits", func(r conformance.Result) bool { return r.Kind == conformance.KindOther }},
			{"of operators in the table", inTable},
		} {
			counts := conformance.Count(filter(b.results, k.is))
			all := 0
			for _, n := range counts {
				all += n
			}
			fmt.Fprintf(w, "| %s | %s | %d |", k.name, b.name, all)
			for _, o := range conformance.Outcomes {
				fmt.Fprintf(w, " %d |", counts[o])
			}
			fmt.Fprintf(w, " %.1f %% |\n", 100*float64(counts[conformance.Passed])/float64(max(1, all)))
		}
	}
	derivatives, tests := 0, 0
	for _, r := range s.grad {
		derivatives += r.Gradients
		if r.Gradients > 0 {
			tests++
		}
	}
	fmt.Fprintf(w, "\nA float test has a float output of 16 to 64 bits. Gradients: %d derivatives in %d of these tests agree with finite\n"+
		"differences on the Go backend, in float64 where the model can be had in it, besides importer's own gradient tests, which take each operator at three shapes or more.\n\n", derivatives, tests)
}

// inTable tells whether importer's table has the operator that a test needs.
func inTable(r conformance.Result) bool {
	return r.Outcome != conformance.Refused || !(strings.Contains(r.Error, ": operator ") &&
		strings.Contains(r.Error, " of domain ") && strings.HasSuffix(r.Error, "is not supported"))
}

// filter keeps the results that a test holds for.
func filter(results []conformance.Result, keep func(conformance.Result) bool) []conformance.Result {
	return slices.DeleteFunc(slices.Clone(results), func(r conformance.Result) bool { return !keep(r) })
}

// operators prints the table by operator.
func (s scores) operators(w io.Writer) {
	fmt.Fprint(w, "## By operator\n\nGradient shapes are those of importer's tests; derivatives those checked in onnx's.\n\n"+
		"| operator | tests | xla:cpu | go | gradient shapes | derivatives |\n|---|---|---|---|---|---|\n")
	pure, grad := conformance.ByOperator(s.pure), conformance.ByOperator(s.grad)
	for i, g := range conformance.ByOperator(s.xla) {
		derivatives := 0
		for _, r := range grad[i].Results {
			derivatives += r.Gradients
		}
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s |\n", g.Op, len(g.Results), passed(g.Results), passed(pure[i].Results),
			orDash(s.shapes[g.Op]), orDash(derivatives))
	}
}

// passed is "all" or such as "3 passed, 1 refused".
func passed(results []conformance.Result) string {
	counts := conformance.Count(results)
	if counts[conformance.Passed] == len(results) {
		return "all"
	}
	var parts []string
	for _, o := range conformance.Outcomes {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	return strings.Join(parts, ", ")
}

func orDash(n int) string {
	if n == 0 {
		return "–"
	}
	return strconv.Itoa(n)
}

// notPassed lists what stays out, with the reason, then what is wrong or failed.
func (s scores) notPassed(w io.Writer) {
	fmt.Fprint(w, "\n## What stays out\n\n| operator | backend | tests | reason |\n|---|---|---|---|\n")
	var faults []string
	for _, b := range []struct {
		name    string
		results []conformance.Result
	}{{"xla:cpu", s.xla}, {"go", s.pure}} {
		for _, g := range conformance.ByOperator(b.results) {
			why := make(map[string]int)
			var order []string
			for _, r := range g.Results {
				switch r.Outcome {
				case conformance.Passed:
				case conformance.Refused:
					reason := conformance.Reason(r)
					if reason == "" {
						reason = "not done: " + strings.ReplaceAll(short(r.Error), "|", "/")
					}
					if why[reason]++; why[reason] == 1 {
						order = append(order, reason)
					}
				default:
					faults = append(faults, fmt.Sprintf("- %s on %s: %s: %s\n", r.Name, b.name, r.Outcome, short(r.Error)))
				}
			}
			for _, reason := range order {
				fmt.Fprintf(w, "| %s | %s | %d | %s |\n", g.Op, b.name, why[reason], reason)
			}
		}
	}
	for i, r := range s.grad {
		if r.Outcome != conformance.Passed && s.pure[i].Outcome == conformance.Passed {
			faults = append(faults, fmt.Sprintf("- %s, gradient: %s: %s\n", r.Name, r.Outcome, short(r.Error)))
		}
	}
	if len(faults) > 0 {
		fmt.Fprintf(w, "\n## Wrong or failed\n\n%s", strings.Join(faults, ""))
	}
}

// short drops the path of the model, which differs from machine to machine.
func short(text string) string {
	if _, rest, ok := strings.Cut(text, "model.onnx: "); ok {
		return rest
	}
	return text
}
