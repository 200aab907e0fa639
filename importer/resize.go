package importer

import (
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// resizeOps change the sizes of axes by interpolation.
func resizeOps() []operator {
	const modes = "coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value mode nearest_mode"
	return []operator{
		// Upsample-7 has its scales as an attribute, 9 as an input.
		{key: onnx("Upsample", 7), attrs: "mode scales", minIn: 1, maxIn: 1, maxOut: 1, check: checkResize, lower: single(lowerUpsample)},
		{key: onnx("Upsample", 9), attrs: "mode", minIn: 2, maxIn: 2, maxOut: 1, check: checkResize, lower: single(lowerUpsample)},
		{key: onnx("Resize", 10), attrs: "mode", minIn: 2, maxIn: 2, maxOut: 1, check: checkResize, lower: single(lowerUpsample)},
		// Resize: 11 adds coordinates, cubic and sizes, 18 antialias, axes and the
		// aspect ratio, 19 half_pixel_symmetric.
		{key: onnx("Resize", 11), attrs: modes, minIn: 1, maxIn: 4, maxOut: 1, check: checkResize, lower: single(lowerResize)},
		{key: onnx("Resize", 18), attrs: modes + " antialias axes keep_aspect_ratio_policy", minIn: 1, maxIn: 4, maxOut: 1,
			check: checkResize, lower: single(lowerResize)},
	}
}

// checkResize knows the modes.
func checkResize(n *graphsurgery.Node) string {
	for _, a := range []struct{ name, known string }{
		{"mode", "nearest linear bilinear cubic"}, // bilinear is how opset 7 drafts wrote linear
		{"nearest_mode", "round_prefer_floor round_prefer_ceil floor ceil"},
		{"keep_aspect_ratio_policy", "stretch not_larger not_smaller"},
		{"coordinate_transformation_mode", "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners asymmetric " +
			"tf_half_pixel_for_nn tf_crop_and_resize"},
	} {
		if v := n.Str(a.name, ""); v != "" && !slices.Contains(strings.Fields(a.known), v) {
			return a.name + "=" + v + " of " + n.Op() + " is not supported"
		}
	}
	return ""
}

// resizeAxis is what happens to one axis of a Resize: out elements, that lie
// 1/scale of an element of the input apart. start and end bound the region that
// tf_crop_and_resize takes.
type resizeAxis struct {
	in, out    int
	scale      float64
	start, end float64
}

// resizeMode is what all axes of a Resize have in common.
type resizeMode struct {
	kind, coordinates, nearest string
	cubic, fill                float64
	exclude, antialias         bool
}

// lowerUpsample is Upsample-7 and -9 and Resize-10: asymmetric coordinates. Their
// text does not say which element is nearest; ONNX Runtime and onnx's tests take the
// one before where the axis grows and the one behind where it shrinks.
func lowerUpsample(c *call) *graph.Node {
	mode := resizeMode{kind: c.n.Str("mode", "nearest"), coordinates: "asymmetric", nearest: "old"}
	var scales []float64
	if c.n.HasAttr("scales") {
		for _, s := range c.n.Floats("scales") {
			scales = append(scales, float64(s))
		}
	} else {
		scales = c.host(1).floats
	}
	axes := c.resizeScales(scales, allAxes(c.rank(0)))
	return c.resize(axes, mode)
}

// lowerResize is Resize-11 to -19: x, region, scales, sizes.
func lowerResize(c *call) *graph.Node {
	mode := resizeMode{
		kind:        c.n.Str("mode", "nearest"),
		coordinates: c.n.Str("coordinate_transformation_mode", "half_pixel"),
		nearest:     c.n.Str("nearest_mode", "round_prefer_floor"),
		cubic:       float64(c.n.Float("cubic_coeff_a", -0.75)),
		fill:        float64(c.n.Float("extrapolation_value", 0)),
		exclude:     c.attrInt("exclude_outside", 0) != 0,
		antialias:   c.attrInt("antialias", 0) != 0,
	}
	named := allAxes(c.rank(0))
	if c.n.HasAttr("axes") {
		named = c.axes(c.attrInts("axes"), c.rank(0))
	}
	var axes []resizeAxis
	switch {
	case c.has(3) && c.host(3).len() > 0:
		axes = c.resizeSizes(c.host(3).asInts(), named)
	case c.has(2):
		axes = c.resizeScales(c.host(2).floats, named)
	default:
		c.fail("neither scales nor sizes are given")
	}
	if mode.coordinates == "tf_crop_and_resize" {
		c.resizeRegion(axes, named)
	}
	return c.resize(axes, mode)
}

// resizeScales makes axes of scales: sizes are rounded down.
func (c *call) resizeScales(scales []float64, named []int) []resizeAxis {
	axes := c.resizeNone()
	if len(scales) != len(named) {
		c.fail("%d scales for %d axes, want one each", len(scales), len(named))
	}
	for i, a := range named {
		if !(scales[i] > 0) || scales[i] > maxElements {
			c.fail("scale %g of axis %d, want a positive number", scales[i], a)
		}
		axes[a].scale = scales[i]
		axes[a].out = int(math.Floor(float64(float32(scales[i]) * float32(axes[a].in)))) // in float32, as ONNX Runtime does
	}
	return axes
}

// resizeSizes makes axes of sizes; the aspect ratio may be kept by taking the
// smallest or largest scale for all.
func (c *call) resizeSizes(sizes []int, named []int) []resizeAxis {
	axes := c.resizeNone()
	if len(sizes) != len(named) || slices.Min(sizes) < 0 {
		c.fail("sizes %v for %d axes, want one positive number each", sizes, len(named))
	}
	low, high := math.Inf(1), 0.0
	for i, a := range named {
		axes[a].out = sizes[i]
		axes[a].scale = float64(sizes[i]) / float64(max(1, axes[a].in))
		low, high = min(low, axes[a].scale), max(high, axes[a].scale)
	}
	policy := c.n.Str("keep_aspect_ratio_policy", "stretch")
	if policy == "stretch" {
		return axes
	}
	scale := low
	if policy == "not_smaller" {
		scale = high
	}
	for _, a := range named {
		axes[a].scale = scale
		axes[a].out = int(math.Floor(scale*float64(axes[a].in) + 0.5))
	}
	return axes
}

// resizeNone leaves every axis as it is.
func (c *call) resizeNone() []resizeAxis {
	axes := make([]resizeAxis, c.rank(0))
	for i, d := range c.dims(0) {
		axes[i] = resizeAxis{in: d, out: d, scale: 1, end: 1}
	}
	return axes
}

// resizeRegion reads input 1, the starts and then the ends of the region, as
// parts of the axes.
func (c *call) resizeRegion(axes []resizeAxis, named []int) {
	if !c.has(1) || c.host(1).len() != 2*len(named) {
		c.fail("tf_crop_and_resize needs a region of %d numbers", 2*len(named))
	}
	region := c.host(1).floats
	for i, a := range named {
		axes[a].start, axes[a].end = region[i], region[len(named)+i]
	}
}

// resize changes one axis after the other.
func (c *call) resize(axes []resizeAxis, mode resizeMode) *graph.Node {
	x := c.arg(0)
	own := x.DType()
	dims := make([]int, len(axes))
	for i, a := range axes {
		dims[i] = a.out
		if a.in == 0 && a.out > 0 {
			c.fail("axis %d has no elements to make %d of", i, a.out)
		}
	}
	c.bounded(dims)
	if product(dims) == 0 {
		return graph.Zeros(x.Graph(), shapes.Make(own, dims...))
	}
	for axis, a := range axes {
		if a.plain() {
			continue
		}
		c.demanded(a.out)
		positions := mode.positions(a)
		if mode.kind == "nearest" {
			x = takeAxis(x, axis, mode.nearestOf(positions, a))
		} else {
			x = mixTaps(floatOf(x), axis, mode.taps(positions, a))
		}
		if mode.coordinates == "tf_crop_and_resize" {
			x = resizeFill(x, axis, positions, a.in, mode.fill)
		}
	}
	return roundTo(x, own)
}

// plain tells that nothing happens to the axis.
func (a resizeAxis) plain() bool {
	return a.in == a.out && math.Abs(a.scale-1) < 1e-9 && a.start == 0 && a.end == 1
}

// allAxes are the axes of a rank.
func allAxes(rank int) []int {
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	return axes
}
