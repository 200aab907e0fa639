package main

import "github.com/aat-onnx/aat-onnx/graphsurgery"

// quantised counts the numbers of the main graph's small integer initialisers, which
// are weights stored as integers (and their few zero points). Where an operator packs
// two numbers into a byte, a byte counts once.
func quantised(m *graphsurgery.Model) int64 {
	var n int64
	for _, t := range m.Graph.Initializers() {
		switch t.DType() {
		case graphsurgery.Int8, graphsurgery.Uint8, graphsurgery.Int4, graphsurgery.Uint4:
			n += t.Len()
		}
	}
	return n
}

// parametersText is how many parameters a model has, and how many of them are
// quantised.
func parametersText(m *graphsurgery.Model) string {
	floats, integers := m.Parameters(nil), quantised(m)
	if integers == 0 {
		return millions(floats)
	}
	return millions(floats+integers) + ", of them " + millions(integers) + " quantised"
}
