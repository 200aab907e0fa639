package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// Outcomes lists the outcomes in the order in which they are shown.
var Outcomes = [...]Outcome{Passed, Wrong, Refused, Failed}

// Counts says how many tests had each outcome.
type Counts map[Outcome]int

// Count counts results.
func Count(results []Result) Counts {
	c := make(Counts)
	for _, r := range results {
		c[r.Outcome]++
	}
	return c
}

// String is such as "3 passed, 0 wrong, 1 refused, 0 failed".
func (c Counts) String() string {
	var parts []string
	for _, o := range Outcomes {
		parts = append(parts, fmt.Sprintf("%d %s", c[o], o))
	}
	return strings.Join(parts, ", ")
}

// Group are the results of one operator.
type Group struct {
	Op      string
	Results []Result
}

// ByOperator groups results by operator, sorted by name.
func ByOperator(results []Result) []Group {
	var groups []Group
	for _, r := range results {
		i, ok := slices.BinarySearchFunc(groups, r.Op, func(g Group, op string) int { return strings.Compare(g.Op, op) })
		if !ok {
			groups = slices.Insert(groups, i, Group{Op: r.Op})
		}
		groups[i].Results = append(groups[i].Results, r)
	}
	return groups
}
