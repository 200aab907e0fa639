package finetune

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/google/go-cmp/cmp"
)

// A child process of these tests trains in the folder of envChild, on the
// backend of envChildBackend. At the n-th point of its saves it sends itself the
// signal s where envChildPoint is "n s"; before a stop it says so.
const (
	envChild        = "AAT_ONNX_TEST_TRAIN_IN"
	envChildBackend = "AAT_ONNX_TEST_TRAIN_ON"
	envChildPoint   = "AAT_ONNX_TEST_SIGNAL_AT"
)

// childConfig saves after each step, so that kills meet saves.
func childConfig(b compute.Backend, dir string) Config {
	cfg := quick(b, dir)
	cfg.CheckpointEvery = 1
	return cfg
}

// trainAsChild begins or continues the run in dir and gives the exit code.
func trainAsChild(dir string) int {
	b, err := shared.get(os.Getenv(envChildBackend))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	m := mlp(panicker{})
	cfg := childConfig(b, dir)
	n, signal := 0, 0
	if _, err := fmt.Sscan(os.Getenv(envChildPoint), &n, &signal); err == nil {
		cfg.at = func(string) {
			if n--; n == 0 {
				fmt.Println("signal")
				_ = syscall.Kill(os.Getpid(), syscall.Signal(signal))
				time.Sleep(10 * time.Millisecond) // the kernel stops or ends us here
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, fileConfig)); err == nil {
		_, err = Resume(context.Background(), dir, toySet(90), cfg)
		return report(err)
	}
	_, err = Train(context.Background(), m, toySet(90), cfg)
	return report(err)
}

func report(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// panicker lets helpers of tests run in the child, which has no test.
type panicker struct{ testing.TB }

func (panicker) Helper()           {}
func (panicker) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// child runs a training in dir. It is killed after the delay, where one is
// given. It says whether it ended by itself.
func child(t *testing.T, backend, dir string, delay time.Duration, point int) (finished bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), envChild+"="+dir, envChildBackend+"="+backend)
	if point > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d %d", envChildPoint, point, syscall.SIGKILL))
	}
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	if delay > 0 {
		select {
		case err = <-done:
		case <-time.After(delay):
			_ = cmd.Process.Kill()
			err = <-done
		}
	} else {
		err = <-done
	}
	if ctx.Err() != nil {
		t.Fatalf("the child hangs\n%s", out.String())
	}
	if err != nil && cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child failed: %v\n%s", err, out.String())
	}
	return err == nil
}

// sameEnd compares a run that was killed with one that never was.
func sameEnd(t *testing.T, straight, dir string) {
	t.Helper()
	for _, name := range []string{fileConfig, fileBest, fileResult} {
		if readFile(t, straight, name) != readFile(t, dir, name) {
			t.Errorf("%s differs from the run that was never killed", name)
		}
	}
	if diff := cmp.Diff(finalState(t, straight), finalState(t, dir), bits); diff != "" {
		t.Errorf("final state differs (-straight +killed):\n%s", diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".tmp") || e.Name() == fileRotating {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// Killed at random moments, again and again, and continued each time, a run ends
// with the bits of one that was never killed. The moments are spread over the
// time from the first checkpoint to the end. (Engineering reference, R1.)
func TestKillAtRandomMoments(t *testing.T) {
	const kills = 6
	for _, name := range backendNames() {
		t.Run(name, func(t *testing.T) {
			straight := t.TempDir()
			begun := time.Now()
			started := make(chan time.Duration, 1)
			go func() { // a plugin takes longer to load than this takes to train
				for !(&folder{dir: straight}).exists(fileCheckpoint) && time.Since(begun) < time.Minute {
					time.Sleep(time.Millisecond)
				}
				started <- time.Since(begun)
			}()
			if !child(t, name, straight, 0, 0) {
				t.Fatal("the straight run did not finish")
			}
			whole := time.Since(begun)
			start := time.Duration(0.9 * float64(<-started))
			rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
			killed, steps := 0, map[int]bool{}
			for round := 0; killed < kills; round++ {
				if round > 20*kills {
					t.Fatalf("only %d kills in %d rounds of %v", killed, round, whole)
				}
				dir := t.TempDir()
				for range 3 { // a run may be killed more than once
					if child(t, name, dir, start+time.Duration(float64(whole-start)*rng.Float64()), 0) {
						break
					}
					killed++
					if c, _, err := (&folder{dir: dir}).newest(); err != nil {
						t.Fatalf("after a kill: %v", err)
					} else if c != nil {
						steps[c.Step] = true
					}
				}
				if !child(t, name, dir, 0, 0) {
					t.Fatal("the continued run did not finish")
				}
				sameEnd(t, straight, dir)
			}
			t.Logf("%d kills, with the newest state at steps %v", killed, slices.Sorted(maps.Keys(steps)))
		})
	}
}

// Killed at each point of the saves, by itself, so that no point is missed: at
// the start, in the first saves, where both generations are there, and at an
// epoch's end. (Engineering reference, R2.)
func TestKillAtEveryPointOfASave(t *testing.T) {
	straight := t.TempDir()
	child(t, "go", straight, 0, 0)
	// Points 1 and 2 are the model and the configuration; a save of a state has
	// five points the first time and six after.
	points := []int{1, 2}
	for p := 3; p <= 20; p++ {
		points = append(points, p)
	}
	points = append(points, 48, 49, 50, 51, 52, 53, 54)
	for _, p := range points {
		dir := t.TempDir()
		if child(t, "go", dir, 0, p) {
			t.Errorf("point %d was never reached", p)
			continue
		}
		if !child(t, "go", dir, 0, 0) {
			t.Fatalf("killed at point %d, the continued run did not finish", p)
		}
		sameEnd(t, straight, dir)
	}
}

// Killed while its very first file was being written, a folder holds no run yet, and
// still the next one takes away what was left there, and nothing else.
func TestKilledInTheFirstWrite(t *testing.T) {
	dir := t.TempDir()
	left, other := filepath.Join(dir, "."+fileModel+".tmp0123abcd"), filepath.Join(dir, ".notes.tmp0123abcd")
	for _, path := range []string{left, other} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	train(t, quick(goBackend(t), dir))
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the half file of the model: %v, want it removed", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("a file of another name: %v, want it kept", err)
	}
}

// A second process in the same folder is refused at once, naming the first; the
// first goes on to the same bits. After a kill -9 the folder is free.
// (Engineering reference, R19.)
func TestLockBetweenProcesses(t *testing.T) {
	straight := t.TempDir()
	child(t, "go", straight, 0, 0)
	for _, end := range []syscall.Signal{syscall.SIGCONT, syscall.SIGKILL} {
		dir := t.TempDir()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		first := exec.CommandContext(ctx, os.Args[0])
		first.Env = append(os.Environ(), envChild+"="+dir, envChildBackend+"=go", fmt.Sprintf("%s=30 %d", envChildPoint, syscall.SIGSTOP))
		out, err := first.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "signal\n" {
			t.Fatalf("the first process says %q (%v)", line, err)
		}
		begun := time.Now()
		_, err = Resume(context.Background(), dir, toySet(90), childConfig(goBackend(t), dir))
		var le *LockedError
		if !errors.As(err, &le) || le.PID != first.Process.Pid {
			t.Errorf("error %v, want a LockedError that names process %d", err, first.Process.Pid)
		}
		if d := time.Since(begun); d > 2*time.Second {
			t.Errorf("it took %v to be refused", d)
		}
		if err := signalUntilDone(first, end); (err == nil) != (end == syscall.SIGCONT) {
			t.Errorf("after %v the first process ended with %v", end, err)
		}
		if end == syscall.SIGKILL {
			child(t, "go", dir, 0, 0)
		}
		sameEnd(t, straight, dir)
	}
}

// signalUntilDone repeats the signal, because a process that is about to stop
// itself may get it just before that.
func signalUntilDone(cmd *exec.Cmd, s syscall.Signal) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		_ = cmd.Process.Signal(s) // it may have ended meanwhile
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
