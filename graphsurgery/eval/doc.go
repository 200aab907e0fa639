// Package eval computes single ONNX nodes on constant tensors, on the host and
// in plain Go. It exists for constant folding, shape arithmetic and tests, not
// for speed: results are exact where ONNX defines them exactly, and correctly
// rounded to the element type otherwise.
//
// The first call to make is [Node]:
//
//	out, err := eval.Node(n, inputs, eval.Limits{})
//
// It refuses with [graphsurgery.UnsupportedError] what it does not know, random
// operators, casts whose result ONNX leaves open, and results over the limits;
// with [graphsurgery.FormatError] nodes whose inputs do not fit together.
package eval
