// Package eval computes single ONNX nodes on constant tensors in plain Go, within
// a size limit: what constant folding and shape arithmetic need.
package eval
