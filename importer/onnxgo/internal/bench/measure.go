package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend"
	"github.com/owulveryck/onnx-go/backend/x/gorgonnx"
	"golang.org/x/sys/unix"
	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/importer/onnxgo"
)

// side is a model on one back end.
type side struct {
	backend backend.ComputationBackend
	model   *onnx.Model
}

func newSide(b backend.ComputationBackend, file []byte) (*side, error) {
	s := &side{backend: b, model: onnx.NewModel(b)}
	return s, s.model.UnmarshalBinary(file)
}

// run takes the model from an input to its output, and the time for it.
func (s *side) run(input []int, x []float32) ([]float32, time.Duration, error) {
	start := time.Now()
	if err := s.model.SetInput(0, tensor.New(tensor.WithShape(input...), tensor.WithBacking(x))); err != nil {
		return nil, 0, err
	}
	if err := s.backend.Run(); err != nil {
		return nil, 0, err
	}
	outputs, err := s.model.GetOutputTensors()
	if err != nil {
		return nil, 0, err
	}
	took := time.Since(start)
	y, ok := outputs[0].Data().([]float32)
	if !ok {
		return nil, 0, fmt.Errorf("output of %s, want float32", outputs[0].Dtype())
	}
	return slices.Clone(y), took, nil
}

// figures are what came of a network.
type figures struct {
	network             string
	ours, theirs        []cost // of a run, by round
	first, theirFirst   time.Duration
	difference, largest float64 // between outputs; of an output
}

// cost is the time of a run and that of all processors in it, in seconds.
type cost struct{ time, processor float64 }

// sample is how long a side runs in each round at least: on a busy machine a single
// short run says little.
const sample = 300 * time.Millisecond

// measure runs a network on both back ends in turn.
func measure(n network, device string, rounds int) (f figures, err error) {
	f.network = n.name
	file, err := n.file()
	if err != nil {
		return f, err
	}
	b := onnxgo.NewBackend(onnxgo.Options{Device: device})
	defer b.Close() //nolint:errcheck // all results are copies
	ours, err := newSide(b, file)
	if err != nil {
		return f, err
	}
	theirs, err := newSide(gorgonnx.NewGraph(), file)
	if err != nil {
		return f, err
	}
	random := rand.New(rand.NewPCG(3, 4))
	if f.first, f.theirFirst, err = f.compare(n, ours, theirs, random); err != nil {
		return f, err
	}
	for round := range rounds {
		sides := []*side{ours, theirs}
		if round%2 == 1 {
			slices.Reverse(sides)
		}
		for _, s := range sides {
			c, err := s.sample(n, random)
			if err != nil {
				return f, err
			}
			if s == ours {
				f.ours = append(f.ours, c)
			} else {
				f.theirs = append(f.theirs, c)
			}
		}
	}
	_, _, err = f.compare(n, ours, theirs, random) // still the same after many runs
	return f, err
}

// compare runs both sides on the same input, and gives what each took.
func (f *figures) compare(n network, ours, theirs *side, random *rand.Rand) (took, theirTook time.Duration, err error) {
	x := n.random(random)
	y, took, err := ours.run(n.input, slices.Clone(x))
	if err != nil {
		return 0, 0, fmt.Errorf("%s, onnxgo: %w", n.name, err)
	}
	want, theirTook, err := theirs.run(n.input, x)
	if err != nil {
		return 0, 0, fmt.Errorf("%s, gorgonnx: %w", n.name, err)
	}
	if len(y) != len(want) {
		return 0, 0, fmt.Errorf("%s: onnxgo gives %d numbers, gorgonnx %d", n.name, len(y), len(want))
	}
	for i := range y {
		f.difference = max(f.difference, math.Abs(float64(y[i]-want[i])))
		f.largest = max(f.largest, math.Abs(float64(want[i])))
	}
	return took, theirTook, nil
}

// sample gives the cost of a run, as the mean of some. Processor time has that of
// making the inputs in it, which is small and the same for both sides.
func (s *side) sample(n network, random *rand.Rand) (cost, error) {
	runtime.GC() // or a side pays for the other's garbage
	before, err := processorTime()
	if err != nil {
		return cost{}, err
	}
	total, runs := time.Duration(0), 0.0
	for ; total < sample; runs++ {
		_, took, err := s.run(n.input, n.random(random))
		if err != nil {
			return cost{}, err
		}
		total += took
	}
	after, err := processorTime()
	return cost{time: total.Seconds() / runs, processor: (after - before) / runs}, err
}

// processorTime is what the process has used, in seconds.
func processorTime() (float64, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9, nil
}

func (n network) random(random *rand.Rand) []float32 {
	size := 1
	for _, d := range n.input {
		size *= d
	}
	x := make([]float32, size)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}
