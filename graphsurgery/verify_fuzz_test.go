package graphsurgery

import (
	"slices"
	"testing"
)

// FuzzVerify: every level judges whatever loads without a panic, the same way
// twice, and a level never finds less than the one before it.
func FuzzVerify(f *testing.F) {
	f.Add(encode(f, chain()))
	f.Add(encode(f, withIf()))
	for _, c := range faultyModels(f) {
		f.Add(c.Model)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		before := 0
		for level := LevelStructure; level <= LevelStrict; level++ {
			problems := m.Check(CheckOptions{Level: level, Max: 100})
			if len(problems) < before {
				t.Fatalf("level %s: %d problems, %d at the level before", level, len(problems), before)
			}
			before = len(problems)
			if again := m.Check(CheckOptions{Level: level, Max: 100}); !slices.Equal(again, problems) {
				t.Fatalf("level %s: judged differently the second time", level)
			}
			for _, p := range problems {
				if p.Level > level || p.Rule == "" || p.What == "" {
					t.Fatalf("level %s: problem %+v", level, p)
				}
			}
			if (m.VerifyLevel(level) == nil) != (len(problems) == 0) {
				t.Fatalf("level %s: Verify and Check disagree", level)
			}
		}
	})
}
