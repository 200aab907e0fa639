package importer

import (
	"math"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// lowerWindow makes HannWindow-17, HammingWindow-17 and BlackmanWindow-17, which
// are a - b·cos(2πi/N) + d·cos(4πi/N); N is the size, or one less for a symmetric
// window. The window is known while the graph is built.
func lowerWindow(a, b, d float64) func(c *call) []*wire {
	return func(c *call) []*wire {
		size := int(c.host(0).scalar())
		c.demanded(size)
		n := float64(size)
		if c.attrInt("periodic", 1) == 0 {
			n--
		}
		out := newHost(c.outputFloat(), size)
		for i := range size {
			at := 2 * math.Pi * float64(i) / n
			out.setFloat(i, a-b*math.Cos(at)+d*math.Cos(2*at))
		}
		return []*wire{hostWire(out)}
	}
}

// demanded refuses to make more than maxDemanded elements in plain Go.
func (c *call) demanded(n int) {
	c.bounded([]int{n})
	if n > maxDemanded {
		c.refuse("%d elements of %s are more than %d", n, c.n.Op(), maxDemanded)
	}
}

// outputFloat reads output_datatype, float32 by default.
func (c *call) outputFloat() graphsurgery.DType {
	t := graphsurgery.DType(c.attrInt("output_datatype", int(graphsurgery.Float)))
	if !isFloat(t) {
		c.refuse("output_datatype=%s of %s is not supported", t, c.n.Op())
	}
	return t
}

// lowerMelWeights is MelWeightMatrix-17, [bins of a spectrum, mel bins]: triangles
// whose corners are equally apart in mel. It is known while the graph is built.
func lowerMelWeights(c *call) []*wire {
	bands, length := int(c.host(0).scalar()), int(c.host(1).scalar())
	rate, low, high := c.host(2).scalar(), c.host(3).scalar(), c.host(4).scalar()
	if bands < 1 || length < 1 || bands > maxElements || length > maxElements || rate <= 0 {
		c.fail("%d mel bins of a transform of length %d at %g Hz", bands, length, rate)
	}
	bins := length/2 + 1
	c.demanded(bins * bands)
	out := newHost(c.outputFloat(), bins, bands)
	edges := melEdges(bands, length, rate, low, high)
	for _, e := range edges {
		if e < 0 || e >= bins {
			c.fail("the band from %g to %g Hz leaves the spectrum of a signal at %g Hz", low, high, rate)
		}
	}
	for i := range bands {
		left, centre, right := edges[i], edges[i+1], edges[i+2]
		for j := left; j <= centre; j++ {
			if left == centre {
				out.setFloat(j*bands+i, 1)
			} else {
				out.setFloat(j*bands+i, float64(j-left)/float64(centre-left))
			}
		}
		for j := centre; j < right; j++ {
			out.setFloat(j*bands+i, float64(right-j)/float64(right-centre))
		}
	}
	return []*wire{hostWire(out)}
}

// melEdges gives the bins of the triangles' corners.
func melEdges(bands, length int, rate, low, high float64) []int {
	mel := func(hertz float64) float64 { return 2595 * math.Log10(1+hertz/700) }
	step := (mel(high) - mel(low)) / float64(bands+2)
	edges := make([]int, bands+2)
	for i := range edges {
		hertz := 700 * (math.Pow(10, (mel(low)+float64(i)*step)/2595) - 1)
		edges[i] = int(math.Floor(float64(length+1) * hertz / rate))
	}
	return edges
}
