package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// gradients takes one step of plain descent in the model and gives the number of
// tensors that moved. The trainable variables must be those of the adapters alone, and
// the gradient of each must be finite and not all zero.
func (c *candidate) gradients(m *gs.Model) (int, error) {
	names := adapterinject.Trainable(m)
	program, err := importer.Load(m, importer.Options{
		Trainable: func(name string) bool { return slices.Contains(names, name) },
		Fixed:     c.fixed(m),
	})
	if err != nil {
		return 0, err
	}
	if got := program.Trainable(); !slices.Equal(got, names) {
		return 0, fmt.Errorf("trainable variables are %v, want %v", got, names)
	}
	store := model.NewStore()
	defer store.Finalize()
	var steps [][]float32
	err = importer.Guard("train", func() error {
		if err := program.Install(store); err != nil {
			return err
		}
		steps, err = c.slopes(program, store, names)
		return err
	})
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		if !slices.ContainsFunc(steps[i], func(x float32) bool { return x != 0 }) {
			return 0, fmt.Errorf("the gradient of %s is zero", name)
		}
		if slices.ContainsFunc(steps[i], func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) }) {
			return 0, fmt.Errorf("the gradient of %s is not finite", name)
		}
	}
	return len(names), change(m, func(k int, _ string, xs []float32) {
		for i := range xs {
			xs[i] -= 1e-3 * steps[k][i]
		}
	})
}

// slopes are the gradients of a loss that reads the first output.
func (c *candidate) slopes(program *importer.Program, store *model.Store, names []string) ([][]float32, error) {
	var inputs []string
	var args []any
	for _, in := range program.Inputs() {
		a, ok := c.arrays["input/"+in.Name]
		if !ok {
			return nil, fmt.Errorf("torch.npz has no input %q", in.Name)
		}
		inputs, args = append(inputs, in.Name), append(args, arrayTensor(a))
	}
	exec, err := model.NewExec(c.backend, store, func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
		feeds := map[string]*graph.Node{}
		for i, n := range nodes {
			feeds[inputs[i]] = n
		}
		y := graph.ConvertDType(program.Call(scope, feeds)[0], dtypes.Float32)
		weight := graph.Sin(graph.MulScalar(graph.Iota(y.Graph(), y.Shape(), y.Rank()-1), 1.7))
		var variables []*graph.Node
		for _, name := range names {
			variables = append(variables, store.GetVariable(importer.VariablePath(name)).NodeValue(y.Graph()))
		}
		return graph.Gradient(graph.ReduceAllSum(graph.Mul(y, weight)), variables...)
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	out, err := exec.Call(args...)
	if err != nil {
		return nil, err
	}
	slopes := make([][]float32, len(out))
	for i, t := range out {
		tensors.MustConstFlatData(t, func(xs []float32) { slopes[i] = slices.Clone(xs) })
	}
	return slopes, nil
}

// fixed gives the inputs that hold no floats: in some models they decide a shape.
func (c *candidate) fixed(m *gs.Model) map[string]*gs.Tensor {
	out := map[string]*gs.Tensor{}
	for _, v := range m.Graph.Inputs() {
		if a, ok := c.arrays["input/"+v.Name()]; ok && (v.DType() == gs.Int64 || v.DType() == gs.Bool) {
			if t, err := importer.ONNXTensor(arrayTensor(a)); err == nil {
				out[v.Name()] = t
			}
		}
	}
	return out
}

func arrayTensor(a testutil.Array) *tensors.Tensor {
	switch a.DType {
	case "<i8":
		return tensors.FromFlatDataAndDimensions(a.Int64s(), a.Shape...)
	case "|b1":
		return tensors.FromFlatDataAndDimensions(a.Bools(), a.Shape...)
	}
	return tensors.FromFlatDataAndDimensions(a.Float32s(), a.Shape...)
}
