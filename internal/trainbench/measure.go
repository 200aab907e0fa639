package trainbench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
)

// Side is one implementation: a command and what it said.
type Side struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	About   About    `json:"about"`

	First   float64   `json:"first_step_s"` // with whatever it compiles
	Seconds []float64 `json:"seconds"`      // of each step after the warm-up: the median of its round
	CPU     []float64 `json:"cpu_seconds"`  // processor time of those steps
	Losses  []float64 `json:"losses"`       // of all steps
	Peak    float64   `json:"peak_bytes"`

	process *exec.Cmd
	in      io.WriteCloser
	lines   *bufio.Reader
}

// Measure runs rounds of n steps each on every side in turn; the side that goes
// first changes from round to round. Before them each side does one step, which
// compiles, and n more.
func Measure(ctx context.Context, sides []*Side, rounds, n int) error {
	defer func() {
		for _, s := range sides {
			s.stop()
		}
	}()
	for _, s := range sides { // one after another: the first step of each is timed alone
		if err := s.start(ctx); err != nil {
			return err
		}
		first, err := s.run(1)
		if err != nil {
			return err
		}
		s.First = first.Seconds[0]
		if _, err := s.run(n); err != nil {
			return err
		}
	}
	for round := range rounds {
		for i := range sides {
			s := sides[(round+i)%len(sides)]
			got, err := s.run(n)
			if err != nil {
				return err
			}
			s.Seconds = append(s.Seconds, Median(got.Seconds))
			s.CPU = append(s.CPU, Median(got.CPU))
		}
	}
	for _, s := range sides {
		if err := s.finish(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Side) start(ctx context.Context) (err error) {
	s.process = exec.CommandContext(ctx, s.Command[0], s.Command[1:]...)
	s.process.Stderr = os.Stderr
	if s.in, err = s.process.StdinPipe(); err != nil {
		return err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	s.lines = bufio.NewReader(out)
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return s.read(&s.About)
}

// run asks for n steps.
func (s *Side) run(n int) (steps, error) {
	var got steps
	if _, err := fmt.Fprintln(s.in, n); err != nil {
		return got, fmt.Errorf("%s: %w", s.Name, err)
	}
	if err := s.read(&got); err != nil {
		return got, err
	}
	if len(got.Seconds) != n || len(got.CPU) != n || len(got.Losses) != n {
		return got, fmt.Errorf("%s did %d steps, want %d", s.Name, len(got.Seconds), n)
	}
	s.Losses = append(s.Losses, got.Losses...)
	return got, nil
}

func (s *Side) read(v any) error {
	line, err := s.lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s ended early: %w", s.Name, err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%s: %w in %q", s.Name, err, line)
	}
	return nil
}

// finish lets the side end and notes its memory.
func (s *Side) finish() error {
	var last bye
	if err := s.in.Close(); err != nil {
		return err
	}
	if err := s.read(&last); err != nil {
		return err
	}
	s.Peak = last.Peak
	process := s.process
	s.process = nil
	return process.Wait()
}

// stop ends a side that is still running after a failure.
func (s *Side) stop() {
	if s.process != nil && s.process.Process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
	}
}

// Ratios divides a by b round by round.
func Ratios(a, b []float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] / b[i]
	}
	return out
}

// Median is the middle value, or the mean of the two in the middle.
func Median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Spread is a median with the smallest and the largest value.
func Spread(x []float64) string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", Median(x), slices.Min(x), slices.Max(x))
}
