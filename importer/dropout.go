package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// dropoutOps are the versions of Dropout, which is the identity at inference.
func dropoutOps() []operator {
	return []operator{
		// Dropout-1 and -6 tell training by an attribute; 7 and 10 never train.
		{key: onnx("Dropout", 1), attrs: "consumed_inputs is_test ratio", minIn: 1, maxIn: 1, maxOut: 2, lower: lowerDropout1},
		{key: onnx("Dropout", 6), attrs: "is_test ratio", minIn: 1, maxIn: 1, maxOut: 2, lower: lowerDropout1},
		{key: onnx("Dropout", 7), attrs: "ratio", minIn: 1, maxIn: 1, maxOut: 2, lower: lowerDropout7},
		{key: onnx("Dropout", 10), attrs: "ratio", minIn: 1, maxIn: 1, maxOut: 2, lower: lowerDropout12},
		// Dropout-12 has ratio and training_mode as inputs.
		{key: onnx("Dropout", 12), attrs: "seed", minIn: 1, maxIn: 3, maxOut: 2, lower: lowerDropout12},
	}
}

// lowerDropout1 is Dropout-1 and -6, which train unless told otherwise.
func lowerDropout1(c *call) []*wire {
	if c.attrInt("is_test", 0) == 0 && c.n.Float("ratio", 0.5) != 0 {
		c.refuse("is_test=0 of Dropout is not supported: what it drops is random")
	}
	return lowerDropout7(c)
}

// lowerDropout7 is Dropout-7, whose mask has the type of the data.
func lowerDropout7(c *call) []*wire { return c.undropped(c.arg(0).DType()) }

// lowerDropout12 is Dropout-10, and Dropout-12 to -22 where nothing is dropped:
// outside of training, and with a ratio of zero.
func lowerDropout12(c *call) []*wire {
	training := c.has(2) && c.host(2).len() > 0 && c.host(2).scalar() != 0
	if training && (!c.has(1) || c.host(1).len() == 0 || c.host(1).scalar() != 0) {
		c.refuse("training_mode of Dropout is not supported: what it drops is random")
	}
	return c.undropped(dtypes.Bool)
}

// undropped passes the input on; the mask, if it is asked for, keeps all.
func (c *call) undropped(mask dtypes.DType) []*wire {
	out := c.in[:1:1]
	if c.n.Output(1) != nil {
		ones := graph.Ones(c.arg(0).Graph(), shapes.Make(dtypes.Int32, c.dims(0)...))
		out = append(out, c.wire(graph.ConvertDType(ones, mask)))
	}
	return out
}
