package adapterinject

import (
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Part is one of a block's linear maps: a layer of its own, or the columns of a
// packed layer that compute the query, the key or the value.
type Part struct {
	Name    LayerName
	Layer   Layer
	Columns []int // of the layer's result, ascending; nil for all of it
}

// OutDim is the number of columns.
func (p Part) OutDim() int {
	if p.Columns == nil {
		return p.Layer.OutDim
	}
	return len(p.Columns)
}

// Column is the layer's column that is the part's column j.
func (p Part) Column(j int) int {
	if p.Columns == nil {
		return j
	}
	return p.Columns[j]
}

// Place is where number i of a matrix [in, out of the part] stands in the layer's.
func (p Part) Place(i int) int {
	n := p.OutDim()
	return i/n*p.Layer.OutDim + p.Column(i%n)
}

// Part gives a block's linear map of that name; of [LayerQ], [LayerK] and [LayerV]
// also where they are packed into one layer. The error is an *UnsupportedError if
// the block has none, or if the columns cannot be told apart.
func (b Block) Part(name LayerName) (Part, error) {
	if l, ok := b.Layer(name); ok {
		return Part{Name: name, Layer: l}, nil
	}
	for _, packed := range []LayerName{LayerKV, LayerQKV} {
		l, ok := b.Layer(packed)
		if !ok {
			continue
		}
		for _, p := range l.parts {
			if p.Name == name {
				p.Layer = l
				return p, nil
			}
		}
		if l.untraced != nil && (name == LayerK || name == LayerV || name == LayerQ && packed == LayerQKV) {
			return Part{}, &gs.UnsupportedError{Node: l.Node.Label(), What: fmt.Sprintf("which columns of the packed layer %s of block %d are %s cannot be told: %v", packed, b.Index, name, l.untraced), Hint: "choose " + string(packed)}
		}
	}
	if n := b.core(); b.Query == nil && (name == LayerQ || name == LayerK || name == LayerV) && n != nil && !is(n, "Softmax") {
		return Part{}, &gs.UnsupportedError{Node: n.Label(), Op: n.Op(), Domain: n.Domain(), What: fmt.Sprintf("the projections of block %d are inside the operator, where %s cannot be tuned apart", b.Index, name), Hint: "export the model without fused attention"}
	}
	return Part{}, &gs.UnsupportedError{What: fmt.Sprintf("block %d has no linear layer %s as a value of the file: it has %s", b.Index, name, b.layerNames()), Hint: "choose other layers, or blocks that have it"}
}

// core is the node that computes the attention weights; nil where it is inside a
// function.
func (b Block) core() *gs.Node {
	if b.Softmax == nil {
		return nil
	}
	return b.Softmax.Producer()
}

func (b Block) layerNames() string {
	text := ""
	for _, l := range b.Layers {
		if text != "" {
			text += ", "
		}
		text += string(l.Name)
	}
	if text == "" {
		return "none"
	}
	return text
}

// Site is where what an adapter adds to a part's result joins the graph.
func (t *Target) Site(p Part) Site {
	v := p.Layer.joint()
	names := map[LayerName]SiteName{
		LayerQ: AttentionQ, LayerK: AttentionK, LayerV: AttentionV, LayerKV: AttentionKV, LayerQKV: AttentionQKV,
		LayerO: AttentionOut, LayerFC1: MLPFC1, LayerGate: MLPGate, LayerFC2: MLPOut,
	}
	return Site{Name: names[p.Name], Value: v, Shape: t.Type(v).Shape, DType: t.Type(v).DType, Width: p.OutDim()}
}

// Tunable is an *UnsupportedError unless the layer is one whose product a low-rank
// product can stand beside and whose result can be scaled.
func (l Layer) Tunable() error {
	why := ""
	switch op := pattern.OpName(l.Node); {
	case l.quantised:
		why = "its weight is quantised to integers"
	case l.wide:
		why = "it is a convolution over several positions"
	case l.activation != "":
		why = fmt.Sprintf("the activation %s is fused into its operator", l.activation)
	case l.InDim <= 0 || l.OutDim <= 0:
		why = "the shape of its weight is not known"
	case l.InDim > maxWidth || l.OutDim > maxWidth:
		why = fmt.Sprintf("it is %d to %d wide; up to %d is handled", l.InDim, l.OutDim, maxWidth)
	case l.Node.Int("group", 1) != 1:
		why = "it is a convolution in groups"
	case l.Node.Int("transA", 0)+l.Node.Int("transBatchA", 0)+l.Node.Int("transBatchB", 0) != 0:
		why = "its operator transposes what it reads"
	case op == "Einsum":
		if _, ok := l.einsum(); !ok {
			why = "its Einsum shares axes among both operands and the result"
		}
	case op != "MatMul" && op != "Gemm" && op != "Conv" && op != "com.microsoft::FusedMatMul" && op != "com.microsoft::TransposeMatMul" && op != "com.microsoft::FusedConv" && op != "com.microsoft::FusedGemm":
		why = "its operator is not known as one"
	}
	if why == "" {
		return nil
	}
	return &gs.UnsupportedError{Node: l.Node.Label(), Op: l.Node.Op(), Domain: l.Node.Domain(), What: fmt.Sprintf("linear layer %s cannot be tuned: %s", l.Name, why), Hint: "choose other layers"}
}

// Parts gives the linear maps of these names in a block, in the order of its flow.
// One of the MLP is left out where the block has none. The error is an
// *UnsupportedError if one of the attention is missing or if one cannot be tuned.
func (b Block) Parts(names []LayerName) ([]Part, error) {
	var out []Part
	for _, name := range layerNames() {
		_, has := b.Layer(name)
		mlp := name == LayerFC1 || name == LayerGate || name == LayerFC2
		if !slices.Contains(names, name) || mlp && !has {
			continue
		}
		p, err := b.Part(name)
		if err == nil {
			err = p.Layer.Tunable()
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// layerNames are all, in the order of the flow.
func layerNames() []LayerName {
	return []LayerName{LayerQ, LayerK, LayerV, LayerKV, LayerQKV, LayerO, LayerFC1, LayerGate, LayerFC2}
}

// CheckLayers is an *UnsupportedError if a name is that of no layer.
func CheckLayers(names []LayerName) error {
	for _, name := range names {
		if !slices.Contains(layerNames(), name) {
			return &gs.UnsupportedError{What: fmt.Sprintf("unknown layer %q", name), Hint: fmt.Sprintf("layers are %v", layerNames())}
		}
	}
	return nil
}
