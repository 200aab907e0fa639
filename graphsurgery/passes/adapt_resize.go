package passes

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// upsampleToResize replaces Upsample (versions 7 and 9), which was withdrawn.
func upsampleToResize(c *converter, n *gs.Node) (bool, error) {
	part := c.patch.In(n.Graph())
	var scales gs.Wire
	switch {
	case n.AttrRef("scales") != "":
		return false, c.unsupported(n, 10, "attribute scales, which the function takes from its call, becomes an input; inline the function first")
	case n.HasAttr("scales"):
		s := n.Floats("scales")
		scales = part.FreshInitializer(n.Label()+"_scales", gs.NewTensor([]int64{int64(len(s))}, s))
	case n.Input(1) != nil:
		scales = part.Tap(n.Input(1))
	default:
		return false, c.unsupported(n, 10, "it has no scales")
	}
	mode := n.Str("mode", "nearest")
	attrs := gs.Attrs{"mode": mode}
	inputs := []gs.Operand{part.Tap(n.Input(0)), scales}
	if c.target >= 11 {
		c.resizeAttrs(mode, func(name, value string) { attrs[name] = value })
		inputs = []gs.Operand{part.Tap(n.Input(0)), c.roi(n), scales}
	}
	part.Replace(n, part.Add("Resize", append(inputs, attrs)...))
	c.changed++
	return true, nil
}

// resizeAttrs writes down what Resize did before version 11: an output coordinate
// divided by the scale is the input's, rounded down where the nearest is taken.
func (c *converter) resizeAttrs(mode string, set func(name, value string)) {
	set("coordinate_transformation_mode", "asymmetric")
	if mode == "nearest" {
		set("nearest_mode", "floor")
	}
}

// roi is the region of interest, which versions 11 and 12 demand and do not use.
func (c *converter) roi(n *gs.Node) gs.Wire {
	if c.target >= 13 {
		return gs.Omit()
	}
	return c.patch.In(n.Graph()).FreshInitializer(n.Label()+"_roi", gs.NewTensor([]int64{0}, []float32{}))
}

// resizeTo11 moves the scales of Resize 10 behind the region of interest.
func resizeTo11(c *converter, n *gs.Node) (bool, error) {
	mode := n.Str("mode", "nearest")
	part := c.patch.In(n.Graph())
	attrs := gs.Attrs{"mode": mode}
	c.resizeAttrs(mode, func(name, value string) { attrs[name] = value })
	part.Replace(n, part.Add("Resize", part.Tap(n.Input(0)), c.roi(n), part.Tap(n.Input(1)), attrs))
	c.changed++
	return true, nil
}

// perChannel repeats the scale and bias of GroupNormalization, one a group until
// version 20, for every channel.
func perChannel(c *converter, n *gs.Node) (bool, error) {
	groups := n.Int("num_groups", 0)
	shape := c.types.Of(n.Input(0)).Shape
	if n.AttrRef("num_groups") != "" || n.AttrRef("epsilon") != "" || groups <= 0 || len(shape) < 2 || shape[1].Value <= 0 || shape[1].Value%groups != 0 {
		return false, c.unsupported(n, 21, "scale and bias become one a channel, and the number of channels is not known")
	}
	each := shape[1].Value / groups
	part := c.patch.In(n.Graph())
	column := c.ints(n, "axes", []int64{1})
	repeat := c.ints(n, "repeats", []int64{1, each})
	flat := c.ints(n, "shape", []int64{-1})
	operands := []gs.Operand{part.Tap(n.Input(0))}
	for _, input := range []int{1, 2} {
		wide := part.Add("Tile", part.Add("Unsqueeze", part.Tap(n.Input(input)), column), repeat)
		operands = append(operands, part.Add("Reshape", wide, flat))
	}
	attrs := gs.Attrs{"num_groups": groups}
	if n.HasAttr("epsilon") {
		attrs["epsilon"] = n.Float("epsilon", 1e-5)
	}
	part.Replace(n, part.Add("GroupNormalization", append(operands, attrs)...))
	c.changed++
	return true, nil
}
