package importer_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestMemoryOfImport: loading a file of 200 MB and putting its weights on the device
// takes less than 1.3 times the file, as the largest resident set of a process of its
// own beyond what it has with its backend open. The device is the host's memory, so
// the weights are once the file; 0.3 is for the model and for what the collector has
// not taken yet.
func TestMemoryOfImport(t *testing.T) {
	const weights, mb = 25, 8
	file := filepath.Join(t.TempDir(), "large.onnx")
	largeModel(t, file, weights, mb<<20)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range testBackends() {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), envMemory+"="+name+","+file)
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		var taken int64
		if _, err := fmt.Sscanf(string(out), "taken %d", &taken); err != nil {
			t.Fatalf("%s: the child said %q", name, out)
		}
		ratio := float64(taken) / float64(info.Size())
		t.Logf("%s: %.2f of the file", name, ratio)
		if ratio >= 1.3 || ratio < 0.9 { // less than the weights cannot be
			t.Errorf("%s: %d bytes for a file of %d, %.2f of it; want from 0.9 to 1.3", name, taken, info.Size(), ratio)
		}
	}
}

// largeModel writes a sum of so many weights of so many bytes each.
func largeModel(t *testing.T, file string, weights, size int) {
	t.Helper()
	m := graphsurgery.NewModel(17)
	p := m.NewPatch("build")
	shape := []int64{int64(size / 4)}
	sum := p.AddInput("x", graphsurgery.Type{DType: graphsurgery.Float, Shape: graphsurgery.Known(shape...)})
	zeros := make([]float32, shape[0])
	for i := range weights {
		sum = p.Add("Add", sum, p.Initializer(fmt.Sprint("w", i), graphsurgery.NewTensor(shape, zeros)))
	}
	p.AddOutput("y", sum, graphsurgery.Type{})
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(file); err != nil {
		t.Fatal(err)
	}
}
