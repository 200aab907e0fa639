package infer

import "math"

// images lists resampling.
func images() map[string]Rule {
	return map[string]Rule{"Resize": resize, "Upsample": upsample, "GridSample": gridSample, "AffineGrid": affineGrid, "ImageDecoder": imageDecoder}
}

// upsample has its scales as an attribute before opset 9, then as input 1.
func upsample(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	scales, ok := n.scaleList(1)
	if n.Has("scales") {
		scales, ok = nil, true
		for _, f := range n.Floats("scales") {
			scales = append(scales, FloatElem(f))
		}
	}
	out := unknowns(len(s))
	if ok {
		if len(scales) != len(s) {
			return fail("%d scales for shape %s", len(scales), ShapeString(s))
		}
		for i := range out {
			out[i] = scaled(s[i], scales[i])
		}
	}
	n.set(0, n.dtype(0), out)
	return nil
}

func (n *Node) scaleList(i int) ([]Elem, bool) {
	v := n.in(i)
	if v == nil || v.Elems == nil {
		return nil, false
	}
	return v.Elems, true
}

// scaled is ⌊size · scale⌋, in single precision as ONNX Runtime does it.
func scaled(size Expr, by Elem) Expr {
	f, fok := by.float()
	c, cok := size.Const()
	if fok && cok {
		if r := float32(c) * float32(f); r >= 0 && r < 1<<40 {
			return Const(int64(math.Floor(float64(r))))
		}
		return Unknown()
	}
	return floorElem(mulElem(Elem{E: size}, by)).E
}

// resize has scales as input 1 in opset 10; since 11 (X, roi, scales, sizes), for
// chosen axes since 18.
func resize(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	if n.Version < 11 {
		return upsample(n)
	}
	out := clone(s)
	axes := n.Ints("axes")
	if !n.Has("axes") {
		for i := range s {
			axes = append(axes, int64(i))
		}
	}
	gone, err := axisSet(axes, len(s))
	if err != nil {
		return err
	}
	for i := range out {
		if gone[i] {
			out[i] = Unknown()
		}
	}
	n.set(0, n.dtype(0), out)
	return n.resizeAxes(s, out, axes)
}

func (n *Node) resizeAxes(s, out []Expr, axes []int64) error {
	place := func(i int) int { k, _ := axis(axes[i], len(s)); return k }
	scales, ok := n.scaleList(2)
	if ok && len(scales) > 0 {
		if len(scales) != len(axes) {
			return fail("%d scales for %d axes", len(scales), len(axes))
		}
		for i, f := range scales {
			out[place(i)] = n.resized(s[place(i)], f, i, len(axes))
		}
		return nil
	}
	if err := n.ranksOf([]string{"scales", "sizes"}, 2, 1); err != nil {
		return err
	}
	if n.in(2) == nil && n.in(3) == nil {
		return fail("neither scales nor sizes are given")
	}
	if count, ok := product(n.shape(3)); ok && n.in(3) != nil && count > 0 && count != int64(len(axes)) {
		return fail("%d sizes for %d axes", count, len(axes))
	}
	sizes, ok := n.elems(3)
	if !ok || len(sizes) != len(axes) {
		return nil
	}
	for i, d := range sizes {
		out[place(i)] = d
	}
	if p := n.Str("keep_aspect_ratio_policy", "stretch"); p != "stretch" {
		keepAspect(s, out, axes, p == "not_larger")
	}
	return nil
}

// resized is the size after scaling; a crop takes a part of the input first.
func (n *Node) resized(size Expr, by Elem, i, axes int) Expr {
	if n.Str("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize" {
		return scaled(size, by)
	}
	roi, ok := n.scaleList(1)
	if !ok || len(roi) != 2*axes {
		return Unknown()
	}
	return floorElem(mulElem(mulElem(Elem{E: size}, subElem(roi[axes+i], roi[i])), by)).E
}

// keepAspect scales all axes by the smallest or largest of the scales asked for.
func keepAspect(s, out []Expr, axes []int64, smallest bool) {
	best := math.Inf(1)
	if !smallest {
		best = 0
	}
	for _, a := range axes {
		k, _ := axis(a, len(s))
		d, ok1 := s[k].Const()
		want, ok2 := out[k].Const()
		if !ok1 || !ok2 || d == 0 {
			best = math.NaN()
			break
		}
		f := float64(want) / float64(d)
		if smallest {
			best = min(best, f)
		} else {
			best = max(best, f)
		}
	}
	for _, a := range axes {
		k, _ := axis(a, len(s))
		d, ok := s[k].Const()
		if !ok || math.IsNaN(best) {
			out[k] = Unknown()
			continue
		}
		out[k] = Const(int64(math.Floor(best*float64(d) + 0.5)))
	}
}

// gridSample takes N and C from the input, the rest from the grid.
func gridSample(n *Node) error {
	x, g := n.shape(0), n.shape(1)
	n.set(0, n.dtype(0), nil)
	if x != nil {
		n.set(0, n.dtype(0), unknowns(len(x)))
	}
	if x == nil || g == nil {
		return nil
	}
	if len(x) < 3 || len(x) != len(g) {
		return fail("input of shape %s and grid of shape %s, want one rank of at least 3", ShapeString(x), ShapeString(g))
	}
	n.set(0, n.dtype(0), append(clone(x[:2]), g[1:len(g)-1]...))
	return nil
}

// affineGrid makes a grid for the size that input 1 gives: N, C and the space.
func affineGrid(n *Node) error {
	n.set(0, n.dtype(0), nil)
	size := n.shapeFrom(1)
	if len(size) < 4 {
		return nil
	}
	out := append([]Expr{size[0]}, size[2:]...)
	n.set(0, n.dtype(0), append(out, Const(int64(len(size)-2))))
	return nil
}

func imageDecoder(n *Node) error {
	c := Const(3)
	if n.Str("pixel_format", "RGB") == "Grayscale" {
		c = Const(1)
	}
	n.set(0, Uint8, []Expr{Unknown(), Unknown(), c})
	return n.rankOf(0, "encoded_stream", 1)
}
