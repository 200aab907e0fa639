package ort

import (
	"errors"
	"fmt"
)

// Tensor is a dense tensor in row-major order. Exactly one of the data slices is
// in use and has as many elements as Shape multiplies to (one for a scalar,
// whose Shape is empty). A tensor without elements is given by its Shape and an
// empty, non-nil slice.
type Tensor struct {
	Shape []int64
	F32   []float32
	I64   []int64
	I32   []int32
	Bool  []bool
	// Raw holds elements of any other type, little-endian, and Type names it.
	Raw  []byte
	Type DType
}

// Elements multiplies the shape. A negative dimension or an overflow is an error.
func (t Tensor) Elements() (int64, error) {
	n := int64(1)
	for _, d := range t.Shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", t.Shape)
		}
		if d != 0 && n > (1<<40)/d { // 2^40 elements exceed any machine this runs on
			return 0, fmt.Errorf("shape %v is too large", t.Shape)
		}
		n *= d
	}
	return n, nil
}

// check says which slice is in use and that its length is right.
func (t Tensor) check() (DType, error) {
	dtype, used, length := DType(""), 0, 0
	for _, c := range []struct {
		dtype DType
		n     int
		used  bool
	}{
		{Float32, len(t.F32), t.F32 != nil},
		{Int64, len(t.I64), t.I64 != nil},
		{Int32, len(t.I32), t.I32 != nil},
		{Bool, len(t.Bool), t.Bool != nil},
		{t.Type, len(t.Raw) / max(1, t.Type.size()), t.Raw != nil},
	} {
		if c.used {
			dtype, length = c.dtype, c.n
			used++
		}
	}
	if used != 1 {
		return "", fmt.Errorf("%d data slices are set, want exactly one", used)
	}
	if t.Raw != nil && (t.Type.size() == 0 || len(t.Raw)%t.Type.size() != 0) {
		return "", fmt.Errorf("%d bytes of type %q, want a multiple of the size of one of %v", len(t.Raw), t.Type, rawTypes)
	}
	want, err := t.Elements()
	if err != nil {
		return "", err
	}
	if int64(length) != want {
		return "", fmt.Errorf("%d elements of %s, but shape %v holds %d", length, dtype, t.Shape, want)
	}
	return dtype, nil
}

// DType is an element type by its ONNX name in lower case, for example "int64".
type DType string

// The element types that Run accepts and returns: the first four in slices of
// their own, the others as raw bytes.
const (
	Float32  DType = "float"
	Int64    DType = "int64"
	Int32    DType = "int32"
	Bool     DType = "bool"
	Float64  DType = "double"
	Float16  DType = "float16"
	BFloat16 DType = "bfloat16"
	Int16    DType = "int16"
	Int8     DType = "int8"
	Uint64   DType = "uint64"
	Uint32   DType = "uint32"
	Uint16   DType = "uint16"
	Uint8    DType = "uint8"
)

var rawTypes = [...]DType{Float64, Float16, BFloat16, Int16, Int8, Uint64, Uint32, Uint16, Uint8}

// size is the bytes of one element of a type that comes as raw bytes, else 0.
func (d DType) size() int {
	switch d {
	case Float64, Uint64:
		return 8
	case Uint32:
		return 4
	case Float16, BFloat16, Int16, Uint16:
		return 2
	case Int8, Uint8:
		return 1
	}
	return 0
}

// Port is one input or output of a model.
type Port struct {
	Name  string
	DType DType
	Shape []int64 // -1 where the dimension is not fixed
}

// OptLevel is how much ONNX Runtime rewrites the graph before running it.
type OptLevel int

// Levels. The zero value is ONNX Runtime's own default, all rewrites.
const (
	OptAll OptLevel = iota
	OptExtended
	OptBasic
	OptNone
)

// SessionOptions tunes NewSession. The zero value is the default.
type SessionOptions struct {
	OptLevel OptLevel
	Threads  int // within one operator; 0 lets ONNX Runtime choose
	// FullRange makes products of 8-bit integers exact on processors without VNNI,
	// where the default saturates sums of two products to 16 bits. It needs
	// OptExtended or OptAll.
	FullRange bool
}

// Metadata is what the model file says about itself.
type Metadata struct {
	Producer, Graph, Domain, Description string
	Version                              int64
	Custom                               map[string]string
}

// Runtime is an open ONNX Runtime library. Sessions made from it may run at the
// same time.
type Runtime struct{ path, version string }

// Path is the library's file.
func (r *Runtime) Path() string { return r.path }

// Version is the library's own version, for example "1.32.0".
func (r *Runtime) Version() string { return r.version }

// Session is one loaded model.
type Session struct {
	file            string // the model's, for messages
	inputs, outputs []Port
	engine          engine
}

// engine is the part of a session that needs the library.
type engine interface {
	run(inputs []Tensor, a *Adapter) ([]Tensor, error)
	metadata() (Metadata, error)
	close() error
}

// Inputs lists the model's inputs in its order, initialisers excluded.
func (s *Session) Inputs() []Port { return s.inputs }

// Outputs lists the model's outputs in its order.
func (s *Session) Outputs() []Port { return s.outputs }

var errClosed = errors.New("the session is closed")

// Run computes all outputs, by name. Every input must be given, and no other
// name. Output shapes are those of this run; the tensors are the caller's.
func (s *Session) Run(inputs map[string]Tensor) (map[string]Tensor, error) {
	return s.RunWith(nil, inputs)
}

func (s *Session) runWith(a *Adapter, inputs map[string]Tensor) (map[string]Tensor, error) {
	if s.engine == nil {
		return nil, s.failed(errClosed)
	}
	ordered, err := s.order(inputs)
	if err != nil {
		return nil, s.failed(err)
	}
	got, err := s.engine.run(ordered, a)
	if err != nil {
		return nil, s.failed(err)
	}
	named := make(map[string]Tensor, len(got))
	for i, t := range got {
		named[s.outputs[i].Name] = t
	}
	return named, nil
}

// order checks the inputs against the ports and puts them in the model's order.
func (s *Session) order(inputs map[string]Tensor) ([]Tensor, error) {
	ordered := make([]Tensor, len(s.inputs))
	for i, p := range s.inputs {
		t, ok := inputs[p.Name]
		if !ok {
			return nil, fmt.Errorf("input %q is not given", p.Name)
		}
		dtype, err := t.check()
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", p.Name, err)
		}
		if dtype != p.DType {
			return nil, fmt.Errorf("input %q is %s, want %s", p.Name, dtype, p.DType)
		}
		ordered[i] = t
	}
	if len(inputs) > len(s.inputs) {
		return nil, fmt.Errorf("%d inputs given, the model has %d", len(inputs), len(s.inputs))
	}
	return ordered, nil
}

// Metadata reads what the model file says about itself.
func (s *Session) Metadata() (Metadata, error) {
	if s.engine == nil {
		return Metadata{}, s.failed(errClosed)
	}
	m, err := s.engine.metadata()
	if err != nil {
		return Metadata{}, s.failed(err)
	}
	return m, nil
}

// Close frees the session. A second call does nothing.
func (s *Session) Close() error {
	if s.engine == nil {
		return nil
	}
	e := s.engine
	s.engine = nil
	return e.close()
}

// failed adds the model's file, or that it came from memory.
func (s *Session) failed(err error) error { return modelError(s.file, err) }

func modelError(file string, err error) error {
	if file == "" {
		file = "model in memory"
	}
	return fmt.Errorf("onnx runtime: %s: %w", file, err)
}
