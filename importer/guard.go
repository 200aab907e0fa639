package importer

import (
	"errors"
	"fmt"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Guard runs f and turns a panic of GoMLX, or of the lowering inside it, into an
// error that begins with what. It is the one place of this package that turns
// panics into errors: annotate recovers too, but panics again, and the child that
// tries a plugin in package pjrt has a recover of its own. Panics of worker goroutines of a backend cannot be recovered.
func Guard(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %w", what, plain(asError(r)))
		}
	}()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", what, plain(err))
	}
	return nil
}

// lowerError is a failure of GoMLX while a node was being lowered.
type lowerError struct {
	node, op string
	opset    int64
	err      error
}

// Error names the node.
func (e *lowerError) Error() string {
	return fmt.Sprintf("lower node %q (%s, opset %d): %v", e.node, e.op, e.opset, e.err)
}

// Unwrap gives the cause.
func (e *lowerError) Unwrap() error { return e.err }

// plain drops what GoMLX's executors wrap around our own errors: names of
// closures and of generic functions, which help nobody.
func plain(err error) error {
	var format *graphsurgery.FormatError
	var unsupported *graphsurgery.UnsupportedError
	var lower *lowerError
	switch {
	case errors.As(err, &format):
		return format
	case errors.As(err, &unsupported):
		return unsupported
	case errors.As(err, &lower):
		return lower
	}
	return err
}

// asError gives a recovered value as an error.
func asError(r any) error {
	if err, ok := r.(error); ok {
		return err
	}
	return fmt.Errorf("%v", r)
}

// annotate lets a panic pass on with the node being lowered added to it. Errors
// of graphsurgery name their node already.
func (t *tracer) annotate() {
	r := recover()
	if r == nil {
		return
	}
	err := asError(r)
	var format *graphsurgery.FormatError
	var unsupported *graphsurgery.UnsupportedError
	if t.at != nil && !errors.As(err, &format) && !errors.As(err, &unsupported) {
		opset, _ := t.at.Graph().Opset(t.at.Domain())
		err = &lowerError{t.at.Name(), t.at.Op(), opset, err}
	}
	panic(err)
}
