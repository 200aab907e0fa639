// Command bench times onnx-go's models here and on onnx-go's own back end, gorgonnx,
// in turn, and prints a table: make bench-onnxgo.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func main() {
	pjrt.MaybeRunProbe()
	device := flag.String("device", "xla:cpu", "device of our side")
	rounds := flag.Int("rounds", 15, "samples of each side")
	flag.Parse()
	if err := report(*device, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func report(device string, rounds int) error {
	if rounds < 1 {
		return fmt.Errorf("got %d rounds, want 1 or more", rounds)
	}
	fmt.Printf("%d rounds on %d processors; medians (smallest to largest); a run is SetInput, Run and GetOutputTensors.\n\n", rounds, runtime.GOMAXPROCS(0))
	fmt.Printf("| | onnxgo, %s | gorgonnx | ratio of times | of processor times | first run | largest difference |\n|---|---|---|---|---|---|---|\n", device)
	for _, n := range networks() {
		f, err := measure(n, device, rounds)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %s | %s | %s | %s | %.2f s, %.2f s | %.0e of %.1f |\n", f.network,
			spread(column(f.ours, cost.seconds), 1e3, " ms"), spread(column(f.theirs, cost.seconds), 1e3, " ms"),
			spread(f.ratios(cost.seconds), 1, ""), spread(f.ratios(cost.processors), 1, ""),
			f.first.Seconds(), f.theirFirst.Seconds(), f.difference, f.largest)
	}
	return nil
}

// ratios gives gorgonnx's figure over ours, round by round.
func (f figures) ratios(of func(cost) float64) []float64 {
	ratios := column(f.theirs, of)
	for i, c := range f.ours {
		ratios[i] /= of(c)
	}
	return ratios
}

func column(costs []cost, of func(cost) float64) []float64 {
	out := make([]float64, len(costs))
	for i, c := range costs {
		out[i] = of(c)
	}
	return out
}

func (c cost) seconds() float64    { return c.time }
func (c cost) processors() float64 { return c.processor }

// spread gives the median with the smallest and the largest.
func spread(values []float64, scale float64, unit string) string {
	sorted := slices.Sorted(slices.Values(values))
	middle := (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	return fmt.Sprintf("%.3g%s (%.3g to %.3g)", scale*middle, unit, scale*sorted[0], scale*sorted[len(sorted)-1])
}
