package trainbench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hello, steps and bye are the lines a side writes.
type hello struct {
	About string `json:"about"`
	// Load and Import are the seconds to read the file and to lower it, before
	// anything is compiled; 0 where a side does not tell.
	Load   float64 `json:"load,omitempty"`
	Import float64 `json:"import,omitempty"`
	// Loaded is the largest resident memory up to then, beyond what the process
	// had with its backend open, in bytes.
	Loaded float64 `json:"loaded,omitempty"`
}

type steps struct {
	Seconds []float64 `json:"seconds"`
	CPU     []float64 `json:"cpu"` // processor seconds of all threads
	Losses  []float64 `json:"losses"`
}

type bye struct {
	Peak float64 `json:"peak"` // largest resident memory, bytes
}

// Batch gives the numbers that every side trains on.
func Batch(size, features, classes int) ([]float32, []int32) {
	x := make([]float32, size*features)
	for i := range x {
		x[i] = float32(float64(i*7919%1009)/1009*2 - 1)
	}
	labels := make([]int32, size)
	for i := range labels {
		labels[i] = int32(i % classes)
	}
	return x, labels
}

// About is the first line of a side.
type About = hello

// Serve answers requests for steps until in ends.
func Serve(in io.Reader, out io.Writer, about About, step func() (loss float64, err error)) error {
	w := json.NewEncoder(out)
	if err := w.Encode(about); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			return fmt.Errorf("a request of steps: %w", err)
		}
		var s steps
		for range n {
			begin, used := time.Now(), processorTime()
			loss, err := step()
			if err != nil {
				return err
			}
			s.Seconds = append(s.Seconds, time.Since(begin).Seconds())
			s.CPU = append(s.CPU, processorTime()-used)
			s.Losses = append(s.Losses, loss)
		}
		if err := w.Encode(s); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return w.Encode(bye{Peak: PeakMemory()})
}

// processorTime is what all threads of this process used, user and system.
func processorTime() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// PeakMemory is this process's largest resident set in bytes, 0 where it cannot
// be told.
func PeakMemory() float64 {
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
