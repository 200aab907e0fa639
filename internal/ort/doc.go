// Package ort runs ONNX models in ONNX Runtime, the second opinion on every
// number that GoMLX computes. It is the only package that sees the binding
// (github.com/yalue/onnxruntime_go), and it loads the library by path at run time.
//
// First calls: [Locate], then [Open], then [Runtime.NewSession]:
//
//	lib, err := ort.Locate(ctx, "")
//	rt, err := ort.Open(lib)
//	s, err := rt.NewSession(model, ort.SessionOptions{})
//	defer s.Close()
//	out, err := s.Run(map[string]ort.Tensor{"x": {Shape: []int64{1, 2}, F32: []float32{1, 2}}})
//
// It refuses: libraries older than ONNX Runtime 1.29 (the binding asks for C
// interface 29), damaged or foreign-architecture library files (checked before
// loading, since loading those can end the process), tensors whose data and shape
// disagree, and model inputs or outputs that are strings, complex numbers, numbers
// of less than eight bits, or no tensors. A build without cgo compiles, and Open returns an error.
package ort
