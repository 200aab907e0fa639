package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const committed = "../../testdata/corpus"

// knownMisses are the models of the committed corpus that are not wholly right,
// with the reason. A row that no longer holds fails the test: delete it.
var knownMisses = map[string]string{}

func TestCommittedCorpusIsDetectedInFull(t *testing.T) {
	entries, err := readCorpus(committed)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		f, err := library(e.path)
		if err != nil {
			t.Errorf("%s: %v", e.name(), err)
			continue
		}
		d := scoreDetection(e, f)
		seen[d.Name] = true
		right := d.Right == d.Blocks && d.False == 0
		why, known := knownMisses[d.Name]
		switch {
		case d.False > 0:
			t.Errorf("%s: %d false blocks, want none: %s", d.Name, d.False, strings.Join(d.Misses, "\n\t"))
		case !right && !known:
			t.Errorf("%s: %d of %d blocks right:\n\t%s", d.Name, d.Right, d.Blocks, strings.Join(d.Misses, "\n\t"))
		case right && known:
			t.Errorf("%s is right now; its row in knownMisses (%s) is out of date", d.Name, why)
		}
	}
	for name := range knownMisses {
		if !seen[name] {
			t.Errorf("knownMisses names %s, which is not in %s", name, committed)
		}
	}
}

func TestCommittedCorpusSurvives(t *testing.T) {
	entries, err := readCorpus(committed)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		s := scoreSurgery(e.name(), e.path, e.truth.Checker)
		for _, problem := range []string{s.Load, s.RoundTrip, s.Verify, s.Infer} {
			if problem != "" {
				t.Errorf("%s: %s", s.Name, problem)
			}
		}
	}
}

// The corpus must hold every family of the generator's positives and networks
// without a block, else the test above says little.
func TestCommittedCorpusIsBroad(t *testing.T) {
	entries, err := readCorpus(committed)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, e := range entries {
		count[classOf(e)]++
		count[e.truth.Group]++
	}
	for class, least := range map[string]int{
		"float": 30, "transformed": 12, "negative": 12, "audio": 20, "vision": 20, "text": 8, "plain": 12,
	} {
		if count[class] < least {
			t.Errorf("%d models of class %s, want at least %d", count[class], class, least)
		}
	}
}

// The program's JSON must say what the library says: it is what users script.
func TestProgramSaysTheSame(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "aat-onnx")
	if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/aat-onnx").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	entries, err := readCorpus(committed)
	if err != nil {
		t.Fatal(err)
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool { return e.truth.Variant != "ts17" })
	if len(entries) == 0 {
		t.Fatal("no ts17 model in the committed corpus")
	}
	for _, e := range entries {
		want, err := library(e.path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := program(bin)(e.path)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Blocks) != len(want.Blocks) {
			t.Errorf("%s: inspect --json gives %d blocks, the library %d", e.name(), len(got.Blocks), len(want.Blocks))
			continue
		}
		a, b := scoreDetection(e, got), scoreDetection(e, want)
		if a.Right != b.Right || a.False != b.False || !slices.Equal(a.Details, b.Details) {
			t.Errorf("%s: inspect --json scores %d right, %d false, %q; the library %d, %d, %q",
				e.name(), a.Right, a.False, a.Details, b.Right, b.False, b.Details)
		}
	}
}
