package draw

import (
	"cmp"
	"math"
	"slices"
)

// The distances of boxes, in pixels.
const (
	layerGap = 34
	boxGap   = 14
	margin   = 12
	titleBar = 20
)

type point struct{ x, y float64 }

// layout places the items of a scene, and of the scenes inside it first.
func (s *scene) layout() {
	for _, it := range s.items {
		if it.inner == nil {
			it.measure()
			continue
		}
		it.inner.layout()
		it.w, it.h = it.inner.w, it.inner.h
		for v, e := range it.inner.entry {
			it.ins[v] = e.x + e.w/2
		}
		for v, e := range it.inner.exit {
			it.outs[v] = e.x + e.w/2
		}
	}
	s.rank()
	g := newGrid(s)
	g.arrange()
	g.align()
	g.straighten()
	g.settle()
}

// align finds the x of all middles: layer by layer the least sum of the edges'
// shifts, by weighted least squares with the weights made anew each time. A sum
// of shifts, not of their squares, makes few bends. Long edges pull most.
func (g *grid) align() {
	for _, layer := range g.layers {
		x := 0.0
		for i, v := range layer {
			if i > 0 {
				x += apart(layer[i-1], v)
			}
			v.x = x
		}
	}
	for i := range 120 {
		both := i >= 20
		if i%2 == 0 {
			for _, layer := range g.layers {
				pull(layer, true, both)
			}
		} else {
			for _, layer := range slices.Backward(g.layers) {
				pull(layer, both, true)
			}
		}
	}
}

// apart is how far the middles of neighbours are at least.
func apart(a, b *vertex) float64 {
	gap := float64(boxGap)
	if a.item == nil || b.item == nil {
		gap = 7
	}
	return (a.width()+b.width())/2 + gap
}

// pull moves a layer's vertices towards what they are joined to, in their order
// and apart: weighted isotonic regression by pooling adjacent violators.
func pull(layer []*vertex, up, down bool) {
	type pool struct {
		sum, weight float64
		n           int
	}
	var pools []pool
	shift := 0.0
	for i, v := range layer {
		if i > 0 {
			shift += apart(layer[i-1], v)
		}
		want, weight := v.wish(up, down)
		p := pool{(want - shift) * weight, weight, 1}
		for len(pools) > 0 {
			last := pools[len(pools)-1]
			if last.sum/last.weight <= p.sum/p.weight {
				break
			}
			p = pool{last.sum + p.sum, last.weight + p.weight, last.n + p.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	i, shift := 0, 0.0
	for _, p := range pools {
		for range p.n {
			if i > 0 {
				shift += apart(layer[i-1], layer[i])
			}
			layer[i].x = p.sum/p.weight + shift
			i++
		}
	}
}

// wish is where a vertex would stand best, and how much that matters.
func (v *vertex) wish(up, down bool) (x, weight float64) {
	sum := 0.0
	add := func(other *vertex, at float64) {
		w := 1.0
		if v.item == nil {
			w = 3
		}
		if other.item == nil {
			w *= 2
		}
		w /= math.Abs(at-v.x) + 4
		sum += w * at
		weight += w
	}
	if up {
		for _, s := range v.up {
			add(s.top, s.top.x+s.topAt-s.bottomAt)
		}
	}
	if down {
		for _, s := range v.down {
			add(s.bottom, s.bottom.x+s.bottomAt-s.topAt)
		}
	}
	if weight == 0 {
		return v.x, 1e-3
	}
	return sum / weight, weight
}

// settle turns middles into boxes and edges into paths, and measures the scene.
func (g *grid) settle() {
	s := g.scene
	left, right := math.Inf(1), math.Inf(-1)
	for _, layer := range g.layers {
		for _, v := range layer {
			left, right = min(left, v.x-v.width()/2), max(right, v.x+v.width()/2)
		}
	}
	if left > right {
		left, right = 0, 0 // nothing is drawn
	}
	need := width(s.name, fontSize, true) + 2*padding - (right - left)
	if s.parent != nil && need > 0 {
		left, right = left-need/2, right+need/2
	}
	y := float64(margin)
	if s.parent != nil {
		y += titleBar - margin/2
	}
	tops, bottoms := make([]float64, len(g.layers)), make([]float64, len(g.layers))
	for i, layer := range g.layers {
		h := 0.0
		for _, v := range layer {
			v.x += margin - left
			if v.item != nil {
				h = max(h, v.item.h)
			}
		}
		tops[i], bottoms[i] = y, y+h
		for _, v := range layer {
			if it := v.item; it != nil {
				it.x, it.y = v.x-it.w/2, y+(h-it.h)/2
			}
		}
		y += h + layerGap
	}
	s.w, s.h = right-left+2*margin, y-layerGap+margin
	for _, it := range s.items {
		switch it.kind {
		case entryItem:
			it.y = 0
		case exitItem:
			it.y = s.h
		}
	}
	g.spread()
	for _, l := range s.links {
		g.route(l, tops, bottoms)
	}
}

// spread gives the edges into a leaf places of their own along its top, in the
// order in which they come.
func (g *grid) spread() {
	for _, it := range g.scene.items {
		if it.inner != nil || it.kind == entryItem || it.kind == exitItem {
			continue
		}
		ups := slices.Clone(g.of[it].up)
		slices.SortStableFunc(ups, func(a, b *segment) int { return cmp.Compare(a.top.x+a.topAt, b.top.x+b.topAt) })
		step := min(24, (it.w-10)/float64(max(len(ups), 1)))
		for i, s := range ups {
			it.ins[s.value] = it.w/2 + step*(float64(i)-float64(len(ups)-1)/2)
		}
	}
}

// route writes a link's path: down from its upper item, through its dummies, to
// the lower one.
func (g *grid) route(l *link, tops, bottoms []float64) {
	a, b := l.ends()
	x := a.x + a.w/2 + a.out(l.value)
	l.path = append(l.path, point{x, a.y + a.h}, point{x, max(a.y+a.h, bottoms[a.layer])})
	for _, v := range g.chain[l] {
		l.path = append(l.path, point{v.x, tops[v.layer]}, point{v.x, bottoms[v.layer]})
	}
	x = b.x + b.w/2 + b.in(l.value)
	l.path = append(l.path, point{x, min(b.y, tops[b.layer])}, point{x, b.y})
	if b.kind == exitItem {
		l.path[len(l.path)-2].y = tops[b.layer]
	}
	if l.back {
		slices.Reverse(l.path)
	}
}
