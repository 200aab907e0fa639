package passes

import (
	"fmt"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Step is one run of one pass.
type Step struct {
	Pass    string
	Round   int // from 1
	Changed int // places changed; 0: the pass found nothing to do
	Nodes   int // in all graphs of the model, afterwards
}

// Report lists what the passes did, in order.
type Report []Step

// Changed is the number of places changed by all passes.
func (r Report) Changed() int {
	n := 0
	for _, s := range r {
		n += s.Changed
	}
	return n
}

// String gives one line a step that changed something.
func (r Report) String() string {
	var b strings.Builder
	for _, s := range r {
		if s.Changed > 0 {
			fmt.Fprintf(&b, "%s: %d changed, %d nodes left\n", s.Pass, s.Changed, s.Nodes)
		}
	}
	return b.String()
}

// Run applies the passes once, in order. Each is applied whole or not at all; the
// error is an [*Error], or an [*OrderError] before anything is done.
func Run(m *gs.Model, passes ...Pass) (Report, error) { return run(m, 1, passes) }

// RunFixed applies the passes in rounds until a whole round changes nothing, at
// most that many times.
func RunFixed(m *gs.Model, rounds int, passes ...Pass) (Report, error) {
	if rounds < 1 {
		return nil, fmt.Errorf("%d rounds of passes, want at least 1", rounds)
	}
	return run(m, rounds, passes)
}

func run(m *gs.Model, rounds int, passes []Pass) (Report, error) {
	if err := checkOrder(passes); err != nil {
		return nil, err
	}
	var report Report
	for round := 1; round <= rounds; round++ {
		before := report.Changed()
		for _, p := range passes {
			changed, err := p.apply(m)
			if err != nil {
				return report, &Error{Pass: p.Name, Done: done(report), Err: err}
			}
			report = append(report, Step{Pass: p.Name, Round: round, Changed: changed, Nodes: countNodes(m)})
		}
		if report.Changed() == before {
			break
		}
	}
	return report, nil
}

func done(r Report) []string {
	var names []string
	for _, s := range r {
		names = append(names, s.Pass)
	}
	return names
}

func countNodes(m *gs.Model) int {
	n := 0
	for _, g := range m.Graphs() {
		n += len(g.Nodes())
	}
	return n
}

// maxRepeats bounds the repetitions of a pass: functions can be nested that deep.
const maxRepeats = 64

// apply runs one pass, repeatedly if it asks for it.
func (p Pass) apply(m *gs.Model) (int, error) {
	if err := checkAll(m, p.Requires, false); err != nil {
		return 0, err
	}
	total := 0
	for range maxRepeats {
		changed, err := p.once(m)
		total += changed
		if err != nil {
			return total, err
		}
		if changed == 0 || !p.Repeat {
			return total, nil
		}
	}
	return total, fmt.Errorf("it still finds something to change after %d repetitions", maxRepeats)
}

// once builds the pass's patch and applies it. What the pass ensures is tested
// before the patch commits.
func (p Pass) once(m *gs.Model) (int, error) {
	patch := m.NewPatch(p.Name)
	changed, err := p.Edit(m, patch)
	if err != nil {
		return 0, err
	}
	if changed == 0 {
		return 0, checkAll(m, p.Ensures, true)
	}
	if !p.Repeat {
		patch.Check(func(m *gs.Model) error { return checkAll(m, p.Ensures, true) })
	}
	if err := patch.Apply(); err != nil {
		return 0, err
	}
	return changed, nil
}
