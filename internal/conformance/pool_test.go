package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aat-onnx/aat-onnx/internal/conformance"
)

// childEnv makes a process of this test a child of a pool; see [fakeChild].
const childEnv = "AAT_ONNX_TEST_CONFORMANCE_CHILD"

// fakeChild judges folders by their names alone.
func fakeChild() int {
	if os.Getenv(childEnv) == "broken" {
		fmt.Fprintln(os.Stderr, "there is no backend")
		return 1
	}
	err := conformance.Serve(os.Stdin, os.Stdout, func(dir string) conformance.Result {
		name := filepath.Base(dir)
		switch name {
		case "panics":
			panic("a worker's")
		case "exits":
			os.Exit(3)
		case "hangs":
			time.Sleep(time.Hour)
		case "prints":
			fmt.Println("a line of a plugin's")
		}
		return conformance.Result{Name: name, Outcome: conformance.Passed, Op: "Op", Kind: conformance.KindFloat,
			Gradients: os.Getpid(), Error: "line\nend", Refuser: "x"}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// pool starts this test as the child.
func pool(t *testing.T, kind string) conformance.Pool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return conformance.Pool{Timeout: 2 * time.Second, Child: func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), childEnv+"="+kind)
		return cmd
	}}
}

// TestPoolSurvives: a child that dies or hangs costs the test it was at, and no
// other; results come in the order of the folders.
func TestPoolSurvives(t *testing.T) {
	dirs := []string{"a", "panics", "b", "exits", "exits", "prints", "hangs", "c"}
	want := map[string]string{"panics": "the process died: exit status 2: panic: a worker's", "exits": "exit status 3", "hangs": "no result within 2s"}
	for _, jobs := range []int{1, 3} {
		p := pool(t, "good")
		p.Jobs = jobs
		heard := 0
		results, err := p.Run(context.Background(), dirs, func(conformance.Result) { heard++ })
		if err != nil || heard != len(dirs) {
			t.Fatalf("%d jobs: %v, and heard of %d results, want %d", jobs, err, heard, len(dirs))
		}
		for i, r := range results {
			if fail := want[dirs[i]]; fail != "" {
				if r.Name != dirs[i] || r.Outcome != conformance.Failed || !strings.Contains(r.Error, fail) {
					t.Errorf("%d jobs: %s: got %+v, want a failure with %q", jobs, dirs[i], r, fail)
				}
				continue
			}
			if r.Name != dirs[i] || r.Outcome != conformance.Passed || r.Error != "line\nend" || r.Refuser != "x" || r.Kind != conformance.KindFloat {
				t.Errorf("%d jobs: %s: got %+v", jobs, dirs[i], r)
			}
		}
	}
}

// TestPoolBatch: a child is replaced after its batch.
func TestPoolBatch(t *testing.T) {
	p := pool(t, "good")
	p.Batch = 2
	results, err := p.Run(context.Background(), []string{"a", "b", "c", "d", "e"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results[:4] {
		same := r.Gradients == results[i+1].Gradients // the child's process
		if same != (i%2 == 0) {
			t.Errorf("tests %d and %d in one child: %v", i, i+1, same)
		}
	}
}

// TestPoolCannotStart: a child that never gets ready is an error with its reason.
func TestPoolCannotStart(t *testing.T) {
	_, err := pool(t, "broken").Run(context.Background(), []string{"a", "b"}, nil)
	if err == nil || !strings.Contains(err.Error(), "there is no backend") {
		t.Errorf("error is %v, want the child's reason", err)
	}
}

// TestPoolStops: cancelling ends a run at once, with the cause.
func TestPoolStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("enough")
	p := pool(t, "good")
	p.Timeout = time.Minute
	began := time.Now()
	_, err := p.Run(ctx, []string{"a", "hangs", "b"}, func(conformance.Result) { cancel(cause) })
	if !errors.Is(err, cause) || time.Since(began) > 30*time.Second {
		t.Errorf("got %v after %s, want the cause at once", err, time.Since(began))
	}
}
