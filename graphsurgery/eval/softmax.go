package eval

import (
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// softmax is Softmax, LogSoftmax and Hardmax: over one axis (default -1) from
// opset 13, over all axes from axis on (default 1) before.
func (c *call) softmax() ([]*array, error) {
	x := c.in[0]
	if !x.dtype.IsFloat() {
		return nil, c.broken("input is %s, want a floating-point type", x.dtype)
	}
	def := int64(-1)
	if c.opset < 13 {
		def = 1
	}
	a := c.node.Int("axis", def)
	if c.opset < 13 && a == int64(x.rank()) {
		a-- // an empty second part: each element alone; ruled out below unless the last axis is 1
		if x.rank() == 0 || x.shape[a] != 1 {
			return nil, c.unsupported("axis %d of shape %v", a+1, x.shape)
		}
	}
	axis, err := c.axis(a, x.rank())
	if err != nil {
		return nil, err
	}
	axes := []int{axis}
	if c.opset < 13 {
		for k := axis + 1; k < x.rank(); k++ {
			axes = append(axes, k)
		}
	}
	groups, _ := group(x.shape, axes, true)
	v := x.floats()
	for _, g := range groups {
		softmaxGroup(c.node.Op(), v, g)
	}
	return []*array{newFloats(x.dtype, x.shape, v)}, nil
}

func softmaxGroup(op string, v []float64, g []int) {
	top, first := math.Inf(-1), -1
	for _, p := range g {
		if first < 0 || v[p] > top {
			top, first = v[p], p
		}
	}
	total := 0.0
	for _, p := range g {
		total += math.Exp(v[p] - top)
	}
	for _, p := range g {
		switch op {
		case "Softmax":
			v[p] = math.Exp(v[p]-top) / total
		case "LogSoftmax":
			v[p] = v[p] - top - math.Log(total)
		default:
			v[p] = choose(p == first, 1, 0)
		}
	}
}

// layerNorm is LayerNormalization (opset 17): y = (x - mean) / sqrt(var + eps) *
// scale + bias over the axes from axis on.
func (c *call) layerNorm() ([]*array, error) { return c.normalize(true) }

// rmsNorm is RMSNormalization (opset 23): the same without the mean.
func (c *call) rmsNorm() ([]*array, error) { return c.normalize(false) }

func (c *call) normalize(centred bool) ([]*array, error) {
	x := c.in[0]
	if c.node.Int("stash_type", 1) != int64(gs.Float) || !x.dtype.IsFloat() {
		return nil, c.unsupported("it is computed on the host in float32 only")
	}
	axis, err := c.axis(c.node.Int("axis", -1), x.rank())
	if err != nil {
		return nil, err
	}
	var axes []int
	for k := axis; k < x.rank(); k++ {
		axes = append(axes, k)
	}
	groups, stat := group(x.shape, axes, true)
	v, eps := x.floats(), float64(c.node.Float("epsilon", 1e-5))
	means, inverses := make([]float64, len(groups)), make([]float64, len(groups))
	for i, g := range groups {
		if centred {
			means[i] = sum(takeAll(v, g)) / float64(len(g))
		}
		spread := 0.0
		for _, p := range g {
			spread += square(v[p] - means[i])
		}
		inverses[i] = 1 / math.Sqrt(spread/float64(len(g))+eps)
		for _, p := range g {
			v[p] = (v[p] - means[i]) * inverses[i]
		}
	}
	if err := c.affine(x, v); err != nil {
		return nil, err
	}
	return []*array{newFloats(x.dtype, x.shape, v), newFloats(gs.Float, stat, means), newFloats(gs.Float, stat, inverses)}, nil
}

// affine multiplies by the scale and adds the bias, which broadcast to x.
func (c *call) affine(x *array, v []float64) error {
	for i := 1; i < len(c.in) && i < 3; i++ {
		p := c.in[i]
		if p == nil {
			continue
		}
		if p.dtype != x.dtype {
			return c.broken("input %d is %s, the first one %s", i, p.dtype, x.dtype)
		}
		shape, index, err := c.broadcast(x, p)
		if err != nil {
			return err
		}
		if volume(shape) != x.len() {
			return c.broken("input %d of shape %v does not broadcast to %v", i, p.shape, x.shape)
		}
		w := p.floats()
		for k, at := range index[1] {
			if i == 1 {
				v[k] *= w[at]
			} else {
				v[k] += w[at]
			}
		}
	}
	return nil
}
