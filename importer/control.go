package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// controlOps have graphs among their attributes. Graphs are lowered where they
// are run: XLA sees one straight program.
func controlOps() []operator {
	const (
		scan8 = "body num_scan_inputs directions"
		scan9 = "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions"
	)
	return []operator{
		// If-1; 11 lifts a rule on shapes, 13 allows sequences, 16 optionals.
		{key: onnx("If", 1), attrs: "then_branch else_branch", minIn: 1, maxIn: 1, maxOut: maxOutputs, lower: lowerIf},
		// Loop-1; 11 makes the trip count and the condition optional (they were
		// before, by an empty name), 13 allows sequences, 16 optionals.
		{key: onnx("Loop", 1), attrs: "body", maxIn: -1, maxOut: maxOutputs, lower: lowerLoop},
		// Scan-8 runs over a batch; 9 drops that and adds axes, 11 allows negative ones.
		{key: onnx("Scan", 8), attrs: scan8, minIn: 0, maxIn: -1, maxOut: maxOutputs, lower: lowerScan8},
		{key: onnx("Scan", 9), attrs: scan9, minIn: 1, maxIn: -1, maxOut: maxOutputs, lower: lowerScan},
	}
}

// lowerIf is If-1: the branch that a known condition takes, else both.
func lowerIf(c *call) []*wire {
	yes, no := c.bodyOf("then_branch"), c.bodyOf("else_branch")
	if n := product(c.dims(0)); n != 1 {
		c.fail("the condition has %d elements, want 1", n)
	}
	if h, err := c.in[0].elements(); err == nil {
		if h.scalar() != 0 {
			return c.body(yes)
		}
		return c.body(no)
	}
	a, b := c.body(yes), c.body(no)
	if len(a) != len(b) {
		c.fail("the branches have %d and %d outputs", len(a), len(b))
	}
	cond := graph.Reshape(c.arg(0))
	out := make([]*wire, len(a))
	for i := range out {
		out[i] = c.choose(cond, a[i], b[i])
	}
	return out
}

// choose selects one of two wires by a condition that depends on data. Both are
// computed, so they must be alike; the gradient goes to the one that was taken,
// and is NaN where the other one's is infinite or NaN.
func (c *call) choose(cond *graph.Node, yes, no *wire) *wire {
	switch {
	case yes == no || sameHost(yes.host, no.host):
		return yes
	case yes.kind != tensorWire || no.kind != tensorWire:
		c.refuseData("a condition that depends on data chooses between values that are no tensors")
	case yes.dtype != no.dtype || !slices.Equal(yes.dims, no.dims):
		c.refuseData("a condition that depends on data chooses between %s%v and %s%v; want the same type and shape",
			yes.dtype, yes.dims, no.dtype, no.dims)
	}
	if len(yes.dims) > 2 && yes.node == nil && no.node == nil && yes.flat != nil && no.flat != nil {
		return c.flatWire(selectNode(cond, yes.flat, no.flat), yes.dims)
	}
	return c.wire(selectNode(cond, c.nodeOf(yes), c.nodeOf(no)))
}

// sameHost tells whether both branches give the same known elements, which then
// stay known.
func sameHost(a, b *hostTensor) bool {
	return a != nil && b != nil && a.dtype == b.dtype && slices.Equal(a.dims, b.dims) &&
		slices.Equal(a.ints, b.ints) && slices.Equal(a.floats, b.floats)
}

// selectNode is Where for a scalar condition.
func selectNode(cond, yes, no *graph.Node) *graph.Node {
	return graph.Where(graph.BroadcastToDims(cond, yes.Shape().Dimensions...), yes, no)
}
