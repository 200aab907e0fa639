package infer

import "strings"

// convolutions lists convolution and pooling.
func convolutions() map[string]Rule {
	pool := func(n *Node) error { return pooled(n, n.dtype(0)) }
	return map[string]Rule{
		"Conv":              func(n *Node) error { return convolve(n, 1, n.dtype(0)) },
		"ConvInteger":       func(n *Node) error { return convolve(n, 1, Int32) },
		"QLinearConv":       func(n *Node) error { return convolve(n, 3, n.dtype(7)) },
		"DeformConv":        func(n *Node) error { return convolve(n, 1, n.dtype(0)) },
		"ConvTranspose":     convTranspose,
		"MaxPool":           maxPool,
		"AveragePool":       pool,
		"LpPool":            pool,
		"GlobalAveragePool": globalPool, "GlobalMaxPool": globalPool, "GlobalLpPool": globalPool,
		"MaxUnpool": maxUnpool, "MaxRoiPool": maxRoiPool, "RoiAlign": roiAlign, "Col2Im": col2Im,
		"CausalConvWithState": causalConvWithState,
	}
}

// window is the geometry of one axis of a convolution or pooling.
type window struct {
	kernel           Expr
	stride, dilation int64
	begin, end       int64
	auto             string
	ceil             bool
}

// windows reads the attributes for the spatial axes.
func (n *Node) windows(kernel []Expr) ([]window, error) {
	r := len(kernel)
	strides, dilations, pads := n.Ints("strides"), n.Ints("dilations"), n.Ints("pads")
	if strides != nil && len(strides) != r || dilations != nil && len(dilations) != r || pads != nil && len(pads) != 2*r {
		return nil, fail("strides %v, dilations %v and pads %v do not fit %d spatial axes", strides, dilations, pads, r)
	}
	out := make([]window, r)
	for i := range out {
		w := window{kernel: kernel[i], stride: 1, dilation: 1, auto: n.Str("auto_pad", "NOTSET"), ceil: n.Int("ceil_mode", 0) != 0}
		if strides != nil {
			w.stride = strides[i]
		}
		if dilations != nil {
			w.dilation = dilations[i]
		}
		if pads != nil && (w.auto == "NOTSET" || w.auto == "") {
			w.begin, w.end = pads[i], pads[i+r]
		}
		if w.stride < 1 || w.dilation < 1 {
			return nil, fail("strides %v and dilations %v, want numbers above 0", strides, dilations)
		}
		out[i] = w
	}
	return out, nil
}

// reach is the extent of the dilated kernel: (k − 1)·d + 1.
func (w window) reach() Expr {
	return Add(scale(Sub(w.kernel, Const(1)), w.dilation), Const(1))
}

// out is ⌊(L + p − reach)/s⌋ + 1, or as auto_pad and ceil_mode say.
func (w window) out(size Expr) Expr {
	switch {
	case strings.HasPrefix(w.auto, "SAME"):
		return Ceil(size, Const(w.stride))
	case w.ceil:
		return w.ceiled(size)
	}
	room := Sub(Add(size, Const(w.begin+w.end)), w.reach())
	return atLeast0(Add(Div(room, Const(w.stride)), Const(1)))
}

// ceiled rounds up, but drops a window that would start in the end padding.
func (w window) ceiled(size Expr) Expr {
	room := Sub(Add(size, Const(w.begin+w.end)), w.reach())
	up := Add(Ceil(room, Const(w.stride)), Const(1))
	last := Add(Div(Sub(Add(size, Const(w.begin)), Const(1)), Const(w.stride)), Const(1))
	return atLeast0(Min(up, last))
}

// spatial gives the kernel's size on each spatial axis: the attribute, else the
// weights' shape.
func (n *Node) spatial(rank int, weights []Expr) []Expr {
	if k := n.Ints("kernel_shape"); n.Has("kernel_shape") {
		return dims(k...)
	}
	if len(weights) > 2 {
		return weights[2:]
	}
	return unknowns(rank)
}

func convolve(n *Node, weights int, dtype int32) error {
	x, w := n.shape(0), n.shape(weights)
	n.set(0, dtype, nil)
	if x == nil && w != nil {
		n.set(0, dtype, unknowns(len(w)))
	}
	if x == nil {
		return nil
	}
	misfit := len(x) < 3 || w != nil && len(w) != len(x)
	unseen := len(x) > 2 && len(w) > 0 && n.Has("kernel_shape") // onnx does not look at the weights
	if misfit && !unseen {
		return n.convRanks(weights)
	}
	kernel := n.spatial(len(x)-2, w)
	if len(kernel) != len(x)-2 {
		return fail("kernel_shape has %d axes, the input is of shape %s", len(kernel), ShapeString(x))
	}
	ws, err := n.windows(kernel)
	switch {
	case err != nil:
		return err
	case misfit:
		return AsFiner(n.convRanks(weights))
	}
	out := []Expr{x[0], Unknown()}
	if w != nil {
		out[1] = w[0]
	}
	for i := range ws {
		out = append(out, ws[i].out(x[i+2]))
	}
	n.set(0, dtype, out)
	if w == nil {
		return nil
	}
	if _, ok := n.Ctx.Merge(x[1], Mul(w[1], Const(n.Int("group", 1)))); !ok {
		return failFiner("input has %s channels, weights of shape %s in %d groups want %s", x[1], ShapeString(w), n.Int("group", 1), Mul(w[1], Const(n.Int("group", 1))))
	}
	if n.Op == "Conv" {
		_, err = n.sameType(0, 1, 2)
	}
	return err
}

func (n *Node) convRanks(weights int) error {
	return fail("input of shape %s and weights of shape %s, want one rank of at least 3", ShapeString(n.shape(0)), ShapeString(n.shape(weights)))
}

// convTranspose: s·(L − 1) + output_padding + reach − p, or output_shape.
func convTranspose(n *Node) error {
	x, w := n.shape(0), n.shape(1)
	n.set(0, n.dtype(0), nil)
	if x == nil {
		return nil
	}
	if len(x) < 3 || w != nil && len(w) != len(x) {
		return n.convRanks(1)
	}
	r := len(x) - 2
	kernel := n.spatial(r, w)
	if len(kernel) != r {
		return fail("kernel_shape has %d axes, the input is of shape %s", len(kernel), ShapeString(x))
	}
	ws, err := n.windows(kernel)
	if err != nil {
		return err
	}
	extra, fixed := n.Ints("output_padding"), n.Ints("output_shape")
	if len(fixed) == r+2 {
		fixed = fixed[2:]
	}
	if extra != nil && len(extra) != r || fixed != nil && len(fixed) != r {
		return fail("output_padding %v and output_shape %v do not fit %d spatial axes", extra, fixed, r)
	}
	out := []Expr{x[0], Unknown()}
	if w != nil {
		out[1] = Mul(w[1], Const(n.Int("group", 1)))
	}
	for i, g := range ws {
		more := int64(0)
		if extra != nil {
			more = extra[i]
		}
		switch {
		case fixed != nil:
			out = append(out, Const(fixed[i]))
		case strings.HasPrefix(g.auto, "SAME"):
			out = append(out, scale(x[i+2], g.stride))
		default:
			full := Add(scale(Sub(x[i+2], Const(1)), g.stride), g.reach())
			out = append(out, Add(full, Const(more-g.begin-g.end)))
		}
	}
	n.set(0, n.dtype(0), out)
	return nil
}

func pooled(n *Node, dtype int32) error {
	x := n.shape(0)
	n.set(0, dtype, nil)
	if x == nil {
		return nil
	}
	ws, err := n.poolWindows(x)
	if err != nil {
		return err
	}
	out := clone(x[:2])
	for i := range ws {
		out = append(out, ws[i].out(x[i+2]))
	}
	n.set(0, dtype, out)
	return nil
}

// poolWindows are the windows of a pooling over x, as kernel_shape says.
func (n *Node) poolWindows(x []Expr) ([]window, error) {
	kernel := dims(n.Ints("kernel_shape")...)
	if len(x) < 3 || len(kernel) != len(x)-2 {
		return nil, fail("kernel_shape %v does not fit input of shape %s", n.Ints("kernel_shape"), ShapeString(x))
	}
	return n.windows(kernel)
}

func maxPool(n *Node) error {
	err := pooled(n, n.dtype(0))
	if len(n.Out) > 1 {
		n.set(1, Int64, n.Out[0].Shape)
	}
	return err
}

func globalPool(n *Node) error {
	x := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if x == nil {
		return nil
	}
	if len(x) < 3 {
		return fail("input of shape %s, want rank 3 or more", ShapeString(x))
	}
	out := clone(x)
	for i := 2; i < len(out); i++ {
		out[i] = Const(1)
	}
	n.set(0, n.dtype(0), out)
	return nil
}

func maxUnpool(n *Node) error {
	x := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if x == nil {
		return nil
	}
	if n.in(2) != nil {
		n.set(0, n.dtype(0), n.shapeFrom(2))
		return nil
	}
	ws, err := n.poolWindows(x)
	if err != nil {
		return err
	}
	out := clone(x[:2])
	for i, w := range ws {
		full := Add(scale(Sub(x[i+2], Const(1)), w.stride), w.kernel)
		out = append(out, Sub(full, Const(w.begin+w.end)))
	}
	n.set(0, n.dtype(0), out)
	return nil
}

// roiCount gives the first axis of input i.
func (n *Node) roiCount(i int) Expr {
	if s := n.shape(i); len(s) > 0 {
		return s[0]
	}
	return Unknown()
}

func maxRoiPool(n *Node) error {
	n.set(0, n.dtype(0), unknowns(4))
	p := n.Ints("pooled_shape")
	if len(p) != 2 {
		return fail("pooled_shape %v, want 2 sizes", p)
	}
	n.set(0, n.dtype(0), []Expr{n.roiCount(1), n.channels(), Const(p[0]), Const(p[1])})
	return nil
}

// channels is axis 1 of the first input.
func (n *Node) channels() Expr {
	if s := n.shape(0); len(s) > 1 {
		return s[1]
	}
	return Unknown()
}

func roiAlign(n *Node) error {
	n.set(0, n.dtype(0), []Expr{n.roiCount(1), n.channels(), Const(n.Int("output_height", 1)), Const(n.Int("output_width", 1))})
	return nil
}

// col2Im puts blocks back into an image whose size input 1 gives.
func col2Im(n *Node) error {
	n.set(0, n.dtype(0), nil)
	image := n.shapeFrom(1)
	if image == nil {
		return nil
	}
	out := append(unknowns(2), image...)
	s := n.shape(0)
	if len(s) == 3 {
		out[0] = s[0]
		if block, ok := n.elems(2); ok {
			out[1] = Div(s[1], Product(block))
		}
	}
	n.set(0, n.dtype(0), out)
	return nil
}

// causalConvWithState keeps the input's length.
func causalConvWithState(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	x, w := n.shape(0), n.shape(1)
	if len(x) != 3 || len(w) != 3 {
		return nil
	}
	n.set(1, n.dtype(0), []Expr{x[0], x[1], Sub(w[2], Const(1))})
	return nil
}
