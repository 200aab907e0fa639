package draw

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// The layered drawing of Sugiyama, Tagawa and Toda (1981): layers by longest
// paths, long edges cut by dummies, crossings lessened by barycentres, positions
// by least squares.

// vertex is an item, or a bend where a value's edges pass a layer.
type vertex struct {
	item     *item // nil for a bend
	layer    int
	order    int // in its layer
	x        float64
	up, down []*segment
	key      float64 // scratch of the sweeps
}

// segment joins vertices of adjacent layers; the offsets are where it meets them,
// from their middles.
type segment struct {
	top, bottom     *vertex
	value           *gs.Value
	topAt, bottomAt float64
}

func (v *vertex) width() float64 {
	if v.item == nil {
		return 10
	}
	return v.item.w
}

// grid is a scene under layout.
type grid struct {
	scene  *scene
	layers [][]*vertex
	of     map[*item]*vertex
	chain  map[*link][]*vertex // the dummies of a link, from the top
}

// rank gives each item its layer.
func (s *scene) rank() {
	s.turnBack()
	in := map[*item][]*item{}
	out := map[*item][]*item{}
	left := map[*item]int{}
	for _, l := range s.links {
		a, b := l.ends()
		in[b], out[a] = append(in[b], a), append(out[a], b)
		left[b]++
	}
	var queue, order []*item
	for _, it := range s.items {
		if left[it] == 0 {
			queue = append(queue, it)
		}
	}
	for len(queue) > 0 {
		it := queue[0]
		queue = queue[1:]
		order = append(order, it)
		for _, p := range in[it] {
			it.layer = max(it.layer, p.layer+1)
		}
		for _, q := range out[it] {
			if left[q]--; left[q] == 0 {
				queue = append(queue, q)
			}
		}
	}
	last := 0
	for _, it := range s.items {
		last = max(last, it.layer)
	}
	for _, it := range slices.Backward(order) { // what nothing leads to stands close to its readers
		if len(in[it]) == 0 && it.kind != entryItem && len(out[it]) > 0 {
			it.layer = last
			for _, q := range out[it] {
				it.layer = min(it.layer, q.layer-1)
			}
		}
		if it.kind == exitItem {
			it.layer = last
		}
	}
	s.deepen()
}

// deepen keeps exits below everything else.
func (s *scene) deepen() {
	deepest := 0
	for _, it := range s.items {
		if it.kind != exitItem {
			deepest = max(deepest, it.layer)
		}
	}
	for _, it := range s.items {
		if it.kind == exitItem {
			it.layer = deepest + 1
		}
	}
}

// ends are the upper and the lower item of a link.
func (l *link) ends() (*item, *item) {
	if l.back {
		return l.to, l.from
	}
	return l.from, l.to
}

// turnBack marks the links that close a cycle, found depth first. Only groups
// that are not convex have such.
func (s *scene) turnBack() {
	out := map[*item][]*link{}
	for _, l := range s.links {
		out[l.from] = append(out[l.from], l)
	}
	const open, closed = 1, 2
	state := map[*item]int{}
	var visit func(it *item)
	visit = func(it *item) {
		state[it] = open
		for _, l := range out[it] {
			switch state[l.to] {
			case open:
				l.back = true
			case 0:
				visit(l.to)
			}
		}
		state[it] = closed
	}
	for _, it := range s.items {
		if state[it] == 0 {
			visit(it)
		}
	}
}

// newGrid makes vertices, dummies and segments. Edges of one value from one item
// share their dummies.
func newGrid(s *scene) *grid {
	g := &grid{scene: s, of: map[*item]*vertex{}, chain: map[*link][]*vertex{}}
	put := func(v *vertex) *vertex {
		for len(g.layers) <= v.layer {
			g.layers = append(g.layers, nil)
		}
		g.layers[v.layer] = append(g.layers[v.layer], v)
		return v
	}
	for _, it := range s.items {
		g.of[it] = put(&vertex{item: it, layer: it.layer})
	}
	type place struct {
		value *gs.Value
		top   *vertex
		layer int
		back  bool
	}
	type pair struct{ top, bottom *vertex }
	dummies := map[place]*vertex{}
	joined := map[pair]bool{}
	for _, l := range s.links {
		a, b := l.ends()
		at := g.of[a]
		join := func(to *vertex) {
			if !joined[pair{at, to}] {
				joined[pair{at, to}] = true
				seg := &segment{top: at, bottom: to, value: l.value, topAt: at.item.out(l.value), bottomAt: to.item.in(l.value)}
				at.down, to.up = append(at.down, seg), append(to.up, seg)
			}
			at = to
		}
		for layer := a.layer + 1; layer < b.layer; layer++ {
			k := place{l.value, g.of[a], layer, l.back}
			if dummies[k] == nil {
				dummies[k] = put(&vertex{layer: layer})
			}
			g.chain[l] = append(g.chain[l], dummies[k])
			join(dummies[k])
		}
		join(g.of[b])
	}
	return g
}

// in is where a value meets an item, from its middle; out is where it leaves.
func (it *item) in(v *gs.Value) float64 {
	if it == nil {
		return 0
	}
	if x, ok := it.ins[v]; ok {
		return x - it.w/2
	}
	return 0
}

func (it *item) out(v *gs.Value) float64 {
	if it == nil {
		return 0
	}
	if x, ok := it.outs[v]; ok {
		return x - it.w/2
	}
	return 0
}
