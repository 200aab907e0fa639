package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// scan is a Scan being unrolled: what its body carries, and what it is fed slice
// by slice.
type scan struct {
	*call
	body        *graphsurgery.Graph
	state       []*wire
	inputs      []*wire
	inAxes      []int
	inReversed  []bool
	outAxes     []int
	outReversed []bool
}

// newScan reads what all versions share; inputs are those without Scan-8's
// sequence lengths.
func newScan(c *call, inputs []*wire, directions string) *scan {
	s := &scan{call: c, body: c.bodyOf("body")}
	scanned := c.attrInt("num_scan_inputs", 0)
	if scanned < 1 || scanned > len(inputs) || len(s.body.Inputs()) != len(inputs) {
		c.fail("num_scan_inputs is %d, with %d inputs, and %d of the body", scanned, len(inputs), len(s.body.Inputs()))
	}
	for i, w := range inputs {
		if w == nil {
			c.fail("input %d is missing", i)
		}
	}
	s.state, s.inputs = inputs[:len(inputs)-scanned], inputs[len(inputs)-scanned:]
	outputs := len(s.body.Outputs()) - len(s.state)
	if outputs < 0 {
		c.fail("the body has %d outputs for %d states", len(s.body.Outputs()), len(s.state))
	}
	s.inAxes = s.list("scan_input_axes", scanned)
	s.inReversed = reversed(s.list(directions, scanned))
	s.outAxes = s.list("scan_output_axes", outputs)
	s.outReversed = reversed(s.list("scan_output_directions", outputs))
	return s
}

// list reads an attribute with one number for each of n, zeros if it is not given.
func (s *scan) list(attr string, n int) []int {
	if !s.n.HasAttr(attr) {
		return make([]int, n)
	}
	out := s.attrInts(attr)
	if len(out) != n {
		s.fail("%s has %d numbers, want %d", attr, len(out), n)
	}
	return out
}

// reversed tells which directions are 1.
func reversed(directions []int) []bool {
	out := make([]bool, len(directions))
	for i, d := range directions {
		out[i] = d != 0
	}
	return out
}

// lowerScan is Scan-9.
func lowerScan(c *call) []*wire {
	s := newScan(c, c.in, "scan_input_directions")
	state, parts := s.run(s.state, s.inputs, -1)
	for k, part := range parts {
		state = append(state, c.stack(part, s.outAxes[k], s.body.Outputs()[len(s.state)+k]))
	}
	return state
}

// run unrolls over the first steps slices, over all if that is negative, and
// gives the last state and the slices of the scan outputs.
func (s *scan) run(state, inputs []*wire, steps int) ([]*wire, [][]*wire) {
	total := -1
	axes := make([]int, len(inputs))
	for i, w := range inputs {
		axes[i] = s.axis(s.inAxes[i], len(w.dims))
		if n := w.dims[axes[i]]; total >= 0 && n != total {
			s.fail("scan inputs of %d and %d slices", total, n)
		}
		total = w.dims[axes[i]]
	}
	if steps < 0 {
		steps = total
	}
	state = slices.Clone(state)
	parts := make([][]*wire, len(s.outAxes))
	for i := range steps {
		args := slices.Clone(state)
		for k, w := range inputs {
			at := i
			if s.inReversed[k] {
				at = steps - 1 - i
			}
			args = append(args, s.slice(w, axes[k], at))
		}
		out := s.call.body(s.body, args...)
		copy(state, out)
		for k, w := range out[len(state):] {
			parts[k] = append(parts[k], w)
		}
	}
	for k, back := range s.outReversed {
		if back {
			slices.Reverse(parts[k])
		}
	}
	return state, parts
}

// slice takes one position of an axis, which goes.
func (c *call) slice(w *wire, axis, at int) *wire {
	dims := slices.Delete(slices.Clone(w.dims), axis, axis+1)
	if w.host != nil {
		return hostWire(w.host.slice(axis, at, dims))
	}
	return c.wire(graph.Reshape(sliceNode(c.nodeOf(w), axis, bounds{at, at + 1, 1}), dims...))
}

// slice takes one position of an axis; dims are those of the result.
func (h *hostTensor) slice(axis, at int, dims []int) *hostTensor {
	out := &hostTensor{dtype: h.dtype, dims: dims}
	run, n := product(h.dims[axis+1:]), h.dims[axis]
	for outer := range product(h.dims[:axis]) {
		from := (outer*n + at) * run
		if isFloat(h.dtype) {
			out.floats = append(out.floats, h.floats[from:from+run]...)
		} else {
			out.ints = append(out.ints, h.ints[from:from+run]...)
		}
	}
	return out
}

// lowerScan8 is Scan-8: everything has a batch as first axis, and input 0 may say
// how many slices each example has; the scan outputs are zero after those.
func lowerScan8(c *call) []*wire {
	if len(c.in) < 2 {
		c.fail("%d inputs, want two or more", len(c.in))
	}
	s := newScan(c, c.in[1:], "directions")
	batch := s.dimension8(0)
	total := s.dimension8(1)
	lengths := slices.Repeat([]int{total}, batch)
	if c.has(0) {
		lengths = c.ints(0)
	}
	if len(lengths) != batch {
		c.fail("%d sequence lengths for a batch of %d", len(lengths), batch)
	}
	results := make([][]*wire, len(s.body.Outputs()))
	for b, n := range lengths {
		if n < 0 || n > total {
			c.fail("a sequence length of %d with %d slices", n, total)
		}
		for k, w := range s.example(b, n, total) {
			results[k] = append(results[k], w)
		}
	}
	out := make([]*wire, len(results))
	for k, parts := range results {
		out[k] = c.stack(parts, 0, s.body.Outputs()[k])
	}
	return out
}

// dimension8 is an axis that all inputs of Scan-8 share: 0 the batch, 1 the slices,
// which states do not have.
func (s *scan) dimension8(axis int) int {
	all := s.inputs
	if axis == 0 {
		all = append(slices.Clone(s.state), s.inputs...)
	}
	for _, w := range all {
		if len(w.dims) <= axis || w.dims[axis] != all[0].dims[axis] {
			s.fail("inputs of shapes %v and %v do not share axis %d", all[0].dims, w.dims, axis)
		}
	}
	return all[0].dims[axis]
}

// example runs Scan-8 for one example of the batch.
func (s *scan) example(b, steps, total int) []*wire {
	take := func(wires []*wire) []*wire {
		out := make([]*wire, len(wires))
		for i, w := range wires {
			out[i] = s.slice(w, 0, b)
		}
		return out
	}
	state, parts := s.run(take(s.state), take(s.inputs), steps)
	for k, part := range parts {
		if len(part) == 0 && total > 0 {
			s.refuse("a sequence of length zero in a Scan of version 8")
		}
		for len(part) < total {
			part = append(part, s.zeros(part[0]))
		}
		state = append(state, s.stack(part, 0, s.body.Outputs()[len(s.state)+k]))
	}
	return state
}

// zeros makes a tensor like w.
func (c *call) zeros(w *wire) *wire {
	if c.small(w.dims) {
		return hostWire(newHost(w.dtype, w.dims...))
	}
	return c.wire(graph.ZerosLike(c.nodeOf(w)))
}
