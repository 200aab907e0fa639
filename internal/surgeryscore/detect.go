package main

import (
	"fmt"
	"slices"
	"strings"
)

// detection is the score of one model.
type detection struct {
	Name    string   `json:"name"`
	Float   bool     `json:"float"`
	Blocks  int      `json:"blocks"`
	Right   int      `json:"right"`
	False   int      `json:"false_blocks"`
	Misses  []string `json:"misses,omitempty"`  // a line for each block that is not right, and each false one
	Details []string `json:"details,omitempty"` // right blocks with wrong softmax, heads, width or pre_norm
}

// scoreDetection compares what was found in a model with the truth.
func scoreDetection(e entry, f found) detection {
	d := detection{Name: e.name(), Float: e.truth.Float, Blocks: len(e.truth.Blocks)}
	left := slices.Clone(f.Blocks)
	unscored := 0
	for _, want := range e.truth.Blocks {
		if len(want.roles()) == 0 {
			unscored++
			d.Blocks--
			continue
		}
		at := closest(want, left)
		if at < 0 {
			d.Misses = append(d.Misses, fmt.Sprintf("block %d (%s): not found", want.Index, want.Kind))
			continue
		}
		got := left[at]
		left = slices.Delete(left, at, at+1)
		if wrong := wrongRoles(want, got); len(wrong) > 0 {
			d.Misses = append(d.Misses, fmt.Sprintf("block %d (%s): %s", want.Index, want.Kind, strings.Join(wrong, "; ")))
			continue
		}
		d.Right++
		if odd := details(want, got); len(odd) > 0 {
			d.Details = append(d.Details, fmt.Sprintf("block %d: %s", want.Index, strings.Join(odd, "; ")))
		}
	}
	left = left[min(unscored, len(left)):] // they may be these
	d.False = len(left)
	for _, b := range left {
		d.Misses = append(d.Misses, fmt.Sprintf("false block: o = %s", b.Attention.O))
	}
	if d.Right < d.Blocks {
		d.Misses = append(d.Misses, reasons(f.Misses)...)
	}
	return d
}

// closest gives the found block that shares most roles with the wanted one, -1
// if none shares any.
func closest(want truthBlock, blocks []foundBlock) int {
	best, most := -1, 0
	for i, b := range blocks {
		shared := 0
		for _, r := range want.roles() {
			if slices.Contains(r.want, b.value(r.name)) {
				shared++
			}
		}
		if shared > most {
			best, most = i, shared
		}
	}
	return best
}

// wrongRoles tells of each role of which the found value is not one of the wanted.
func wrongRoles(want truthBlock, got foundBlock) []string {
	var out []string
	for _, r := range want.roles() {
		if v := got.value(r.name); !slices.Contains(r.want, v) {
			out = append(out, fmt.Sprintf("%s is %q, want %s", r.name, v, short(r.want)))
		}
	}
	return out
}

// details tells of what does not make a block wrong but should be right too.
func details(want truthBlock, got foundBlock) []string {
	var out []string
	if want.PreNorm != nil && (got.PreNorm == nil || *got.PreNorm != *want.PreNorm) {
		out = append(out, fmt.Sprintf("pre_norm, want %v", *want.PreNorm))
	}
	if special := want.Kind == "window" || want.Kind == "cross"; special && got.Kind != want.Kind {
		out = append(out, fmt.Sprintf("kind %s, want %s", got.Kind, want.Kind))
	}
	if got.Heads != want.Heads {
		out = append(out, fmt.Sprintf("heads %d, want %d", got.Heads, want.Heads))
	}
	if got.Width != want.Width {
		out = append(out, fmt.Sprintf("width %d, want %d", got.Width, want.Width))
	}
	if len(want.Softmax) > 0 && !slices.Contains(want.Softmax, got.Softmax) {
		out = append(out, fmt.Sprintf("softmax %q, want %s", got.Softmax, short(want.Softmax)))
	}
	return out
}

// reasons gives the detector's own words, each once.
func reasons(misses []miss) []string {
	var out []string
	for _, m := range misses {
		line := fmt.Sprintf("detector: %s: %s: %s", m.Op, m.Step, m.Why)
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

func short(names []string) string {
	if len(names) > 2 {
		return fmt.Sprintf("one of %d such as %q", len(names), names[0])
	}
	return fmt.Sprintf("%q", names)
}
