package importer_test

// coreNoGradient lists the operators of this family without a float output that
// depends on a float input.
var coreNoGradient = []string{"NonZero", "OptionalHasElement", "SequenceEmpty", "SequenceLength"}

// coreGradients are the gradient cases of what holds graphs or tensors.
func coreGradients() []gradCase {
	vectors := []string{"double[3] x", "double[2,3] x", "double[2,1,2] x"}
	pairs := []string{"double[3] x, double[3] z", "double[2,3] x, double[2,3] z", "double[2,1,2] x, double[2,1,2] z"}
	bind := func(shapes []string, constants string) []string {
		out := make([]string, len(shapes))
		for i, s := range shapes {
			out[i] = s + "; " + constants
		}
		return out
	}
	return []gradCase{
		// The condition depends on the input, and is false at these.
		{name: "If", shapes: bind(pairs, "double zero = {-1000}"), nodes: `
			s = ReduceSum<keepdims = 0>(x)
			c = Less(s, zero)
			y = If(c) <then_branch = a () => (p) { p = Mul(x, z) }, else_branch = b () => (r) { q = Sin(x) r = Mul(q, z) }>`},
		{name: "Loop", shapes: bind(pairs, "int64 trips = {3}"), nodes: `
			y = Loop(trips, , x) <body = b (int64 i, bool c, double[n] v) => (c, w) { s = Sin(v) w = Mul(s, z) }>`},
		// Runs once and then is masked.
		{name: "Loop/condition", shapes: bind(pairs, "int64 trips = {3}, double limit = {-1000}"), nodes: `
			y = Loop(trips, , x) <body = b (int64 i, bool c, double[n] v) => (d, w) {
				w = Mul(v, z)
				s = ReduceSum<keepdims = 0>(w)
				d = Less(s, limit) }>`},
		{name: "Scan", outputs: "last, y", shapes: []string{"double[2] x, double[3,2] z", "double[1] x, double[4,1] z", "double[2,2] x, double[2,2,2] z"}, nodes: `
			last, y = Scan <num_scan_inputs = 1, scan_input_directions = [1], scan_output_directions = [1],
				body = b (double[n] v, double[n] e) => (w, s) { s = Sin(v) w = Mul(s, e) }>(x, z)`},
		{name: "SequenceConstruct", shapes: pairs, nodes: `
			s = SequenceConstruct(x, z, x) y = ConcatFromSequence<axis = 0>(s)`},
		{name: "ConcatFromSequence", shapes: pairs, nodes: `
			s = SequenceConstruct(x, z, x) y = ConcatFromSequence<axis = -1, new_axis = 1>(s)`},
		{name: "SequenceAt", shapes: bind(pairs, "int64 at = {-1}"), nodes: `
			s = SequenceConstruct(x, z) l = SequenceAt(s, at) y = Mul(l, x)`},
		{name: "SequenceInsert", shapes: bind(pairs, "int64 at = {1}"), nodes: `
			e = SequenceEmpty<dtype = 11>() a = SequenceInsert(e, x) b = SequenceInsert(a, z) s = SequenceInsert(b, x, at) y = ConcatFromSequence<axis = 0>(s)`},
		{name: "SequenceErase", shapes: bind(vectors, "int64 at = {0}"), nodes: `
			n = Neg(x) s = SequenceConstruct(n, x, n) a = SequenceErase(s, at) b = SequenceErase(a) y = ConcatFromSequence<axis = 0>(b)`},
		{name: "SplitToSequence", shapes: []string{"double[4] x; int64 n = {3}", "double[4,2] x; int64[2] n = {1, 3}", "double[2,1,2] x; int64 n = {1}"}, nodes: `
			s = SplitToSequence(x, n) y = ConcatFromSequence<axis = 0>(s)`},
		{name: "SequenceMap", shapes: pairs, nodes: `
			s = SequenceConstruct(x, z) m = SequenceMap(s, x) <body = b (double[n] e, double[n] f) => (g) { g = Mul(e, f) }> y = ConcatFromSequence<axis = 0>(m)`},
		// In float32 a central difference says nothing; TestCastGradient does that.
		{name: "Cast", shapes: vectors, nodes: `d = Cast<to = 11>(x) y = Mul(d, d)`},
		{name: "CastLike", shapes: pairs, nodes: `d = CastLike(x, z) y = Mul(d, z)`},
		{name: "Identity", shapes: vectors, nodes: `d = Identity(x) y = Mul(d, x)`},
		{name: "Optional", shapes: vectors, nodes: `o = Optional(x) e = OptionalGetElement(o) y = Mul(e, e)`},
		{name: "OptionalGetElement", shapes: vectors, nodes: `e = OptionalGetElement(x) y = Mul(e, e)`},
	}
}
