//go:build cgo

package ort

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	ortgo "github.com/yalue/onnxruntime_go"
)

// cgoEngine runs a session through the binding.
type cgoEngine struct {
	session *ortgo.DynamicAdvancedSession
	outputs []Port
}

func (e *cgoEngine) run(inputs []Tensor, a *Adapter) ([]Tensor, error) {
	in := make([]ortgo.Value, 0, len(inputs))
	defer func() { destroyAll(in) }()
	for _, t := range inputs {
		v, err := toValue(t)
		if err != nil {
			return nil, err
		}
		in = append(in, v)
	}
	out, err := e.runValues(in, runOptions(a))
	defer func() { destroyAll(out) }()
	if err != nil {
		return nil, err
	}
	got := make([]Tensor, len(out))
	for i, v := range out {
		if got[i], err = fromValue(v); err != nil {
			return nil, fmt.Errorf("output %q: %w", e.outputs[i].Name, err)
		}
	}
	return got, nil
}

// runValues lets ONNX Runtime allocate the outputs (nil), except scalars: the
// binding cannot wrap a tensor of rank 0 that it did not make. An output
// declared without a shape looks the same, so a refusal is tried again with nil.
func (e *cgoEngine) runValues(in []ortgo.Value, o *ortgo.RunOptions) ([]ortgo.Value, error) {
	out := make([]ortgo.Value, len(e.outputs))
	scalars := false
	for i, p := range e.outputs {
		v, err := emptyOutput(p)
		if err != nil {
			return out, err
		}
		if v != nil {
			out[i] = v
			scalars = scalars || len(p.Shape) == 0
		}
	}
	err := e.session.RunWithOptions(in, out, o)
	if err == nil || !scalars {
		return out, err
	}
	destroyAll(out)
	out = make([]ortgo.Value, len(e.outputs))
	return out, e.session.RunWithOptions(in, out, o)
}

// emptyOutput makes the output that ONNX Runtime writes into where the binding
// cannot take what the library allocates; else nil. Half precision is such a
// type: the binding counts one byte an element.
func emptyOutput(p Port) (ortgo.Value, error) {
	if len(p.Shape) == 0 {
		return emptyScalar(p.DType)
	}
	if p.DType != Float16 && p.DType != BFloat16 {
		return nil, nil
	}
	n, err := Tensor{Shape: p.Shape}.Elements()
	if err != nil || n == 0 {
		return nil, fmt.Errorf("output %q of type %s has shape %v: such an output needs sizes that are fixed and not 0", p.Name, p.DType, p.Shape)
	}
	return asValue(ortgo.NewCustomDataTensor(ortgo.NewShape(p.Shape...), make([]byte, int(n)*p.DType.size()), elementTypes[p.DType]))
}

// destroyAll frees values. After a failed run the binding leaves nil pointers of
// its types among them.
func destroyAll(values []ortgo.Value) {
	for _, v := range values {
		if v != nil && !reflect.ValueOf(v).IsNil() {
			v.Destroy()
		}
	}
}

// toValue wraps a checked tensor; the data is used in place, not copied.
func toValue(t Tensor) (ortgo.Value, error) {
	switch {
	case t.F32 != nil:
		return wrap(t.Shape, t.F32)
	case t.I64 != nil:
		return wrap(t.Shape, t.I64)
	case t.I32 != nil:
		return wrap(t.Shape, t.I32)
	case t.Bool != nil:
		return wrap(t.Shape, t.Bool)
	}
	return rawValue(t)
}

// rawValue wraps elements that are given as bytes. The binding takes neither an
// empty slice of bytes nor rank 0.
func rawValue(t Tensor) (ortgo.Value, error) {
	if len(t.Raw) == 0 || len(t.Shape) == 0 {
		return nil, fmt.Errorf("a %s tensor of shape %v cannot be handed over: without elements, or of rank 0", t.Type, t.Shape)
	}
	return asValue(ortgo.NewCustomDataTensor(ortgo.NewShape(t.Shape...), t.Raw, elementTypes[t.Type]))
}

func wrap[T ortgo.TensorData](shape []int64, data []T) (ortgo.Value, error) {
	if len(shape) == 0 {
		return asValue(ortgo.NewScalar(data[0]))
	}
	return asValue(ortgo.NewTensor(ortgo.NewShape(shape...), data))
}

func emptyScalar(d DType) (ortgo.Value, error) {
	switch d {
	case Float32:
		return asValue(ortgo.NewEmptyScalar[float32]())
	case Int64:
		return asValue(ortgo.NewEmptyScalar[int64]())
	case Int32:
		return asValue(ortgo.NewEmptyScalar[int32]())
	case Bool:
		return asValue(ortgo.NewEmptyScalar[bool]())
	}
	return nil, nil
}

// asValue keeps a nil pointer from becoming a non-nil interface.
func asValue[P ortgo.Value](v P, err error) (ortgo.Value, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// fromValue copies an output out of the library's memory.
func fromValue(v ortgo.Value) (Tensor, error) {
	shape := slices.Clone([]int64(v.GetShape()))
	switch v := v.(type) {
	case *ortgo.Tensor[float32]:
		return Tensor{Shape: shape, F32: kept(v.GetData())}, nil
	case *ortgo.Tensor[int64]:
		return Tensor{Shape: shape, I64: kept(v.GetData())}, nil
	case *ortgo.Tensor[int32]:
		return Tensor{Shape: shape, I32: kept(v.GetData())}, nil
	case *ortgo.Tensor[bool]:
		return Tensor{Shape: shape, Bool: kept(v.GetData())}, nil
	case *ortgo.Scalar[float32]:
		return Tensor{F32: []float32{v.GetData()}}, nil
	case *ortgo.Scalar[int64]:
		return Tensor{I64: []int64{v.GetData()}}, nil
	case *ortgo.Scalar[int32]:
		return Tensor{I32: []int32{v.GetData()}}, nil
	case *ortgo.Scalar[bool]:
		return Tensor{Bool: []bool{v.GetData()}}, nil
	}
	return rawTensor(shape, v)
}

// rawTensor copies an output that is kept as bytes.
func rawTensor(shape []int64, v ortgo.Value) (Tensor, error) {
	t := Tensor{Shape: shape, Raw: []byte{}}
	switch v := v.(type) {
	case *ortgo.Tensor[float64]:
		t.Type, t.Raw = Float64, littleEndian(v.GetData())
	case *ortgo.Tensor[int16]:
		t.Type, t.Raw = Int16, littleEndian(v.GetData())
	case *ortgo.Tensor[int8]:
		t.Type, t.Raw = Int8, littleEndian(v.GetData())
	case *ortgo.Tensor[uint64]:
		t.Type, t.Raw = Uint64, littleEndian(v.GetData())
	case *ortgo.Tensor[uint32]:
		t.Type, t.Raw = Uint32, littleEndian(v.GetData())
	case *ortgo.Tensor[uint16]:
		t.Type, t.Raw = Uint16, littleEndian(v.GetData())
	case *ortgo.Tensor[uint8]:
		t.Type, t.Raw = Uint8, littleEndian(v.GetData())
	case *ortgo.CustomDataTensor:
		d, ok := dtypeOf(ortgo.TensorElementDataType(v.DataType()))
		if !ok {
			return t, fmt.Errorf("it is a tensor of element type %d, which is not handled", v.DataType())
		}
		t.Type, t.Raw = d, kept(v.GetData())
	default:
		return t, fmt.Errorf("it came as %T, want a tensor of numbers or booleans", v)
	}
	return t, nil
}

// littleEndian gives the bytes of numbers; those of none are not nil.
func littleEndian(data any) []byte {
	raw, err := binary.Append([]byte{}, binary.LittleEndian, data)
	if err != nil {
		panic(err) // not a slice of numbers: a mistake in rawTensor
	}
	return raw
}

// kept copies data; the copy is not nil even when empty, so that it can be
// given to Run again.
func kept[T any](data []T) []T { return append(make([]T, 0, len(data)), data...) }

func (e *cgoEngine) metadata() (Metadata, error) {
	m, err := e.session.GetModelMetadata()
	if err != nil {
		return Metadata{}, err
	}
	defer m.Destroy()
	var d Metadata
	for _, field := range []struct {
		to  *string
		get func() (string, error)
	}{
		{&d.Producer, m.GetProducerName}, {&d.Graph, m.GetGraphName},
		{&d.Domain, m.GetDomain}, {&d.Description, m.GetDescription},
	} {
		if *field.to, err = field.get(); err != nil {
			return Metadata{}, err
		}
	}
	if d.Version, err = m.GetVersion(); err != nil {
		return Metadata{}, err
	}
	keys, err := m.GetCustomMetadataMapKeys()
	if err != nil {
		return Metadata{}, err
	}
	d.Custom = make(map[string]string, len(keys))
	for _, k := range keys {
		if d.Custom[k], _, err = m.LookupCustomMetadataMap(k); err != nil {
			return Metadata{}, err
		}
	}
	return d, nil
}

func (e *cgoEngine) close() error { return e.session.Destroy() }
