package finetune

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func TestMain(m *testing.M) {
	pjrt.MaybeRunProbe()
	if dir := os.Getenv(envChild); dir != "" {
		os.Exit(trainAsChild(dir))
	}
	os.Exit(m.Run())
}

// envBackends lists the backends to test on; each must open.
const envBackends = "AAT_ONNX_TEST_BACKENDS"

func backendNames() []string {
	names := []string{"go"}
	for name := range strings.SplitSeq(os.Getenv(envBackends), ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// opener opens each backend once; a plugin takes seconds to load.
type opener struct {
	mu   sync.Mutex
	open map[string]compute.Backend
}

func (o *opener) get(name string) (compute.Backend, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if b, ok := o.open[name]; ok {
		return b, nil
	}
	b, _, err := pjrt.Open(context.Background(), name, pjrt.OpenOptions{})
	if err != nil {
		return nil, fmt.Errorf("backend %s of $%s: %w", name, envBackends, err)
	}
	o.open[name] = b
	return b, nil
}

var shared = opener{open: map[string]compute.Backend{}}

func goBackend(t testing.TB) compute.Backend {
	t.Helper()
	return named(t, "go")
}

func named(t testing.TB, name string) compute.Backend {
	t.Helper()
	b, err := shared.get(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// onEach runs a test on every backend.
func onEach(t *testing.T, f func(t *testing.T, b compute.Backend)) {
	for _, name := range backendNames() {
		t.Run(name, func(t *testing.T) { f(t, named(t, name)) })
	}
}

// mlp is the small injected model of testdata/gen_mlp.py.
func mlp(t testing.TB) *graphsurgery.Model {
	t.Helper()
	m, err := graphsurgery.Load(filepath.Join("testdata", "mlp.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// toySet is n recordings of three labels whose features differ in one frame
// each, under noise; 60 % train, 20 % val, 20 % test.
func toySet(n int) *data.Set {
	rng := rand.New(rand.NewPCG(11, 12))
	set := &data.Set{Source: "toy", Labels: []string{"low", "middle", "high"}, Frames: 4, MelBins: 3}
	for i := range n {
		it := data.Item{File: fmt.Sprintf("%03d.wav", i), Label: i % 3, Features: make([]float32, 12)}
		for j := range it.Features {
			it.Features[j] = float32(0.5 * rng.NormFloat64())
			if j/3 == it.Label {
				it.Features[j] += 1.5
			}
		}
		switch (i / 3) % 5 {
		case 3:
			it.Split = data.Val
		case 4:
			it.Split = data.Test
		}
		set.Items = append(set.Items, it)
	}
	return set
}

// quick is a configuration that trains the toy in a second.
func quick(b compute.Backend, out string) Config {
	return Config{Epochs: 4, BatchSize: 8, LearningRate: 0.02, Seed: 3, Out: out, Backend: b, CheckpointInterval: -1}
}

func train(t testing.TB, cfg Config) *Run {
	t.Helper()
	run, err := Train(context.Background(), mlp(t), toySet(90), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// finalState is the newest checkpoint of a run: values, moments, best values.
func finalState(t testing.TB, dir string) *checkpoint {
	t.Helper()
	c, err := readCheckpoint(filepath.Join(dir, fileCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func readFile(t testing.TB, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
