package adapterinject

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TokenGrid is how the tokens of a value lie in space.
type TokenGrid struct {
	Prefix int   // tokens in front that lie nowhere, such as cls
	Sizes  []int // one or two axes: time alone, or as the patch convolution has them; 0 where the size is the model's to choose
}

// GridOf finds how the tokens of a value [batch, tokens, width] or [batch, height,
// width of the grid, width] lie: as the result of the convolution that cut the
// patches, halved as often as the stages before it merged them; else along time
// alone. The error is an *UnsupportedError where the file does not tell.
func (t *Target) GridOf(v *gs.Value) (TokenGrid, error) {
	shape := t.Type(v).Shape
	refuse := func(format string, args ...any) (TokenGrid, error) {
		return TokenGrid{}, &gs.UnsupportedError{File: t.Model.Path(), Node: v.Name(), What: fmt.Sprintf(format, args...), Hint: "choose a method without convolutions, such as aat"}
	}
	switch {
	case len(shape) == 4:
		return TokenGrid{Sizes: []int{int(max(0, shape[1].Value)), int(max(0, shape[2].Value))}}, nil
	case len(shape) != 3:
		return refuse("%q has the shape %v, in which tokens have no axis of their own", v.Name(), shape)
	}
	patches, err := t.patches()
	if err != nil {
		return TokenGrid{}, err
	}
	if patches == nil {
		return TokenGrid{Sizes: []int{int(max(0, shape[1].Value))}}, nil
	}
	n := int(shape[1].Value)
	if n < 0 {
		return refuse("the number of tokens of %q is not fixed, so they cannot be laid out on the grid of patches", v.Name())
	}
	f, time := patches[0], patches[1]
	for ; f > 0 && time > 0; f, time = f/2, time/2 {
		const mostPrefix = 16 // cls, distillation, registers
		if rest := n - f*time; rest == 0 || rest > 0 && rest <= mostPrefix && f == patches[0] {
			return TokenGrid{Prefix: rest, Sizes: []int{f, time}}, nil
		}
	}
	return refuse("%q has %d tokens, which is no stage of a grid of %d×%d patches", v.Name(), n, patches[0], patches[1])
}

// patches are the two sizes of the patch convolution's result, nil if the model has
// none: a convolution over two axes that its kernel moves over in steps, whose result
// is flattened row by row.
func (t *Target) patches() ([]int, error) {
	for _, n := range t.Model.Graph.Nodes() {
		if !is(n, "Conv") || n.Output(0) == nil {
			continue
		}
		shape, strides := t.Type(n.Output(0)).Shape, n.Ints("strides")
		if len(shape) != 4 || len(strides) != 2 || strides[0] < 2 && strides[1] < 2 {
			continue
		}
		readers := n.Output(0).Uses()
		if len(readers) == 0 || !among(readers[0].Node, "Reshape", "Flatten", "Shape") || shape[2].Value < 1 || shape[3].Value < 1 {
			return nil, &gs.UnsupportedError{
				File: t.Model.Path(), Node: n.Label(), What: "the patches of the convolution are not flattened row by row, or their number is not fixed",
				Hint: "choose a method without convolutions, such as aat",
			}
		}
		return []int{int(shape[2].Value), int(shape[3].Value)}, nil
	}
	return nil, nil
}

// DepthwiseTime adds a depthwise convolution along the tokens of x [batch, tokens,
// channels], each end padded with zeros so that the length stays. Its weight [channels,
// 1, size] is trained from init and its bias from zero.
func (s *Splicer) DepthwiseTime(name string, x gs.Wire, channels, size int, init Init) gs.Wire {
	turn := gs.Attrs{"perm": []int{0, 2, 1}}
	h := s.Op(name+"_turn", "Transpose", x, turn)
	w := s.Param(name+"_weight", []int{channels, 1, size}, init)
	b := s.Param(name+"_bias", []int{channels}, Zeros())
	low := (size - 1) / 2
	h = s.Op(name, "Conv", h, w, b, gs.Attrs{"group": channels, "kernel_shape": []int{size}, "pads": []int{low, size - 1 - low}})
	return s.Op(name+"_back", "Transpose", h, turn)
}

// ConvTokens adds a convolution of three tokens along each axis of the grid that the
// tokens of x [batch, tokens, channels], or [batch, height, width, channels], lie on.
// Tokens in front that lie nowhere see themselves alone, through the kernel's middle.
// The kernel begins as the identity and the bias as zero.
func (s *Splicer) ConvTokens(name string, x gs.Wire, grid TokenGrid, channels int) gs.Wire {
	axes := len(grid.Sizes)
	kernel, pads := make([]int, axes), make([]int, 2*axes)
	for i := range kernel {
		kernel[i], pads[i], pads[axes+i] = 3, 1, 1
	}
	w := s.Param(name+"_weight", append([]int{channels, channels}, kernel...), dirac(channels, axes))
	b := s.Param(name+"_bias", []int{channels}, Zeros())
	conv := func(part string, x gs.Wire) gs.Wire {
		return s.Op(name+part, "Conv", x, w, b, gs.Attrs{"kernel_shape": kernel, "pads": pads})
	}
	first := []int{0, axes + 1} // channels to the front
	last := []int{0}
	for i := range axes {
		first = append(first, i+1)
		last = append(last, i+2)
	}
	last = append(last, 1)
	spread := func(part string, x gs.Wire, sizes ...int64) gs.Wire {
		if axes == 2 {
			x = s.Op(name+part+"_grid", "Reshape", x, s.Ints(name+part+"_shape", append(append([]int64{-1}, sizes...), int64(channels))...))
		}
		x = s.Op(name+part+"_turn", "Transpose", x, gs.Attrs{"perm": first})
		return s.Op(name+part+"_back", "Transpose", conv(part, x), gs.Attrs{"perm": last})
	}
	if axes == 1 {
		return spread("_time", x)
	}
	h, wide := int64(grid.Sizes[0]), int64(grid.Sizes[1])
	flat := func(part string, x gs.Wire, tokens int64) gs.Wire {
		return s.Op(name+part+"_flat", "Reshape", x, s.Ints(name+part+"_tokens", -1, tokens, int64(channels)))
	}
	if grid.Prefix == 0 {
		return flat("_grid", spread("_grid", x, h, wide), h*wide)
	}
	p := int64(grid.Prefix)
	front := s.slice(name+"_take_front", x, 0, p)
	rest := s.slice(name+"_take_rest", x, p, p+h*wide)
	front = flat("_front", spread("_front", front, 1, 1), p)
	rest = flat("_grid", spread("_grid", rest, h, wide), h*wide)
	return s.Op(name+"_join", "Concat", front, rest, gs.Attrs{"axis": 1})
}

// slice takes tokens from and up to to.
func (s *Splicer) slice(name string, x gs.Wire, from, to int64) gs.Wire {
	if s.opset < 10 { // bounds are attributes
		return s.Op(name, "Slice", x, gs.Attrs{"axes": []int{1}, "starts": []int64{from}, "ends": []int64{to}})
	}
	return s.Op(name, "Slice", x, s.Ints(name+"_from", from), s.Ints(name+"_to", to), s.Ints(name+"_axis", 1))
}

// dirac begins a kernel of three along each axis as the identity of its channels.
func dirac(channels, axes int) Init {
	return Init{func(_ *pcg, n int) []float32 {
		out := make([]float32, n)
		size := 1
		for range axes {
			size *= 3
		}
		for c := range channels {
			out[(c*channels+c)*size+size/2] = 1
		}
		return out
	}}
}
