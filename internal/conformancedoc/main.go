// Command conformancedoc runs onnx's own backend tests through the program, on
// xla:cpu and on the Go backend, the latter with gradients, and writes the scores
// by operator to a Markdown file: make conformance.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	"github.com/aat-onnx/aat-onnx/internal/conformance"
)

func main() {
	nodes := flag.String("nodes", "", "onnx/backend/test/data of onnx 1.22")
	program := flag.String("program", "bin/aat-onnx", "the program whose tests these are")
	gradients := flag.String("gradients", "", "output of go test -v -run Gradients ./importer")
	parts := flag.String("parts", "", "folder of further sections, *.md, in the order of their names")
	out := flag.String("o", "docs/conformance.md", "where the scores go")
	flag.Parse()
	if err := report(*nodes, *program, *gradients, *parts, *out); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// kinds are the folders of onnx's tests that hold models; "real" holds addresses
// of models only, "light" has another layout.
var kinds = []string{"node", "simple", "pytorch-converted", "pytorch-operator"}

func report(nodes, program, gradients, parts, out string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	var dirs []string
	for _, kind := range kinds {
		found, err := conformance.Find(filepath.Join(nodes, kind))
		if err != nil {
			return err
		}
		dirs = append(dirs, found...)
	}
	s := scores{}
	if s.xla, err = run(program, "xla:cpu", false, dirs); err != nil {
		return err
	}
	if s.pure, err = run(program, "go", false, dirs); err != nil {
		return err
	}
	if s.grad, err = run(program, "go", true, dirs); err != nil {
		return err
	}
	if s.shapes, err = readShapes(gradients); err != nil {
		return err
	}
	var text bytes.Buffer
	s.write(&text)
	if err := appendParts(&text, parts); err != nil {
		return err
	}
	if _, err := os.Stdout.Write(text.Bytes()); err != nil {
		return err
	}
	return atomicfile.WriteFile(out, text.Bytes(), atomicfile.Options{Force: true})
}

// run judges all folders on a backend, in children of the program.
func run(program, backend string, grad bool, dirs []string) ([]conformance.Result, error) {
	pool := conformance.Pool{Jobs: min(4, runtime.NumCPU()), Timeout: 5 * time.Minute, Child: func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, program, "conformance", "--child", "--backend", backend, fmt.Sprintf("--grad=%t", grad))
	}}
	done := 0
	return pool.Run(context.Background(), dirs, func(conformance.Result) {
		if done++; done%100 == 0 {
			fmt.Fprintf(os.Stderr, "%s: %d of %d tests\n", backend, done, len(dirs))
		}
	})
}

// appendParts adds the sections that other targets of the Makefile wrote.
func appendParts(text *bytes.Buffer, dir string) error {
	if dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return err
	}
	for _, file := range files { // Glob sorts
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "\n%s\n", bytes.TrimSpace(b))
	}
	return nil
}
