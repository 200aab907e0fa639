package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/aat-onnx/aat-onnx/importer/onnxgo/internal/score"
)

// side is a back end with its results, in the order that all sides have.
type side struct {
	name    string
	results []score.Result
}

// write prints the section. The last side is not ours, and its failures get no
// reasons.
func write(w io.Writer, sides []side, reasons map[string]string) {
	fmt.Fprint(w, "## onnx-go's own test cases\n\nThe cases of onnx-go 0.5.0's `testbackend`, decoded by onnx-go and run by package `importer/onnxgo` and by onnx-go's\n"+
		"Gorgonia back end. Shapes must agree, and elements within 1e-6.\n\n| back end | cases | passed | share |\n|---|---|---|---|\n")
	for _, s := range sides {
		all := len(s.results)
		passed := all - score.Failed(s.results)
		fmt.Fprintf(w, "| %s | %d | %d | %.1f %% |\n", s.name, all, passed, 100*float64(passed)/float64(max(1, all)))
	}
	operators(w, sides)
	notPassed(w, sides[:len(sides)-1], reasons)
}

// operators prints what passes of each operator that has a case.
func operators(w io.Writer, sides []side) {
	fmt.Fprint(w, "\n| operator | cases |")
	for _, s := range sides {
		fmt.Fprintf(w, " %s |", s.name)
	}
	fmt.Fprint(w, "\n|---|---|---|---|---|\n")
	cases := make(map[string]int)
	passed := make([]map[string]int, len(sides))
	for i, s := range sides {
		passed[i] = make(map[string]int)
		for _, r := range s.results {
			if i == 0 {
				cases[r.Op]++
			}
			if r.Err == nil {
				passed[i][r.Op]++
			}
		}
	}
	for _, op := range slices.Sorted(maps.Keys(cases)) {
		fmt.Fprintf(w, "| %s | %d |", op, cases[op])
		for i := range sides {
			fmt.Fprintf(w, " %s |", share(passed[i][op], cases[op]))
		}
		fmt.Fprintln(w)
	}
}

func share(passed, cases int) string {
	switch passed {
	case cases:
		return "all"
	case 0:
		return "–"
	}
	return fmt.Sprint(passed)
}

// notPassed lists the cases that fail here, with the reason, or else the error.
func notPassed(w io.Writer, sides []side, reasons map[string]string) {
	fmt.Fprint(w, "\n| case that does not pass | back end | reason |\n|---|---|---|\n")
	for _, s := range sides {
		for _, r := range s.results {
			if r.Err == nil {
				continue
			}
			reason := reasons[r.Title]
			if reason == "" {
				reason = "not known: " + r.Err.Error()
			}
			fmt.Fprintf(w, "| %s | %s | %s |\n", r.Title, s.name, reason)
		}
	}
}
