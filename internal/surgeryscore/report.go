package main

import (
	"fmt"
	"slices"
	"strings"
)

// tally counts blocks.
type tally struct{ models, full, blocks, right, wrong int }

func (t *tally) add(d detection) {
	t.models++
	t.blocks += d.Blocks
	t.right += d.Right
	t.wrong += d.False
	if d.Right == d.Blocks && d.False == 0 {
		t.full++
	}
}

func (t tally) row(label string) string {
	return fmt.Sprintf("| %s | %d | %d | %d of %d | %s | %d |\n",
		label, t.models, t.full, t.right, t.blocks, percent(t.right, t.blocks), t.wrong)
}

func percent(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

const tallyHead = "| %s | models | wholly right | blocks right | share | false blocks |\n|---|--:|--:|--:|--:|--:|\n"

// markdown is the report.
func (s *scores) markdown(verbose bool) string {
	var b strings.Builder
	b.WriteString("# Scores of graph surgery\n\nWritten by `make surgery-score`; what is counted is said in testdata/gen/corpus/README.md.\n\n")
	s.writeDetection(&b)
	s.writeFamilies(&b)
	s.writeMisses(&b, verbose)
	s.writeSurgery(&b)
	if len(s.Failed) > 0 {
		b.WriteString("\n## Exports that could not be made\n\n")
		for _, f := range s.Failed {
			fmt.Fprintf(&b, "- %s\n", f)
		}
	}
	return b.String()
}

// writeDetection gives the totals by class and by variant.
func (s *scores) writeDetection(b *strings.Builder) {
	b.WriteString("## Block detection\n\nA block is right if query, key, value, output, both residual sums and both linear layers of the MLP are.\n\n")
	fmt.Fprintf(b, tallyHead, "class")
	for _, class := range []string{"float", "transformed", "negative"} {
		b.WriteString(s.tally(func(e entry) bool { return classOf(e) == class }).row(class))
	}
	for _, class := range []string{"float", "transformed"} {
		scored, all := s.roles(class)
		fmt.Fprintf(b, "\nOf the roles of %s blocks %d of %d are scored; the others have no value of their own in the file.", class, scored, all)
	}
	b.WriteString("\n\n")
	fmt.Fprintf(b, tallyHead, "variant")
	for _, v := range s.distinct(func(e entry) string { return classOf(e) + " " + e.truth.Variant }) {
		b.WriteString(s.tally(func(e entry) bool { return classOf(e)+" "+e.truth.Variant == v }).row(v))
	}
	b.WriteString("\n")
}

func classOf(e entry) string {
	switch {
	case e.negative():
		return "negative"
	case e.truth.Float:
		return "float"
	}
	return "transformed"
}

// roles counts the roles that the truth has a value for, and those there are:
// eight in a block, five in one without MLP.
func (s *scores) roles(class string) (scored, all int) {
	for _, e := range s.entries {
		if classOf(e) != class {
			continue
		}
		for _, b := range e.truth.Blocks {
			scored += len(b.roles())
			all += 5
			if b.MLP {
				all += 3
			}
		}
	}
	return scored, all
}

func (s *scores) tally(keep func(entry) bool) tally {
	var t tally
	for i, e := range s.entries {
		if keep(e) {
			t.add(s.Detection[i])
		}
	}
	return t
}

func (s *scores) distinct(key func(entry) string) []string {
	var out []string
	for _, e := range s.entries {
		out = append(out, key(e))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// writeFamilies gives right/all blocks for each family and class.
func (s *scores) writeFamilies(b *strings.Builder) {
	b.WriteString("| family | group | float | transformed | false blocks |\n|---|---|--:|--:|--:|\n")
	for _, family := range s.distinct(func(e entry) string { return e.truth.Family }) {
		of := func(class string) tally {
			return s.tally(func(e entry) bool { return e.truth.Family == family && classOf(e) == class })
		}
		fl, tr, ne := of("float"), of("transformed"), of("negative")
		group := ""
		for _, e := range s.entries {
			if e.truth.Family == family {
				group = e.truth.Group
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %d |\n", family, group, share(fl), share(tr), fl.wrong+tr.wrong+ne.wrong)
	}
}

func share(t tally) string {
	if t.blocks == 0 {
		return "–"
	}
	return fmt.Sprintf("%d / %d", t.right, t.blocks)
}

// writeMisses lists every block that is not right, and why.
func (s *scores) writeMisses(b *strings.Builder, verbose bool) {
	b.WriteString("\n## Misses\n\n")
	none := true
	for _, d := range s.Detection {
		lines := d.Misses
		if verbose {
			lines = append(slices.Clone(lines), d.Details...)
		}
		if len(lines) == 0 {
			continue
		}
		none = false
		fmt.Fprintf(b, "- %s, %d of %d right\n", d.Name, d.Right, d.Blocks)
		for _, l := range lines {
			fmt.Fprintf(b, "  - %s\n", l)
		}
	}
	if none {
		b.WriteString("None.\n")
	}
}

// writeSurgery gives round trip, Verify and inference.
func (s *scores) writeSurgery(b *strings.Builder) {
	b.WriteString("\n## Loading, verifying, inferring\n\n")
	b.WriteString("| models | files | loaded | round trip | Check as onnx's checker | inferred | values | with dtype | with dtype and shape |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	writeSurgeryRow(b, "corpus", s.Corpus)
	if len(s.Nodes) > 0 {
		writeSurgeryRow(b, "onnx node tests", s.Nodes)
	}
	for _, x := range slices.Concat(s.Corpus, s.Nodes) {
		for _, problem := range x.problems() {
			fmt.Fprintf(b, "\n- %s: %s", x.Name, problem)
		}
	}
	b.WriteString("\n")
}

func writeSurgeryRow(b *strings.Builder, label string, list []surgery) {
	var loaded, same, verified, inferred, values, typed, shaped int
	for _, x := range list {
		if x.Load != "" {
			continue
		}
		loaded++
		same += one(x.RoundTrip)
		verified += one(x.Verify)
		inferred += one(x.Infer)
		values, typed, shaped = values+x.Values, typed+x.Typed, shaped+x.Shaped
	}
	fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d | %d (%s) | %d (%s) |\n", label, len(list), loaded, same, verified, inferred,
		values, typed, percent(typed, values), shaped, percent(shaped, values))
}

func one(problem string) int {
	if problem == "" {
		return 1
	}
	return 0
}

// problems names what went wrong; incomplete inference by its first value.
func (s surgery) problems() []string {
	var out []string
	for _, p := range [][2]string{{"load", s.Load}, {"round trip", s.RoundTrip}, {"verify", s.Verify}, {"infer", s.Infer}} {
		if p[1] != "" {
			out = append(out, p[0]+": "+p[1])
		}
	}
	if s.Shaped < s.Values {
		out = append(out, fmt.Sprintf("%d of %d values without full type, first %s", s.Values-s.Shaped, s.Values, s.Unknown))
	}
	return out
}
