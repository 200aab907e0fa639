//go:build cgo

package ort

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	ortgo "github.com/yalue/onnxruntime_go"
)

// process is the one ONNX Runtime of this process. It is package state because
// the binding's is: its library handle, function table and environment are
// globals in C, set once by InitializeEnvironment. Nothing outside Open sees it.
var process struct {
	sync.Mutex
	open *Runtime
}

// Open loads the library, once per process: a second call with the same file
// returns the same Runtime, one with another file is an error. It is never
// unloaded, as sessions may outlive any one user of it. A library that cannot be
// used is a *NotFoundError with the reason.
func Open(lib string) (*Runtime, error) {
	path, err := filepath.EvalSymlinks(lib)
	if err != nil {
		return nil, badLibrary(lib, "cannot be opened", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	process.Lock()
	defer process.Unlock()
	if r := process.open; r != nil {
		if r.path == path {
			return r, nil
		}
		return nil, fmt.Errorf("onnx runtime: %s cannot be opened: this process already uses %s", path, r.path)
	}
	if err := checkLibrary(path); err != nil {
		return nil, badLibrary(path, "cannot be loaded", err)
	}
	ortgo.SetSharedLibraryPath(path)
	// Warnings go to standard error, past our output; what matters comes back as an error.
	if err := ortgo.InitializeEnvironment(ortgo.WithLogLevelError()); err != nil {
		return nil, tooOldOr(path, err)
	}
	if err := ortgo.DisableTelemetry(); err != nil {
		return nil, fmt.Errorf("onnx runtime: switching telemetry off: %w", err)
	}
	process.open = &Runtime{path: path, version: ortgo.GetVersion()}
	return process.open, nil
}

// tooOldOr explains the binding's "Error setting ORT API base".
func tooOldOr(path string, err error) error {
	if v, ok := libVersion(path); ok && tooOld(v) {
		return badLibrary(path, fmt.Sprintf("is version %s, and 1.%d or newer is needed", v, oldestMinor), nil)
	}
	return badLibrary(path, "cannot be used", err)
}

// NewSession loads a model from memory. The bytes may be reused afterwards.
// Tensors in external files need NewSessionFile. The model is loaded twice for a
// moment: the binding tells names and shapes only through a session of its own.
func (r *Runtime) NewSession(model []byte, o SessionOptions) (*Session, error) {
	if len(model) == 0 {
		return nil, modelError("", errors.New("the model has no bytes"))
	}
	in, out, err := ortgo.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		return nil, modelError("", err)
	}
	return newSession("", in, out, o, func(in, out []string, so *ortgo.SessionOptions) (*ortgo.DynamicAdvancedSession, error) {
		return ortgo.NewDynamicAdvancedSessionWithONNXData(model, in, out, so)
	})
}

// NewSessionFile loads a model file, with the external data it names.
func (r *Runtime) NewSessionFile(path string, o SessionOptions) (*Session, error) {
	plain, err := sessionOptions(SessionOptions{OptLevel: OptNone}) // asked for its ports only
	if err != nil {
		return nil, modelError(path, err)
	}
	defer plain.Destroy()
	in, out, err := ortgo.GetInputOutputInfoWithOptions(path, plain)
	if err != nil {
		return nil, modelError(path, err)
	}
	return newSession(path, in, out, o, func(in, out []string, so *ortgo.SessionOptions) (*ortgo.DynamicAdvancedSession, error) {
		return ortgo.NewDynamicAdvancedSession(path, in, out, so)
	})
}

type opener func(in, out []string, so *ortgo.SessionOptions) (*ortgo.DynamicAdvancedSession, error)

func newSession(file string, in, out []ortgo.InputOutputInfo, o SessionOptions, open opener) (*Session, error) {
	inputs, inNames, err := ports("input", in)
	if err != nil {
		return nil, modelError(file, err)
	}
	outputs, outNames, err := ports("output", out)
	if err != nil {
		return nil, modelError(file, err)
	}
	so, err := sessionOptions(o)
	if err != nil {
		return nil, modelError(file, err)
	}
	defer so.Destroy()
	s, err := open(inNames, outNames, so)
	if err != nil {
		return nil, modelError(file, err)
	}
	return &Session{file: file, inputs: inputs, outputs: outputs, engine: &cgoEngine{session: s, outputs: outputs}}, nil
}

func ports(what string, infos []ortgo.InputOutputInfo) ([]Port, []string, error) {
	if len(infos) == 0 {
		return nil, nil, fmt.Errorf("the model has no %s, and running it needs at least one", what)
	}
	var ps []Port
	var names []string
	for _, i := range infos {
		d, ok := dtypeOf(i.DataType)
		if i.OrtValueType != ortgo.ONNXTypeTensor || !ok {
			return nil, nil, fmt.Errorf("%s %q is %s of %s: only tensors of numbers and booleans are handled", what, i.Name, i.OrtValueType, i.DataType)
		}
		ps = append(ps, Port{Name: i.Name, DType: d, Shape: append([]int64{}, i.Dimensions...)})
		names = append(names, i.Name)
	}
	return ps, names, nil
}

// elementTypes gives the binding's number of each type.
var elementTypes = map[DType]ortgo.TensorElementDataType{
	Float32: ortgo.TensorElementDataTypeFloat, Int64: ortgo.TensorElementDataTypeInt64,
	Int32: ortgo.TensorElementDataTypeInt32, Bool: ortgo.TensorElementDataTypeBool,
	Float64: ortgo.TensorElementDataTypeDouble, Float16: ortgo.TensorElementDataTypeFloat16,
	BFloat16: ortgo.TensorElementDataTypeBFloat16, Int16: ortgo.TensorElementDataTypeInt16,
	Int8: ortgo.TensorElementDataTypeInt8, Uint64: ortgo.TensorElementDataTypeUint64,
	Uint32: ortgo.TensorElementDataTypeUint32, Uint16: ortgo.TensorElementDataTypeUint16,
	Uint8: ortgo.TensorElementDataTypeUint8,
}

func dtypeOf(t ortgo.TensorElementDataType) (DType, bool) {
	for d, number := range elementTypes {
		if number == t {
			return d, true
		}
	}
	return "", false
}

func sessionOptions(o SessionOptions) (*ortgo.SessionOptions, error) {
	levels := map[OptLevel]ortgo.GraphOptimizationLevel{
		OptAll:      ortgo.GraphOptimizationLevelEnableAll,
		OptExtended: ortgo.GraphOptimizationLevelEnableExtended,
		OptBasic:    ortgo.GraphOptimizationLevelEnableBasic,
		OptNone:     ortgo.GraphOptimizationLevelDisableAll,
	}
	level, ok := levels[o.OptLevel]
	if !ok {
		return nil, fmt.Errorf("optimisation level %d does not exist", o.OptLevel)
	}
	so, err := ortgo.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = so.SetGraphOptimizationLevel(level)
	if err == nil && o.Threads > 0 {
		err = so.SetIntraOpNumThreads(o.Threads)
	}
	if err == nil && o.FullRange {
		err = so.AddSessionConfigEntry("session.x64quantprecision", "1")
	}
	if err != nil {
		so.Destroy()
		return nil, err
	}
	return so, nil
}
