package pjrt

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// runProbe tries the library in this process. It is meant for the child only.
func runProbe(path string, k kind) (r ProbeResult) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			r = ProbeResult{Error: firstLine(p)}
		}
		r.Millis = math.Round(float64(time.Since(start).Microseconds())/100) / 10
	}()
	if k == kindORT {
		version, err := loadORT(path)
		if err != nil {
			return ProbeResult{Error: firstLine(err)}
		}
		return ProbeResult{OK: true, API: version}
	}
	if err := checkPJRT(path); err != nil {
		return ProbeResult{Error: firstLine(err)}
	}
	backend, api, err := openXLA(path)
	if err != nil {
		return ProbeResult{Error: firstLine(err)}
	}
	defer backend.Finalize()
	if err := computeKnown(backend); err != nil {
		return ProbeResult{Error: firstLine(err)}
	}
	return ProbeResult{OK: true, API: api, Devices: int(backend.NumDevices())}
}

// computeKnown compiles and runs one small program with a known result: the sum
// and the gradient of tanh(x·w), which needs a product, a transcendental
// function, a reduction and autodiff. GoMLX panics are left to the caller.
func computeKnown(backend compute.Backend) error {
	exec, err := graph.NewExec(backend, func(x, w *graph.Node) []*graph.Node {
		loss := graph.ReduceAllSum(graph.Tanh(graph.Dot(x, w).Product()))
		return []*graph.Node{loss, graph.Gradient(loss, w)[0]}
	})
	if err != nil {
		return err
	}
	defer exec.Finalize()
	x := [][]float32{{0.5, -1}, {0.25, 0.125}}
	w := [][]float32{{1, -0.5}, {0.75, 2}}
	got, err := exec.Call(x, w)
	if err != nil {
		return err
	}
	sum, grad := knownResult(x, w)
	if err := near("sum", got[0].Value().(float32), sum); err != nil {
		return err
	}
	rows, err := valueOf(got[1])
	if err != nil {
		return err
	}
	for i := range grad {
		for j := range grad[i] {
			if err := near(fmt.Sprintf("gradient[%d][%d]", i, j), rows[i][j], grad[i][j]); err != nil {
				return err
			}
		}
	}
	return nil
}

func valueOf(t *tensors.Tensor) ([][]float32, error) {
	v, ok := t.Value().([][]float32)
	if !ok || len(v) != 2 || len(v[0]) != 2 || len(v[1]) != 2 {
		return nil, fmt.Errorf("the gradient has shape %s, want [2 2]", t.Shape())
	}
	return v, nil
}

// knownResult computes the same in plain Go, in double precision.
func knownResult(x, w [][]float32) (sum float64, grad [2][2]float64) {
	for n := range x {
		for j := range 2 {
			y := math.Tanh(float64(x[n][0])*float64(w[0][j]) + float64(x[n][1])*float64(w[1][j]))
			sum += y
			for i := range 2 {
				grad[i][j] += float64(x[n][i]) * (1 - y*y)
			}
		}
	}
	return sum, grad
}

// near allows 2e-3: a GPU multiplies in TF32, which keeps 10 bits of mantissa
// (1e-3 relative) of values around 1. A wrong program is wrong by far more.
func near(what string, got float32, want float64) error {
	if d := math.Abs(float64(got) - want); !(d <= 2e-3) {
		return fmt.Errorf("it computes wrongly: %s is %v, want %v", what, got, want)
	}
	return nil
}

// firstLine keeps a library's message to one line of reasonable length.
func firstLine(v any) string {
	line, _, _ := strings.Cut(fmt.Sprint(v), "\n")
	return clip(line)
}
