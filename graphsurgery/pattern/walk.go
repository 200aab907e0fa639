package pattern

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// maxWalk bounds the values one walk may visit. The longest honest walks, a rotary
// embedding between a projection and its product or a window reversal with its
// rolls, need about thirty.
const maxWalk = 192

// Walk is what a walk over a graph met.
type Walk struct {
	Hits []*gs.Value // where it was told to stop
	Ends []*gs.Node  // that it could not pass
	Open bool        // it also came to values that no node computes, or did not end
	Path []*gs.Node  // that it passed

	steps   []step
	visited []*gs.Value             // nearest first
	toward  map[*gs.Value]*gs.Value // the value from which another was reached
}

// step is one that a walk took: back from a value to those it is made of.
type step struct {
	result *gs.Value
	from   []*gs.Value
}

// Back walks from x against the flow, by steps of the class, up to values at which
// stop is true.
func (v *View) Back(x *gs.Value, class Class, stop func(*gs.Value) bool) Walk {
	w := Walk{visited: []*gs.Value{x}, toward: map[*gs.Value]*gs.Value{x: nil}}
	for i := 0; i < len(w.visited); i++ {
		if i == maxWalk {
			w.Open = true
			break
		}
		x := w.visited[i]
		if stop(x) {
			w.Hits = append(w.Hits, x)
			continue
		}
		n := x.Producer()
		from, ok := class.before(v, x)
		switch {
		case n == nil || n.Graph() != v.graph:
			w.Open = true
			continue
		case !ok:
			w.Ends = append(w.Ends, n)
			continue
		}
		w.Path = append(w.Path, n)
		w.steps = append(w.steps, step{x, from})
		for _, in := range from {
			if _, seen := w.toward[in]; !seen && in != nil {
				w.toward[in] = x
				w.visited = append(w.visited, in)
			}
		}
	}
	return w
}

// Between are the nodes of a walk's path that lead from one of its hits to the
// value it began at, in the file's order.
func (v *View) Between(w Walk, hit, end *gs.Value) []*gs.Node {
	if hit == end {
		return nil
	}
	steps := slices.Clone(w.steps)
	slices.SortStableFunc(steps, func(a, b step) int { return v.place[a.result.Producer()] - v.place[b.result.Producer()] })
	reached := map[*gs.Value]bool{hit: true}
	var out []*gs.Node
	for _, s := range steps {
		if slices.ContainsFunc(s.from, func(in *gs.Value) bool { return reached[in] }) {
			out = append(out, s.result.Producer())
			reached[s.result] = true
		}
	}
	return slices.Compact(out)
}

// way is the shortest from where a walk began to a value that it visited, that
// value left out.
func (w Walk) way(hit *gs.Value) []*gs.Value {
	var out []*gs.Value
	for x := w.toward[hit]; x != nil; x = w.toward[x] {
		out = append(out, x)
	}
	slices.Reverse(out)
	return out
}

// made are the values made from x by steps of the class, x first.
func (v *View) made(x *gs.Value, class Class) []*gs.Value {
	out := []*gs.Value{x}
	seen := map[*gs.Value]bool{x: true}
	for i := 0; i < len(out) && len(out) < maxWalk; i++ {
		for _, o := range class.behind(v, out[i]) {
			if !seen[o] {
				seen[o] = true
				out = append(out, o)
			}
		}
	}
	return out
}
