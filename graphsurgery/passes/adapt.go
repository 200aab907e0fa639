package passes

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// adaptFunc changes a node so that it means under a new version of its operator
// what it meant under the one before. done says that the node was replaced, so
// that later versions of its operator do not concern it.
type adaptFunc func(c *converter, n *gs.Node) (done bool, err error)

// adapter gives what a version of an operator demands; nil if the schemas tell
// everything. (ONNX docs/Changelog.md, versions 8 to 23.)
func adapter(op string, since int64) adaptFunc {
	type at struct {
		op    string
		since int64
	}
	switch (at{op, since}) {
	case at{"BatchNormalization", 9}:
		return dropSpatial
	case at{"BatchNormalization", 14}:
		return onlyInference
	case at{"Dropout", 10}:
		return maskUnread
	case at{"Dropout", 12}:
		return attrsToInputs(attrInput{"ratio", 1, scalarFloat})
	case at{"Slice", 10}:
		return attrsToInputs(attrInput{"starts", 1, list}, attrInput{"ends", 2, list}, attrInput{"axes", 3, list})
	case at{"TopK", 10}:
		return attrsToInputs(attrInput{"k", 1, listOfOne})
	case at{"Squeeze", 13}, at{"Unsqueeze", 13}, at{"ReduceSum", 13}:
		return attrsToInputs(attrInput{"axes", 1, list})
	case at{"ReduceL1", 18}, at{"ReduceL2", 18}, at{"ReduceLogSum", 18}, at{"ReduceLogSumExp", 18}, at{"ReduceMax", 18},
		at{"ReduceMean", 18}, at{"ReduceMin", 18}, at{"ReduceProd", 18}, at{"ReduceSumSquare", 18}:
		return attrsToInputs(attrInput{"axes", 1, list})
	case at{"Split", 13}:
		return attrsToInputs(attrInput{"split", 1, list})
	case at{"Split", 18}:
		return countOutputs
	case at{"Pad", 11}:
		return attrsToInputs(attrInput{"pads", 1, list}, attrInput{"value", 2, scalarLikeInput})
	case at{"Clip", 11}:
		return attrsToInputs(attrInput{"min", 1, scalarLikeInput}, attrInput{"max", 2, scalarLikeInput})
	case at{"Softmax", 13}, at{"LogSoftmax", 13}, at{"Hardmax", 13}:
		return oneAxis
	case at{"Upsample", 9}:
		return unchangedYet // replaced at version 10, or next
	case at{"Upsample", 10}:
		return upsampleToResize
	case at{"Resize", 11}:
		return resizeTo11
	case at{"Scatter", 11}:
		return scatterToElements
	case at{"GroupNormalization", 21}:
		return perChannel
	case at{"DFT", 20}:
		return dftAxis
	case at{"GridSample", 20}:
		return gridModes
	case at{"RoiAlign", 16}:
		return setDefault("coordinate_transformation_mode", "output_half_pixel")
	case at{"Erf", 13}:
		return onlyFloats
	case at{"OneHot", 11}:
		return refuse("negative indices count from the end from version 11 on")
	case at{"Scan", 9}:
		return refuse("the batch axis and the sequence lengths of version 8 are gone")
	}
	return nil
}

func refuse(what string) adaptFunc {
	return func(c *converter, n *gs.Node) (bool, error) { return false, c.unsupported(n, c.target, what) }
}

func unchangedYet(c *converter, n *gs.Node) (bool, error) {
	if c.target < 10 {
		return false, c.unsupported(n, 9, "the scales have become an input; convert to version 11 or later")
	}
	return false, nil
}

// attrInput is an attribute that becomes an input.
type attrInput struct {
	attr  string
	input int
	form  inputForm
}

type inputForm int

const (
	list            inputForm = iota // int64, one dimension
	listOfOne                        // an int as a list
	scalarFloat                      // float32
	scalarLikeInput                  // a float of the first input's type
)

// attrsToInputs moves attributes into inputs. An attribute that is not given is an
// input left out: the versions agree in what that means.
func attrsToInputs(moves ...attrInput) adaptFunc {
	return func(c *converter, n *gs.Node) (bool, error) {
		part := c.patch.In(n.Graph())
		for _, m := range moves {
			if !n.HasAttr(m.attr) {
				continue
			}
			if n.AttrRef(m.attr) != "" {
				return false, c.unsupported(n, c.target, "attribute "+m.attr+", which the function takes from its call, becomes an input; inline the function first")
			}
			w, err := c.constantFor(n, m)
			if err != nil {
				return false, err
			}
			part.SetAttr(n, m.attr, nil)
			part.SetInput(n, m.input, w)
			c.changed++
		}
		return false, nil
	}
}

// constantFor makes the input that stands for an attribute. Empty axes of a
// reduction mean all of them, as do left-out ones.
func (c *converter) constantFor(n *gs.Node, m attrInput) (gs.Wire, error) {
	switch m.form {
	case list:
		values := n.Ints(m.attr)
		if len(values) == 0 && m.attr == "axes" && n.Op() != "Unsqueeze" {
			return gs.Omit(), nil
		}
		return c.ints(n, m.attr, values), nil
	case listOfOne:
		return c.ints(n, m.attr, []int64{n.Int(m.attr, 0)}), nil
	case scalarFloat:
		t := gs.NewTensor([]int64{}, []float32{n.Float(m.attr, 0)})
		return c.patch.In(n.Graph()).FreshInitializer(n.Label()+"_"+m.attr, t), nil
	}
	return c.likeInput(n, m.attr, n.Float(m.attr, 0))
}

func (c *converter) ints(n *gs.Node, what string, values []int64) gs.Wire {
	t := gs.NewTensor([]int64{int64(len(values))}, values)
	return c.patch.In(n.Graph()).FreshInitializer(n.Label()+"_"+what, t)
}

// likeInput makes a scalar of the type of the node's first input.
func (c *converter) likeInput(n *gs.Node, what string, x float32) (gs.Wire, error) {
	part, dtype := c.patch.In(n.Graph()), c.types.Of(n.Input(0)).DType
	if dtype == gs.Undefined && c.target >= 15 {
		scalar := part.FreshInitializer(n.Label()+"_"+what, gs.NewTensor([]int64{}, []float32{x}))
		return part.Add("CastLike", scalar, part.Tap(n.Input(0))), nil
	}
	t, ok := scalarOf(dtype, x)
	if !ok {
		return gs.Wire{}, c.unsupported(n, c.target, "attribute "+what+" becomes an input of the type of the first, which is "+dtype.String())
	}
	return part.FreshInitializer(n.Label()+"_"+what, t), nil
}

// scalarOf makes a scalar of a floating-point type, or of an integer type that
// holds x.
func scalarOf(d gs.DType, x float32) (*gs.Tensor, bool) {
	switch d {
	case gs.Int32:
		return gs.NewTensor([]int64{}, []int32{int32(x)}), x == float32(int32(x))
	case gs.Int64:
		return gs.NewTensor([]int64{}, []int64{int64(x)}), x == float32(int64(x))
	}
	t, err := gs.NewFloatTensor(d, []int64{}, []float32{x})
	return t, err == nil
}

// setDefault writes down an attribute whose default the new version has changed.
func setDefault(attr, value string) adaptFunc {
	return func(c *converter, n *gs.Node) (bool, error) {
		if !n.HasAttr(attr) {
			c.patch.SetAttr(n, attr, value)
			c.changed++
		}
		return false, nil
	}
}

func dropSpatial(c *converter, n *gs.Node) (bool, error) {
	if n.Int("spatial", 1) != 1 || n.AttrRef("spatial") != "" {
		return false, c.unsupported(n, 9, "statistics of every element (spatial = 0) are gone")
	}
	if n.HasAttr("spatial") {
		c.patch.SetAttr(n, "spatial", nil)
		c.changed++
	}
	return false, nil
}

// onlyInference refuses BatchNormalization in training: until version 13 that is a
// node with more than one output.
func onlyInference(c *converter, n *gs.Node) (bool, error) {
	for _, v := range n.Outputs()[1:] {
		if v != nil {
			return false, c.unsupported(n, 14, "the node is in training mode, it gives more than one output")
		}
	}
	return false, nil
}

// maskUnread refuses a Dropout whose mask is read: it becomes bool.
func maskUnread(c *converter, n *gs.Node) (bool, error) {
	if v := n.Output(1); v != nil && (len(v.Uses()) > 0 || v.IsGraphOutput()) {
		return false, c.unsupported(n, 10, "the mask, which is read, becomes bool")
	}
	return false, nil
}

// countOutputs gives a Split without sizes its number of parts.
func countOutputs(c *converter, n *gs.Node) (bool, error) {
	if n.Input(1) == nil && !n.HasAttr("split") {
		c.patch.SetAttr(n, "num_outputs", len(n.Outputs()))
		c.changed++
	}
	return false, nil
}

func onlyFloats(c *converter, n *gs.Node) (bool, error) {
	if d := c.types.Of(n.Input(0)).DType; d != gs.Undefined && !d.IsFloat() {
		return false, c.unsupported(n, 13, "its input is "+d.String()+", and only floating-point types are left")
	}
	return false, nil
}

// gridModes renames the modes of GridSample.
func gridModes(c *converter, n *gs.Node) (bool, error) {
	renamed := map[string]string{"bilinear": "linear", "bicubic": "cubic"}
	if mode, ok := renamed[n.Str("mode", "bilinear")]; ok && n.HasAttr("mode") {
		c.patch.SetAttr(n, "mode", mode)
		c.changed++
	}
	return false, nil
}

// dftAxis moves the axis of DFT, counted from 1 if not given, into an input; from
// version 20 on its default is another one.
func dftAxis(c *converter, n *gs.Node) (bool, error) {
	if n.AttrRef("axis") != "" {
		return false, c.unsupported(n, 20, "attribute axis, which the function takes from its call, becomes an input; inline the function first")
	}
	part := c.patch.In(n.Graph())
	axis := gs.NewTensor([]int64{}, []int64{n.Int("axis", 1)})
	part.SetAttr(n, "axis", nil)
	part.SetInput(n, 2, part.FreshInitializer(n.Label()+"_axis", axis))
	c.changed++
	return false, nil
}

// scatterToElements replaces Scatter, which was withdrawn, by its new name.
func scatterToElements(c *converter, n *gs.Node) (bool, error) {
	attrs := gs.Attrs{}
	if n.HasAttr("axis") {
		attrs["axis"] = n.Int("axis", 0)
	}
	part := c.patch.In(n.Graph())
	part.Replace(n, part.Add("ScatterElements", part.Tap(n.Input(0)), part.Tap(n.Input(1)), part.Tap(n.Input(2)), attrs))
	c.changed++
	return true, nil
}

// oneAxis adapts Softmax and its kin: over one axis from version 13 on, over all
// from the axis on before.
func oneAxis(c *converter, n *gs.Node) (bool, error) {
	axis := n.Int("axis", 1)
	if n.AttrRef("axis") != "" {
		return false, c.unsupported(n, 13, "attribute axis, which the function takes from its call, changes its meaning; inline the function first")
	}
	shape := c.types.Of(n.Input(0)).Shape
	if axis == -1 || shape != nil && (axis == int64(len(shape))-1 || allOnes(shape, axis+1)) {
		c.patch.SetAttr(n, "axis", axis)
		c.changed++
		return false, nil
	}
	part := c.patch.In(n.Graph())
	x := part.Tap(n.Input(0))
	flat := part.Add("Flatten", x, gs.Attrs{"axis": axis})
	soft := part.Add(n.Op(), flat, gs.Attrs{"axis": -1})
	part.Replace(n, part.Add("Reshape", soft, part.Add("Shape", x)))
	c.changed++
	return true, nil
}

// allOnes reports whether all dimensions from one on are of size 1.
func allOnes(shape []gs.Dim, from int64) bool {
	if from <= 0 || from > int64(len(shape)) {
		return false
	}
	return !slices.ContainsFunc(shape[from:], func(d gs.Dim) bool { return d.Value != 1 })
}
