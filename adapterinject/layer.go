package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// LayerName names a linear layer of a block.
type LayerName string

// The linear layers of a block.
const (
	LayerQ    LayerName = "q"
	LayerK    LayerName = "k"
	LayerV    LayerName = "v"
	LayerKV   LayerName = "kv"  // packed keys and values
	LayerQKV  LayerName = "qkv" // packed all three
	LayerO    LayerName = "o"
	LayerFC1  LayerName = "fc1"
	LayerGate LayerName = "gate" // other first layer of a gated MLP (arXiv 2002.05202)
	LayerFC2  LayerName = "fc2"
)

// Layer is y = x·W + b in whatever spelling: MatMul and Add, Gemm, Conv of one
// position, Einsum.
type Layer struct {
	Name   LayerName
	In     *gs.Value // x
	Out    *gs.Value // y, bias included
	Weight *gs.Value // as the product reads it: a constant, perhaps through Transpose or Identity
	Bias   *gs.Value // as it is added; nil if there is none
	Node   *gs.Node  // the product
	InDim  int       // 0 if the file does not say
	OutDim int       // 0 if the file does not say

	channels, wide, quantised bool
	activation                string    // fused into the operator
	shape                     []int64   // of the weight; nil if it is not known
	product                   *gs.Value // x·W, without what is added behind it
	parts                     []Part    // of a packed layer, as far as they were traced
	untraced                  error     // why there are none
}

// Layer gives the layer of that name.
func (b Block) Layer(name LayerName) (Layer, bool) {
	for _, l := range b.Layers {
		if l.Name == name {
			return l, true
		}
	}
	return Layer{}, false
}

// layersOf lists a block's linear layers.
func (f *facts) layersOf(a *attention, m *ffn) []Layer {
	var out []Layer
	add := func(name LayerName, l *linear) {
		if l != nil {
			out = append(out, Layer{
				Name: name, In: l.in, Out: l.out, Weight: l.weight, Bias: l.bias, Node: l.node,
				InDim: l.inDim, OutDim: l.width, channels: l.channels, wide: l.wide, quantised: l.quantised || f.quant[l.weight],
				activation: l.activation, product: l.product, shape: f.known(l.weight),
			})
		}
	}
	pack := func(name LayerName, l *linear, operands map[LayerName]*gs.Value) {
		add(name, l)
		packed := &out[len(out)-1]
		packed.parts, packed.untraced = f.partsOf(l, operands)
	}
	switch {
	case a.q == nil:
	case a.q == a.k && a.q == a.v:
		pack(LayerQKV, a.q, map[LayerName]*gs.Value{LayerQ: a.scoreLeft, LayerK: a.keys, LayerV: a.values})
	case a.k == a.v:
		add(LayerQ, a.q)
		pack(LayerKV, a.k, map[LayerName]*gs.Value{LayerK: a.keys, LayerV: a.values})
	default:
		add(LayerQ, a.q)
		add(LayerK, a.k)
		add(LayerV, a.v)
	}
	add(LayerO, a.o)
	if m != nil {
		add(LayerFC1, m.fc1)
		if m.gate != m.fc1 {
			add(LayerGate, m.gate)
		}
		add(LayerFC2, m.fc2)
	}
	return out
}
