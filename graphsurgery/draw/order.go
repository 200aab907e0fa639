package draw

import (
	"cmp"
	"slices"
)

// arrange orders the layers such that few edges cross: sweeps of barycentres, the
// best order seen is kept.
func (g *grid) arrange() {
	g.number()
	best, crossings := g.snapshot(), g.crossings()
	for i := 0; i < 12 && crossings > 0; i++ {
		if i%2 == 0 {
			for _, layer := range g.layers {
				sweep(layer, func(v *vertex) []*segment { return v.up }, topOf)
			}
		} else {
			for _, layer := range slices.Backward(g.layers) {
				sweep(layer, func(v *vertex) []*segment { return v.down }, bottomOf)
			}
		}
		if n := g.crossings(); n < crossings {
			best, crossings = g.snapshot(), n
		}
	}
	g.layers = best
	g.number()
}

func topOf(s *segment) (*vertex, float64)    { return s.top, s.topAt }
func bottomOf(s *segment) (*vertex, float64) { return s.bottom, s.bottomAt }

// sweep sorts a layer by the mean place of what is joined to it on one side;
// what is joined to nothing there stays where it is.
func sweep(layer []*vertex, side func(*vertex) []*segment, end func(*segment) (*vertex, float64)) {
	for _, v := range layer {
		v.key = float64(v.order)
		if segs := side(v); len(segs) > 0 {
			v.key = 0
			for _, s := range segs {
				other, at := end(s)
				v.key += float64(other.order) + at/(other.width()+1)
			}
			v.key /= float64(len(segs))
		}
	}
	slices.SortStableFunc(layer, func(a, b *vertex) int { return cmp.Compare(a.key, b.key) })
	for i, v := range layer {
		v.order = i
	}
}

func (g *grid) number() {
	for _, layer := range g.layers {
		for i, v := range layer {
			v.order = i
		}
	}
}

func (g *grid) snapshot() [][]*vertex {
	out := make([][]*vertex, len(g.layers))
	for i, layer := range g.layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

// crossings counts the pairs of edges that cross: inversions of the lower ends
// when sorted by the upper ones, counted with a Fenwick tree.
func (g *grid) crossings() int {
	total := 0
	for i, layer := range g.layers {
		if i+1 == len(g.layers) {
			break
		}
		var ends []int
		for _, v := range layer {
			segs := slices.Clone(v.down)
			slices.SortStableFunc(segs, func(a, b *segment) int {
				return cmp.Or(cmp.Compare(a.topAt, b.topAt), cmp.Compare(a.bottom.order, b.bottom.order))
			})
			for _, s := range segs {
				ends = append(ends, s.bottom.order)
			}
		}
		tree := make([]int, len(g.layers[i+1])+1)
		for k, e := range ends {
			below := 0 // ends seen that are at most e
			for j := e + 1; j > 0; j -= j & -j {
				below += tree[j]
			}
			total += k - below
			for j := e + 1; j < len(tree); j += j & -j {
				tree[j]++
			}
		}
	}
	return total
}
