package importer

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// NewTensor copies an ONNX tensor into a GoMLX one, to be fed to a [Runner]. It
// is an error if no backend computes with the element type.
func NewTensor(t *graphsurgery.Tensor) (*tensors.Tensor, error) { return paramTensor(t, nil) }

// ONNXTensor copies a GoMLX tensor, as a [Runner] returns it, into an ONNX one.
func ONNXTensor(t *tensors.Tensor) (*graphsurgery.Tensor, error) {
	dtype, err := exchangeDType(t)
	if err != nil {
		return nil, err
	}
	shape := make([]int64, t.Rank())
	for i, d := range t.Shape().Dimensions {
		shape[i] = int64(d)
	}
	raw := []byte{}
	if t.Size() > 0 {
		if err := t.ConstBytes(func(data []byte) { raw = append(raw, data...) }); err != nil {
			return nil, err
		}
	}
	return graphsurgery.NewTensorRaw(dtype, shape, raw)
}

// ONNXTensorAs is [ONNXTensor] for a value of a given type: what a [Runner] returns of
// a type of fewer than 16 bits holds its values or codes, one in each byte.
func ONNXTensorAs(t *tensors.Tensor, as graphsurgery.DType) (*graphsurgery.Tensor, error) {
	out, err := ONNXTensor(t)
	if err != nil || storedDType(as) == as {
		return out, err
	}
	if want := storedDType(as); out.DType() != want {
		return nil, fmt.Errorf("type %s is held as %s, got %s", as, want, out.DType())
	}
	raw, err := out.Raw()
	if err != nil {
		return nil, err
	}
	return graphsurgery.NewTensorRaw(as, out.Shape(), pack(raw, as.Bits()))
}

// pack puts values of one byte each into few bits, the first into the lowest.
func pack(values []byte, bits int) []byte {
	each := 8 / bits
	out := make([]byte, (len(values)+each-1)/each)
	for i, v := range values {
		out[i/each] |= v & byte(1<<bits-1) << (i % each * bits)
	}
	return out
}

// exchangeDType gives the ONNX type of a tensor's elements.
func exchangeDType(t *tensors.Tensor) (graphsurgery.DType, error) {
	for d := graphsurgery.Float; d <= graphsurgery.Int2; d++ {
		if c, err := computeDType(d); err == nil && c == t.DType() {
			return d, nil
		}
	}
	return graphsurgery.Undefined, fmt.Errorf("type %s has no ONNX type", t.DType())
}

// RunONNX is Run on ONNX tensors: it copies the inputs to the backend and the
// results back. Half precision is taken for an input that [Options] widened.
func (r *Runner) RunONNX(inputs map[string]*graphsurgery.Tensor, outputs ...string) (map[string]*graphsurgery.Tensor, error) {
	feeds := make(map[string]Data, len(inputs))
	for name, t := range inputs {
		t, err := r.program.widened(name, t)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", name, err)
		}
		feed, err := NewTensor(t)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", name, err)
		}
		feeds[name] = Data{Tensor: feed}
	}
	results, err := r.RunData(feeds, outputs...)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*graphsurgery.Tensor, len(results))
	for name, d := range results {
		if d.Kind != graphsurgery.KindTensor {
			return nil, &graphsurgery.UnsupportedError{What: fmt.Sprintf("value %q as a tensor: it is a sequence or optional", name)}
		}
		if out[name], err = ONNXTensorAs(d.Tensor, r.program.model.Graph.Value(name).DType()); err != nil {
			return nil, fmt.Errorf("output %q: %w", name, err)
		}
	}
	return out, nil
}

// widened gives an input of half precision as float32 where Options.Compute made that of it.
func (p *Program) widened(name string, t *graphsurgery.Tensor) (*graphsurgery.Tensor, error) {
	half := t.DType() == graphsurgery.Float16 || t.DType() == graphsurgery.BFloat16
	v := p.model.Graph.Value(name)
	if !half || v == nil || v.DType() != graphsurgery.Float || p.options.Compute == graphsurgery.Undefined {
		return t, nil
	}
	floats, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	return graphsurgery.NewTensor(t.Shape(), floats), nil
}
