package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// summary is one line on a family.
func summary(family string, scores []score) string {
	var right, refused, failed int
	for _, s := range scores {
		switch {
		case len(s.Failed) > 0:
			failed++
		case s.Refused != "":
			refused++
		default:
			right++
		}
	}
	return fmt.Sprintf("%s: %d right, %d refused, %d failed", family, right, refused, failed)
}

// mark is a cell of the table.
func (s score) mark() string {
	if len(s.Failed) > 0 {
		var names []string
		for _, p := range promises {
			if s.Failed[p.name] != "" {
				names = append(names, p.name)
			}
		}
		return "**" + cmp.Or(strings.Join(names, ", "), "run") + "**"
	}
	if s.Refused != "" {
		return "refused"
	}
	return fmt.Sprintf("%d", s.Parameters)
}

// report is the Markdown text: the promises, a table of exports by kinds, and then
// everything that is refused or fails.
func report(scores []score, o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Kinds of adapters on exports\n\nWritten by `go run ./internal/kindscore`. Each kind, with its own defaults, is injected into each export and held to this:\n\n")
	for _, p := range promises {
		if p.name == "ort" && !o.ort || p.name == "gradient" && o.backend == "" {
			continue
		}
		fmt.Fprintf(&b, "- **%s**: %s.\n", p.name, p.what)
	}
	fmt.Fprintf(&b, "\nGradients: %s. A cell is the number of trained parameters where every promise is held; the names of those that are not; or *refused*, with the reason below.\n\n", cmp.Or(o.backend, "not taken"))
	names := methods(scores)
	fmt.Fprintf(&b, "| export | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, row := range rows(scores) {
		fmt.Fprintf(&b, "| %s/%s |", row[0].Family, row[0].Variant)
		for _, name := range names {
			i := slices.IndexFunc(row, func(s score) bool { return s.Method == name })
			if i < 0 {
				fmt.Fprint(&b, " – |")
				continue
			}
			fmt.Fprintf(&b, " %s |", row[i].mark())
		}
		fmt.Fprintln(&b)
	}
	failures(&b, scores)
	refusals(&b, scores)
	return strings.ReplaceAll(b.String(), o.corpus+"/", "")
}

// rows groups the scores by export.
func rows(scores []score) [][]score {
	var out [][]score
	for _, s := range scores {
		if n := len(out); n > 0 && out[n-1][0].Family == s.Family && out[n-1][0].Variant == s.Variant {
			out[n-1] = append(out[n-1], s)
		} else {
			out = append(out, []score{s})
		}
	}
	return out
}

func failures(b *strings.Builder, scores []score) {
	fmt.Fprintf(b, "\n## Not held\n\n")
	n := b.Len()
	for _, s := range scores {
		for _, name := range sortedKeys(s.Failed) {
			fmt.Fprintf(b, "- %s/%s, %s, %s: %s\n", s.Family, s.Variant, s.Method, name, firstLine(s.Failed[name]))
		}
	}
	if b.Len() == n {
		fmt.Fprintln(b, "Nothing.")
	}
}

// refusals lists the reasons, each with where it was met.
func refusals(b *strings.Builder, scores []score) {
	fmt.Fprintf(b, "\n## Refused\n\n")
	where := map[string][]string{}
	for _, s := range scores {
		if s.Refused != "" {
			key := s.Method + ": " + s.Refused
			where[key] = append(where[key], s.Family+"/"+s.Variant)
		}
	}
	for _, key := range sortedKeys(where) {
		fmt.Fprintf(b, "- %s (%s)\n", key, strings.Join(where[key], ", "))
	}
	if len(where) == 0 {
		fmt.Fprintln(b, "Nothing.")
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func firstLine(s string) string {
	s = strings.TrimSpace(s)
	if head, rest, cut := strings.Cut(s, "\n"); cut {
		next, _, _ := strings.Cut(rest, "\n")
		return head + " " + next
	}
	return s
}
