// Package infer holds the shape and element type rules of the ONNX operators,
// with symbolic dimensions. It knows no model: the walk over graphs is
// graphsurgery's.
package infer
