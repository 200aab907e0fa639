package onnxgo_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/x/gorgonnx"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/importer/onnxgo"
)

// perceptron has operators alone that gorgonnx can differentiate, which Gemm is
// not; each of its weights has a shape of its own.
func perceptron() string {
	return fmt.Sprintf(`<ir_version: 7, opset_import: ["" : 9]>
	g (float[4,3] x) => (float[4,2] y) <float[3,5] w1 = {%s}, float[1,5] b1 = {%s}, float[5,2] w2 = {%s}> {
		h = MatMul(x, w1)
		a = Add(h, b1)
		s = Sigmoid(a)
		y = MatMul(s, w2)
	}`, list(15, 1), list(5, 2), list(10, 3))
}

// wave gives n numbers between -1 and 1 that follow no simple pattern.
func wave(n, seed int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(math.Sin(float64(seed + 7*i*i + 3*i)))
	}
	return out
}

func list(n, seed int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(wave(n, seed)), " ", ", "), "[]")
}

func isWeight(name string) bool { return name != "x" }

// weights reads the trained values from the store.
func weights(t *testing.T, b *onnxgo.Backend, names ...string) map[string][]float32 {
	t.Helper()
	store, err := b.Store()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]float32)
	for _, name := range names {
		out[name] = tensors.MustCopyFlatData[float32](store.GetVariable(importer.VariablePath(name)).MustValue())
	}
	return out
}

func batch(shape []int, x []float32, labels []int, y []float32) train.Batch {
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, shape...)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, labels...)},
	}
}

// gorgoniaGradients gives the gradients of the mean squared error, by Gorgonia's own
// differentiation of the graph that gorgonnx makes of the perceptron.
func gorgoniaGradients(t *testing.T, data []byte, x, y []float32) map[string][]float32 {
	t.Helper()
	b := gorgonnx.NewGraph()
	m := onnx.NewModel(b)
	if err := m.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if err := m.SetInput(0, tensor.New(tensor.WithShape(4, 3), tensor.WithBacking(slices.Clone(x)))); err != nil {
		t.Fatal(err)
	}
	g, err := b.GetExprGraph()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"(3, 5)": "w1", "(1, 5)": "b1", "(5, 2)": "w2"}
	nodes := make(map[string]*gorgonia.Node)
	var wrt gorgonia.Nodes
	for _, n := range g.Inputs() {
		if name := names[fmt.Sprint(n.Shape())]; name != "" {
			nodes[name] = n
			wrt = append(wrt, n)
		}
	}
	output := g.Roots()[0]
	want := gorgonia.NodeFromAny(g, tensor.New(tensor.WithShape(4, 2), tensor.WithBacking(slices.Clone(y))), gorgonia.WithName("target"))
	diff := gorgonia.Must(gorgonia.Sub(output, want))
	cost := gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(diff))))
	if _, err := gorgonia.Grad(cost, wrt...); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(wrt...))
	defer vm.Close() //nolint:errcheck // nothing was written
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]float32)
	for name, n := range nodes {
		gradient, err := n.Grad()
		if err != nil {
			t.Fatal(err)
		}
		out[name] = gradient.Data().([]float32)
	}
	return out
}

// A step of plain descent at rate 1 takes the gradient off the weights.
func TestGradientsAreGorgonias(t *testing.T) {
	data := file(t, perceptron())
	x, y := wave(12, 4), wave(8, 5)
	want := gorgoniaGradients(t, data, x, y)
	if len(want) != 3 {
		t.Fatalf("Gorgonia gives gradients of %d weights, want 3", len(want))
	}
	for _, spec := range testDevices() {
		t.Run(spec, func(t *testing.T) {
			b := onnxgo.NewBackend(onnxgo.Options{Compute: device(t, spec), Trainable: isWeight})
			defer b.Close() //nolint:errcheck // judged by then
			if err := onnx.NewModel(b).UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			trainer, err := b.Trainer(loss.MeanSquaredError, optimizer.StochasticGradientDescent().WithDecay(false).WithLearningRate(1))
			if err != nil {
				t.Fatal(err)
			}
			before := weights(t, b, "w1", "b1", "w2")
			if _, err := trainer.TrainStep(batch([]int{4, 3}, x, []int{4, 2}, y)); err != nil {
				t.Fatal(err)
			}
			after := weights(t, b, "w1", "b1", "w2")
			for name, gradient := range want {
				for i, g := range gradient {
					// Weights are near 1, so that their difference is good to 1e-7.
					if got := before[name][i] - after[name][i]; math.Abs(float64(got-g)) > 2e-6 || len(gradient) != len(before[name]) {
						t.Errorf("gradient %d of %s is %v, want %v", i, name, got, g)
					}
				}
			}
		})
	}
}

// What is trained shows in Run and in Trained, also when the optimiser keeps state
// in the same store and only some weights are trained.
func TestTraining(t *testing.T) {
	data := file(t, perceptron())
	x, y := wave(12, 4), wave(8, 5)
	for _, spec := range testDevices() {
		t.Run(spec, func(t *testing.T) {
			d := device(t, spec)
			b := onnxgo.NewBackend(onnxgo.Options{Compute: d, Trainable: func(name string) bool { return name == "w2" }})
			defer b.Close() //nolint:errcheck // judged by then
			m := onnx.NewModel(b)
			if err := m.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			trainer, err := b.Trainer(loss.MeanSquaredError, optimizer.Adam().LearningRate(0.1).Done())
			if err != nil {
				t.Fatal(err)
			}
			before := weights(t, b, "w1", "w2")
			input := tensor.New(tensor.WithShape(4, 3), tensor.WithBacking(slices.Clone(x)))
			first := squaredError(run(t, b, m, input)[0].([]float32), y)
			for range 100 {
				if _, err := trainer.TrainStep(batch([]int{4, 3}, slices.Clone(x), []int{4, 2}, slices.Clone(y))); err != nil {
					t.Fatal(err)
				}
			}
			output := run(t, b, m, input)[0].([]float32)
			// The 4 rows of 5 features leave the 5 weights of an output free to fit.
			if last := squaredError(output, y); last > first/20 {
				t.Errorf("the error went from %v to %v, want a twentieth", first, last)
			}
			after := weights(t, b, "w1", "w2")
			if !slices.Equal(before["w1"], after["w1"]) || slices.Equal(before["w2"], after["w2"]) {
				t.Errorf("w1 went from %v to %v, w2 from %v to %v; only w2 is trained", before["w1"], after["w1"], before["w2"], after["w2"])
			}
			trained, err := b.Trained()
			if err != nil {
				t.Fatal(err)
			}
			data, err := trained.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			again := onnxgo.NewBackend(onnxgo.Options{Compute: d})
			defer again.Close() //nolint:errcheck // judged by then
			reloaded := onnx.NewModel(again)
			if err := reloaded.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			floats(t, run(t, again, reloaded, input)[0], output...)
		})
	}
}

func squaredError(got, want []float32) float64 {
	sum := 0.0
	for i := range want {
		sum += math.Pow(float64(got[i]-want[i]), 2)
	}
	return sum
}

func TestTrainerRefuses(t *testing.T) {
	b, _ := open(t, perceptron(), onnxgo.Options{})
	if _, err := b.Trainer(loss.MeanSquaredError, optimizer.Adam().Done()); err == nil {
		t.Error("a trainer of a model without trainable weights gave no error")
	}
	b, m := open(t, perceptron(), onnxgo.Options{Trainable: isWeight})
	if _, err := b.Trainer(loss.MeanSquaredError, optimizer.Adam().Done()); err != nil {
		t.Fatal(err)
	}
	if err := m.SetInput(0, tensor.New(tensor.WithShape(4, 3), tensor.WithBacking(make([]float64, 12)))); err != nil {
		t.Fatal(err)
	}
	if err := b.Run(); err == nil {
		t.Error("an input of another type, which needs the graph built again, gave no error after Trainer")
	}
}
