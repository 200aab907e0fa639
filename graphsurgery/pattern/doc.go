// Package pattern matches subgraphs of an ONNX graph: a pattern is written as if
// one were building the graph, and says why its best partial match failed.
package pattern
