// Package diff compares two ONNX models node by node, edge by edge and tensor by
// tensor, and asserts what may differ.
package diff
