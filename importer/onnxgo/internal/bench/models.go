package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// network is a model that both back ends can run.
type network struct {
	name  string
	input []int
	opset int64
	body  func(b *builder, x graphsurgery.Wire) graphsurgery.Wire
}

// networks leaves batches of one to the convolutional network: gorgonnx's Gemm
// writes its result over the bias where that has as many elements.
func networks() []network {
	return []network{
		{"MNIST-8's structure, batch 1", []int{1, 1, 28, 28}, 8, convolutional},
		{"MNIST-8's structure, batch 64", []int{64, 1, 28, 28}, 8, convolutional},
		{"perceptron 784-512-512-10, batch 64", []int{64, 784}, 9, perceptron},
	}
}

// convolutional has the nodes of MNIST-8 of the ONNX model zoo.
func convolutional(b *builder, x graphsurgery.Wire) graphsurgery.Wire {
	block := func(x graphsurgery.Wire, in, out, pool int64) graphsurgery.Wire {
		conv := b.patch.Add("Conv", x, b.weight(in*25, out, in, 5, 5), graphsurgery.Attrs{
			"kernel_shape": []int64{5, 5}, "strides": []int64{1, 1}, "dilations": []int64{1, 1}, "auto_pad": "SAME_UPPER", "group": 1})
		relu := b.patch.Add("Relu", b.patch.Add("Add", conv, b.weight(1, out, 1, 1)))
		return b.patch.Add("MaxPool", relu, graphsurgery.Attrs{
			"kernel_shape": []int64{pool, pool}, "strides": []int64{pool, pool}, "pads": []int64{0, 0, 0, 0}, "auto_pad": "NOTSET"})
	}
	features := block(block(x, 1, 8, 2), 8, 16, 3)
	flat := b.patch.Add("Reshape", features, b.initializer(graphsurgery.NewTensor([]int64{2}, []int64{b.batch, 256})))
	return b.patch.Add("Add", b.patch.Add("MatMul", flat, b.weight(256, 256, 10)), b.weight(1, 1, 10))
}

// perceptron is what PyTorch writes for three Linear layers.
func perceptron(b *builder, x graphsurgery.Wire) graphsurgery.Wire {
	linear := func(x graphsurgery.Wire, in, out int64) graphsurgery.Wire {
		return b.patch.Add("Gemm", x, b.weight(in, out, in), b.weight(1, out), graphsurgery.Attrs{"transB": 1})
	}
	hidden := b.patch.Add("Relu", linear(x, 784, 512))
	return linear(b.patch.Add("Relu", linear(hidden, 512, 512)), 512, 10)
}

// builder writes a model with random weights.
type builder struct {
	patch  *graphsurgery.Patch
	random *rand.Rand
	batch  int64
	count  int
}

func (b *builder) initializer(t *graphsurgery.Tensor) graphsurgery.Wire {
	b.count++
	return b.patch.Initializer(fmt.Sprintf("w%d", b.count), t)
}

// weight draws a weight that keeps the size of a sum of so many terms.
func (b *builder) weight(terms int64, shape ...int64) graphsurgery.Wire {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(b.random.NormFloat64() / math.Sqrt(float64(terms)))
	}
	return b.initializer(graphsurgery.NewTensor(shape, data))
}

// file gives the ONNX file; the same one at each call.
func (n network) file() ([]byte, error) {
	m := graphsurgery.NewModel(n.opset)
	b := &builder{patch: m.NewPatch(n.name), random: rand.New(rand.NewPCG(1, 2)), batch: int64(n.input[0])}
	sizes := make([]int64, len(n.input))
	for i, d := range n.input {
		sizes[i] = int64(d)
	}
	x := b.patch.AddInput("x", graphsurgery.Type{DType: graphsurgery.Float, Shape: graphsurgery.Known(sizes...)})
	b.patch.AddOutput("y", n.body(b, x), graphsurgery.Type{DType: graphsurgery.Float})
	if err := b.patch.Apply(); err != nil {
		return nil, err
	}
	return m.Bytes()
}
