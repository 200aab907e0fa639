// Surgerybench measures loading, indexing, detecting, editing and saving one
// model, here and in Python libraries, in turn and each time in a process of its
// own:
//
//	surgerybench -model ast.onnx -dir OUT [-rounds 7] [-python PYTHON]
//
// It prints medians with the smallest and largest, and the ratios to ours, taken
// round by round. The program that -python names needs onnx-ir and
// onnx-graphsurgeon; without it only ours is measured. Our save waits until the
// file is on the disk, the others' do not; on a file system in memory (/dev/shm)
// that makes no difference.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

//go:embed peer.py
var peer []byte

// result is what one process says of its run. Seconds and bytes.
type result struct {
	Blocks int     `json:"blocks"`
	Load   float64 `json:"load"` // with the index
	Find   float64 `json:"find"`
	Save   float64 `json:"save"`
	Peak   float64 `json:"peak"`          // resident memory
	Before float64 `json:"before"`        // the same before the model was touched
	CPU    float64 `json:"cpu,omitempty"` // processor time of the three steps, all threads; ours is the whole process's
	Wall   float64 `json:"-"`             // of the process, start and imports included
}

func (r result) total() float64 { return r.Load + r.Find + r.Save }

func main() {
	if len(os.Args) == 4 && os.Args[1] == "child" {
		if err := child(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		return
	}
	model := flag.String("model", "", "the ONNX file to measure with")
	dir := flag.String("dir", os.TempDir(), "where the saved files go")
	rounds := flag.Int("rounds", 7, "rounds; each runs every library once")
	python := flag.String("python", "", "Python with onnx-ir and onnx-graphsurgeon")
	flag.Parse()
	if err := bench(*model, *dir, *rounds, *python); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// child is our own run.
func child(path, out string) error {
	r := result{Before: peakMemory()}
	begin := time.Now()
	lap := func() float64 {
		d := time.Since(begin).Seconds()
		begin = time.Now()
		return d
	}
	m, err := graphsurgery.Load(path)
	if err != nil {
		return err
	}
	r.Load = lap()
	blocks, _ := adapterinject.Find(m)
	r.Blocks, r.Find = len(blocks), lap()
	m.SetMetadata("surgerybench", "1") // what was edited cannot be copied whole
	if err := m.Save(out); err != nil {
		return err
	}
	r.Save, r.Peak = lap(), peakMemory()
	return json.NewEncoder(os.Stdout).Encode(r)
}

// peakMemory is the process's largest resident set, as Linux tells it.
func peakMemory() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kib float64
	if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
		_, _ = fmt.Sscan(after, &kib)
	}
	return kib * 1024
}

// library is one contestant.
type library struct {
	name    string
	command []string
	results []result
}

func bench(model, dir string, rounds int, python string) error {
	if model == "" {
		return errors.New("no model named: testdata/gen/bench_ast.py writes the full-size AST")
	}
	info, err := os.Stat(model)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, "surgerybench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	libraries := []*library{{name: "aat-onnx", command: []string{os.Args[0], "child"}}}
	if python != "" {
		script := filepath.Join(work, "peer.py")
		if err := os.WriteFile(script, peer, 0o644); err != nil {
			return err
		}
		for _, name := range []string{"onnx-ir", "onnx-graphsurgeon"} {
			libraries = append(libraries, &library{name: name, command: []string{python, script, name}})
		}
	}
	out := filepath.Join(work, "out.onnx")
	for round := range rounds + 1 {
		for i := range libraries {
			l := libraries[(round+i)%len(libraries)] // each goes first in turn
			r, err := l.run(model, out)
			if err != nil {
				return err
			}
			if round > 0 { // the first fills the caches
				l.results = append(l.results, r)
			}
		}
	}
	report(libraries, model, float64(info.Size()))
	return nil
}

func (l *library) run(model, out string) (result, error) {
	cmd := exec.Command(l.command[0], append(slices.Clone(l.command[1:]), model, out)...)
	cmd.Stderr = os.Stderr
	begin := time.Now()
	text, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", l.name, err)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r := result{Wall: time.Since(begin).Seconds(), CPU: used.Seconds()} // Python says its own, without imports
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w in %q", l.name, err, text)
	}
	return r, os.Remove(out)
}

func report(libraries []*library, model string, size float64) {
	fmt.Printf("%s: %.0f MB; %d rounds in turn, one more before them; median (smallest to largest)\n\n", filepath.Base(model), size/1e6, len(libraries[0].results))
	row := func(cells ...string) {
		fmt.Printf("%-18s %6s"+strings.Repeat(" %-22s", len(cells)-2)+"\n", toAny(cells)...)
	}
	row("library", "blocks", "load and index, s", "detect, s", "save, s", "sum, s", "its processor time, s", "process, s", "peak memory / file")
	for _, l := range libraries {
		row(l.name, fmt.Sprint(l.results[0].Blocks),
			spread(l.each(func(r result) float64 { return r.Load })), spread(l.each(func(r result) float64 { return r.Find })),
			spread(l.each(func(r result) float64 { return r.Save })), spread(l.each(result.total)),
			spread(l.each(func(r result) float64 { return r.CPU })),
			spread(l.each(func(r result) float64 { return r.Wall })), spread(l.each(func(r result) float64 { return r.Peak / size })))
	}
	for _, l := range libraries[1:] {
		ratio := func(of func(result) float64) string {
			ours, theirs := libraries[0].each(of), l.each(of)
			for i := range theirs {
				theirs[i] /= ours[i]
			}
			return spread(theirs)
		}
		fmt.Printf("\n%s takes, of ours: %s of the sum, %s of its processor time, %s of the process's time, %s of the peak memory", l.name,
			ratio(result.total), ratio(func(r result) float64 { return r.CPU }), ratio(func(r result) float64 { return r.Wall }), ratio(func(r result) float64 { return r.Peak }))
	}
	fmt.Println()
}

func (l *library) each(of func(result) float64) []float64 {
	var out []float64
	for _, r := range l.results {
		out = append(out, of(r))
	}
	return out
}

func toAny(cells []string) []any {
	var out []any
	for _, c := range cells {
		out = append(out, c)
	}
	return out
}

// spread is the median with the smallest and the largest.
func spread(x []float64) string {
	s := slices.Sorted(slices.Values(x))
	return fmt.Sprintf("%.2f (%.2f to %.2f)", (s[(len(s)-1)/2]+s[len(s)/2])/2, s[0], s[len(s)-1])
}
