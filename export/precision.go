package export

import (
	"fmt"
	"math"
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Precision is how an exported model keeps its weights.
type Precision string

// The precisions. The zero value is F32: as they were trained.
const (
	F32 Precision = "f32"

	// F16 stores weights in 16 bits and computes in 32: a Cast stands before each
	// reader. ONNX Runtime folds it when it loads the model, so that it runs as fast as
	// before on any processor; most have no kernels for 16-bit arithmetic, and models
	// that ask for it run through casts at every operator.
	F16 Precision = "f16"

	// Int8 stores the weights of MatMul and Gemm in 8 bits, a scale for each column, and
	// rounds what they multiply to 8 bits for each run (DynamicQuantizeLinear,
	// MatMulInteger): ONNX Runtime has fast kernels for exactly this form, and needs no
	// recordings to measure ranges on. Weights go from -63 to 63 only, as sums of two
	// products beyond 15 bits are cut off on processors without VNNI. Adapters, head
	// and whatever else is under aat/ stay as they are: they are small.
	Int8 Precision = "int8"
)

// Narrowed says what [Narrow] changed.
type Narrowed struct {
	Tensors int   // whose precision changed
	Before  int64 // bytes of all initialisers
	After   int64
}

// Narrow changes a model's weights to a precision. The error is an *UnsupportedError
// if the model has no weight that can be, or its operator set lacks what is needed.
func Narrow(m *graphsurgery.Model, p Precision) (Narrowed, error) {
	out := Narrowed{Before: stored(m)}
	change := map[Precision]func(*graphsurgery.Model, *graphsurgery.Patch) (int, error){F16: halve, Int8: quantise}[p]
	switch {
	case p == "" || p == F32:
		out.After = out.Before
		return out, nil
	case change == nil:
		return out, &graphsurgery.UnsupportedError{What: fmt.Sprintf("unknown precision %q", p), Hint: "precisions are f32, f16 and int8"}
	}
	patch := m.NewPatch(string(p))
	var err error
	if out.Tensors, err = change(m, patch); err != nil {
		return out, err
	}
	if out.Tensors == 0 {
		return out, &graphsurgery.UnsupportedError{File: m.Path(), What: fmt.Sprintf("the model has no weight that %s applies to", p), Hint: "export it with --precision f32"}
	}
	patch.Prune()
	if err := patch.Apply(); err != nil {
		return out, err
	}
	out.After = stored(m)
	return out, nil
}

// stored counts the bytes of all initialisers.
func stored(m *graphsurgery.Model) int64 {
	var n int64
	for _, t := range m.Graph.Initializers() {
		n += t.Len() * int64(t.DType().Size())
	}
	return n
}

// least is the number of elements from which on a tensor is made smaller: what is
// gained on fewer is less than what the new nodes take.
const least = 512

// halve stores float32 initialisers in 16 bits.
func halve(m *graphsurgery.Model, p *graphsurgery.Patch) (int, error) {
	n := 0
	for _, t := range m.Graph.Initializers() {
		v := m.Graph.Value(t.Name())
		if t.DType() != graphsurgery.Float || t.Len() < least || v.IsGraphOutput() || v.IsListedInput() || len(v.Uses()) == 0 {
			continue
		}
		xs, err := t.Float32s()
		if err != nil {
			return n, err
		}
		if largest(xs) > 65504 { // of binary16
			continue
		}
		half, err := graphsurgery.NewFloatTensor(graphsurgery.Float16, t.Shape(), xs)
		if err != nil {
			return n, err
		}
		w := p.Add("Cast", p.FreshInitializer(t.Name()+"_f16", half), graphsurgery.Attrs{"to": int64(graphsurgery.Float)})
		p.Shunt(v, w)
		n++
	}
	return n, nil
}

// largest is the largest magnitude, infinite if a number is none.
func largest(xs []float32) float64 {
	most := 0.0
	for _, x := range xs {
		if most = max(most, math.Abs(float64(x))); math.IsNaN(most) {
			return math.Inf(1)
		}
	}
	return most
}

// quantise puts integer products in the place of MatMul and Gemm with stored weights.
func quantise(m *graphsurgery.Model, p *graphsurgery.Patch) (int, error) {
	if opset, _ := m.Opset(""); opset < 11 {
		return 0, &graphsurgery.UnsupportedError{File: m.Path(), Opset: opset, What: fmt.Sprintf("opset %d has no DynamicQuantizeLinear; 11 is the first with it", opset), Hint: "convert the base with 'aat-onnx transform' first"}
	}
	q := quantiser{patch: p, inputs: map[*graphsurgery.Value]quantised{}, weights: map[string]quantised{}}
	n := 0
	for _, node := range m.Graph.Nodes() {
		done, err := q.node(node)
		if err != nil {
			return n, err
		}
		if done {
			n++
		}
	}
	return n, nil
}

// quantised is a value in 8 bits: x = scale·(number - zero).
type quantised struct{ number, scale, zero graphsurgery.Wire }

type quantiser struct {
	patch   *graphsurgery.Patch
	inputs  map[*graphsurgery.Value]quantised // by the value
	weights map[string]quantised              // by the tensor and how it is turned
}

// node replaces one product; false if it is none with a stored weight.
func (q *quantiser) node(n *graphsurgery.Node) (bool, error) {
	gemm := n.Op() == "Gemm"
	if n.Domain() != "" || n.Op() != "MatMul" && !gemm {
		return false, nil
	}
	if gemm && (n.Int("transA", 0) != 0 || n.Float("alpha", 1) != 1 || n.Float("beta", 1) != 1) {
		return false, nil
	}
	t, turned := storedWeight(n.Input(1))
	if t == nil || n.Input(0).IsConstant() || strings.HasPrefix(t.Name(), adapterinject.Prefix) || t.Len() < least {
		return false, nil
	}
	w, err := q.weight(t, turned != (n.Int("transB", 0) != 0))
	if err != nil || w.number == (graphsurgery.Wire{}) {
		return false, err
	}
	x := q.input(n.Input(0))
	p := q.patch
	product := p.Add("Cast", p.Add("MatMulInteger", x.number, w.number, x.zero), graphsurgery.Attrs{"to": int64(graphsurgery.Float)})
	y := p.Add("Mul", product, p.Add("Mul", x.scale, w.scale))
	if gemm && n.Input(2) != nil {
		y = p.Add("Add", y, p.Tap(n.Input(2)))
	}
	p.Replace(n, y)
	return true, nil
}

// storedWeight is the matrix of float32 that a value is, or is the transpose of.
func storedWeight(v *graphsurgery.Value) (t *graphsurgery.Tensor, turned bool) {
	if n := v.Producer(); n != nil && n.Op() == "Transpose" && n.Domain() == "" && n.Input(0) != nil {
		if perm := n.Ints("perm"); perm != nil && (len(perm) != 2 || perm[0] != 1) {
			return nil, false
		}
		v, turned = n.Input(0), true
	}
	t = v.Initializer()
	if n := v.Producer(); t == nil && n != nil && n.Op() == "Constant" {
		t = n.Tensor("value")
	}
	if t == nil || v.IsListedInput() || t.DType() != graphsurgery.Float || len(t.Shape()) != 2 {
		return nil, false
	}
	return t, turned
}

// input rounds what a product reads to 8 bits, once for all its readers.
func (q *quantiser) input(v *graphsurgery.Value) quantised {
	x, ok := q.inputs[v]
	if !ok {
		w := q.patch.Add("DynamicQuantizeLinear", q.patch.Tap(v), graphsurgery.Outputs(3))
		x = quantised{w, w.Out(1), w.Out(2)}
		q.inputs[v] = x
	}
	return x
}

// weight rounds a matrix [in, out] to 8 bits with a scale for each column; nothing if
// it holds what is no number.
func (q *quantiser) weight(t *graphsurgery.Tensor, turned bool) (quantised, error) {
	key := fmt.Sprint(t.Name(), turned)
	if w, ok := q.weights[key]; ok && t.Name() != "" {
		return w, nil
	}
	xs, err := t.Float32s()
	if err != nil || math.IsInf(largest(xs), 1) {
		return quantised{}, err
	}
	shape := t.Shape()
	in, out := int(shape[0]), int(shape[1])
	at := func(i, j int) float64 { return float64(xs[i*out+j]) }
	if turned {
		in, out = out, in
		at = func(i, j int) float64 { return float64(xs[j*in+i]) }
	}
	numbers, scales := columns(in, out, at)
	name := t.Name()
	if name == "" {
		name = "weight"
	}
	w := quantised{
		number: q.patch.FreshInitializer(name+"_int8", graphsurgery.NewTensor([]int64{int64(in), int64(out)}, numbers)),
		scale:  q.patch.FreshInitializer(name+"_scale", graphsurgery.NewTensor([]int64{int64(out)}, scales)),
	}
	q.weights[key] = w
	return w, nil
}

// columns rounds a matrix to whole multiples, up to 63, of a scale for each column.
func columns(in, out int, at func(i, j int) float64) ([]int8, []float32) {
	const most = 63
	numbers, scales := make([]int8, in*out), make([]float32, out)
	for j := range out {
		largest := 0.0
		for i := range in {
			largest = max(largest, math.Abs(at(i, j)))
		}
		scales[j] = float32(largest / most)
		if scales[j] == 0 {
			scales[j] = 1
		}
		for i := range in {
			numbers[i*out+j] = int8(max(-most, min(most, math.RoundToEven(at(i, j)/float64(scales[j])))))
		}
	}
	return numbers, scales
}
