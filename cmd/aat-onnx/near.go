package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// nearNames are up to three names of a graph's nodes and values like the given one.
func nearNames(g *graphsurgery.Graph, want string) []string {
	var names []string
	for _, n := range g.Nodes() {
		names = append(names, n.Name())
		for _, v := range n.Outputs() {
			if v != nil {
				names = append(names, v.Name())
			}
		}
	}
	return nearest(names, want)
}

// nearest are up to three of the names that are like the given one: those that
// hold it first, then those with the fewest other letters (Levenshtein 1966), if
// that is no more than half of them.
func nearest(names []string, want string) []string {
	type near struct {
		name string
		far  int
	}
	var list []near
	seen := map[string]bool{"": true}
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		switch {
		case want != "" && strings.Contains(strings.ToLower(name), strings.ToLower(want)):
			list = append(list, near{name, 0})
		case len(name) <= 2*len(want) && len(want) <= min(2*len(name), 256):
			if far := distance(name, want); 2*far <= len(want) {
				list = append(list, near{name, far})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b near) int { return cmp.Compare(a.far, b.far) })
	var best []string
	for _, x := range list[:min(3, len(list))] {
		best = append(best, x.name)
	}
	return best
}

// distance is how many bytes must be put in, left out or exchanged to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			step := corner
			if a[i] != b[j] {
				step++
			}
			corner = row[j+1]
			row[j+1] = min(step, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
