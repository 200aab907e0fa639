package importer

// onDataOps have results whose shape depends on the elements of an input, so that
// those must be known while the graph is built.
func onDataOps() []operator {
	return []operator{
		// NonZero-9; 13 adds a type.
		{key: onnx("NonZero", 9), minIn: 1, maxIn: 1, maxOut: 1, lower: lowerOnHost},
		// NonMaxSuppression-11 states what 10 meant.
		{key: onnx("NonMaxSuppression", 10), attrs: "center_point_box", minIn: 2, maxIn: 5, maxOut: 1, lower: lowerOnHost},
		{key: onnx("Unique", 11), attrs: "axis sorted", minIn: 1, maxIn: 1, maxOut: 4, lower: lowerOnHost},
	}
}
