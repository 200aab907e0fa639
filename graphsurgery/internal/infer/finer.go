package infer

import "errors"

// finerError is about a demand that onnx's own inference does not make.
type finerError struct{ error }

// Finer reports whether err says that an operator cannot run although onnx's own
// inference sees nothing wrong.
func Finer(err error) bool {
	var f *finerError
	return errors.As(err, &f)
}

// failFiner is the error of a demand that onnx's own inference does not make.
func failFiner(format string, args ...any) error { return &finerError{fail(format, args...)} }

// AsFiner makes an error one of that kind.
func AsFiner(err error) error {
	if err == nil || Finer(err) {
		return err
	}
	return &finerError{err}
}

// setFiner is set for a shape that onnx's own inference would leave open.
func (n *Node) setFiner(i int, dtype int32, shape []Expr) {
	n.set(i, dtype, shape)
	if i < len(n.Out) {
		n.Out[i].Finer = shape != nil
	}
}
