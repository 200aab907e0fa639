package draw

import (
	"cmp"
	"math"
	"slices"
)

// straighten takes the small steps out of long edges: each chain of dummies gets
// as few different places as the room between the neighbours lets it have, the
// longest chains first.
func (g *grid) straighten() {
	var chains [][]*vertex
	for _, layer := range g.layers {
		for _, v := range layer {
			if v.item == nil && (v.up[0].top.item != nil || v.up[0].top.next() != v) {
				chain := []*vertex{v}
				for n := v.next(); n != nil; n = n.next() {
					chain = append(chain, n)
				}
				chains = append(chains, chain)
			}
		}
	}
	slices.SortStableFunc(chains, func(a, b []*vertex) int { return cmp.Compare(len(b), len(a)) })
	for _, chain := range chains {
		for len(chain) > 0 {
			chain = chain[g.run(chain):]
		}
	}
}

// next is the bend in which a bend's value goes on: the first, if it parts.
func (v *vertex) next() *vertex {
	for _, s := range v.down {
		if s.bottom.item == nil {
			return s.bottom
		}
	}
	return nil
}

// run puts the longest beginning of a chain that can stand at one x there, close
// to where it was, and gives its length.
func (g *grid) run(chain []*vertex) int {
	left, right, n, sum := math.Inf(-1), math.Inf(1), 0, 0.0
	for _, v := range chain {
		l, r := g.room(v)
		if l, r = max(l, left), min(r, right); l > r {
			break
		}
		left, right = l, r
		sum += v.x
		n++
	}
	if n == 0 {
		return 1 // rounding: leave it
	}
	x := max(left, min(right, sum/float64(n)))
	for _, v := range chain[:n] {
		v.x = x
	}
	return n
}

// room is how far a vertex can go to both sides.
func (g *grid) room(v *vertex) (left, right float64) {
	layer := g.layers[v.layer]
	left, right = math.Inf(-1), math.Inf(1)
	if v.order > 0 {
		left = layer[v.order-1].x + apart(layer[v.order-1], v)
	}
	if v.order+1 < len(layer) {
		right = layer[v.order+1].x - apart(v, layer[v.order+1])
	}
	return left, right
}
