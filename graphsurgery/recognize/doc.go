// Package recognize finds the building blocks that exporters take apart: layer
// norms, GELU, linear layers, softmax attention. Each is written as patterns of
// package pattern, one for each spelling seen, or one for what it computes.
//
// [Norms], [GELUs] and [Linears] search a whole graph. They change nothing, read
// no names, and give results in the file's order.
package recognize
