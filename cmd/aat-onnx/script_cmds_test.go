package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

// subset N DIR copies the first N shipped clips of each label and split, with
// their CSV, as DIR/clips.csv and DIR/<split>-<number>.flac.
func subset(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	dir := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(dir, 0o755))
	shipped := filepath.Join(ts.Getenv("TESTDATA"), "speech")
	f, err := os.Open(filepath.Join(shipped, "speech.csv"))
	ts.Check(err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	ts.Check(err)
	taken, numbers := map[string]int{}, map[string]int{}
	out := []string{"file,label,split"}
	for _, r := range rows[1:] {
		file, label, split := r[0], r[1], r[2]
		if taken[label+split]++; taken[label+split] > n {
			continue
		}
		name := split + "-" + strconv.Itoa(numbers[split]) + ".flac"
		numbers[split]++
		b, err := os.ReadFile(filepath.Join(shipped, filepath.FromSlash(file)))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, name), b, 0o644))
		out = append(out, name+","+label+","+split)
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "clips.csv"), []byte(strings.Join(out, "\n")+"\n"), 0o644))
}

// killed MODEL CSV RUN FLAGS… starts a training and kills it (SIGKILL) as soon
// as its log shows that it is past the third step.
func killed(ts *testscript.TestScript, _ bool, args []string) {
	run := ts.MkAbs(args[2])
	cmd := exec.Command("aat-onnx", append([]string{"train", args[0], "--data", args[1], "-o", args[2]}, args[3:]...)...)
	path, err := lookIn(ts.Getenv("PATH"), "aat-onnx")
	ts.Check(err)
	cmd.Path, cmd.Err = path, nil
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+ts.Getenv("XDG_CACHE_HOME"))
	ts.Check(cmd.Start())
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		log, _ := os.ReadFile(filepath.Join(run, "log.jsonl"))
		if strings.Count(string(log), `"event":"checkpoint"`) >= 4 {
			break
		}
		if time.Now().After(deadline) {
			ts.Check(cmd.Process.Kill())
			ts.Fatalf("no fourth checkpoint within two minutes; the log: %s", log)
		}
	}
	ts.Check(cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		ts.Fatalf("the training ended before it was killed")
	}
}

func lookIn(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", &os.PathError{Op: "look", Path: name, Err: os.ErrNotExist}
}

// sameinort A B runs both models in ONNX Runtime on one varied input, at every
// optimisation level, and demands equal bits.
func sameinort(ts *testscript.TestScript, _ bool, args []string) {
	lib, err := ort.Locate(context.Background(), "")
	ts.Check(err)
	rt, err := ort.Open(lib)
	ts.Check(err)
	for _, level := range []ort.OptLevel{ort.OptNone, ort.OptBasic, ort.OptExtended, ort.OptAll} {
		a := logitsInORT(ts, rt, level, args[0])
		b := logitsInORT(ts, rt, level, args[1])
		if len(a) == 0 || len(a) != len(b) {
			ts.Fatalf("%d and %d values", len(a), len(b))
		}
		for i := range a {
			if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
				ts.Fatalf("optimisation level %d, value %d: %v and %v", level, i, a[i], b[i])
			}
		}
	}
}

// logitsInORT gives a model's logits for two fixed, varied inputs.
func logitsInORT(ts *testscript.TestScript, rt *ort.Runtime, level ort.OptLevel, file string) []float32 {
	m, err := graphsurgery.Load(ts.MkAbs(file))
	ts.Check(err)
	b, err := m.Bytes()
	ts.Check(err)
	s, err := rt.NewSession(b, ort.SessionOptions{OptLevel: level})
	ts.Check(err)
	defer s.Close()
	x := make([]float32, 2*128*128)
	for i := range x {
		x[i] = float32((i*7919)%1000)/500 - 1
	}
	out, err := s.Run(map[string]ort.Tensor{"input_values": {Shape: []int64{2, 128, 128}, F32: x}})
	ts.Check(err)
	return out["logits"].F32
}

// tampered IN OUT squares the model's input in a node that is named as if it belonged
// to an adapter.
func tampered(ts *testscript.TestScript, _ bool, args []string) {
	m, err := graphsurgery.Load(ts.MkAbs(args[0]))
	ts.Check(err)
	in := m.Graph.Inputs()[0]
	p := m.NewPatch("tamper")
	p.InsertAfter(in, p.Add("Mul", p.Tap(in), p.Tap(in), graphsurgery.Named("aat/evil")))
	ts.Check(p.Apply())
	ts.Check(m.Save(ts.MkAbs(args[1])))
}

// faulty FILE NAME writes a model of graphsurgery's list of faulty ones.
func faulty(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: faulty FILE NAME")
	}
	data, err := os.ReadFile(filepath.Join(ts.Getenv("TESTDATA"), "../graphsurgery/testdata/faulty/verdicts.json"))
	ts.Check(err)
	var list struct {
		Cases []struct {
			Name  string
			Model []byte
		}
	}
	ts.Check(json.Unmarshal(data, &list))
	for _, c := range list.Cases {
		if c.Name == args[1] {
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), c.Model, 0o644))
			return
		}
	}
	ts.Fatalf("no faulty model %q", args[1])
}
