// Package infer holds the shape and element type rules of the ONNX operators,
// with symbolic dimensions. It knows no model: the walk over graphs is
// graphsurgery's.
//
// A dimension is an [Expr]: a polynomial with whole coefficients over symbols and
// over floor quotients, maxima and minima of such polynomials, in one canonical
// form, so that equal sizes mostly have equal text. A [Rule] sees one [Node]:
// its attributes, the types of its inputs and, for small integer tensors, their
// elements, symbolic ones included; it fills in the outputs.
package infer
