package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// gramOps count runs of tokens.
func gramOps() []operator {
	return []operator{
		{key: onnx("TfIdfVectorizer", 9), attrs: "max_gram_length max_skip_count min_gram_length mode ngram_counts ngram_indexes pool_int64s weights",
			minIn: 1, maxIn: 1, maxOut: 1, check: checkGrams, lower: single(lowerGrams)},
	}
}

func checkGrams(n *graphsurgery.Node) string {
	if mode := n.Str("mode", ""); mode != "TF" && mode != "IDF" && mode != "TFIDF" {
		return "mode=" + mode + " of TfIdfVectorizer is not supported"
	}
	return ""
}

// gramPool holds the n-grams of one length that are looked for.
type gramPool struct {
	length  int
	tokens  []int64 // row-major, length to a gram
	columns []int   // of the result, one of each gram
	weights []float64
}

// lowerGrams is TfIdfVectorizer-9: how often each n-gram of the pool occurs in a row,
// its tokens next to each other or each up to max_skip_count tokens apart.
func lowerGrams(c *call) *graph.Node {
	x, batched := c.arg(0), c.rank(0) == 2
	if !x.DType().IsInt() || c.rank(0) < 1 || c.rank(0) > 2 {
		c.fail("input 0 is %s, want integers [tokens] or [rows, tokens]", x.Shape())
	}
	x = graph.StopGradient(graph.ConvertDType(x, dtypes.Int64))
	if !batched {
		x = graph.Reshape(x, 1, c.dims(0)[0])
	}
	width, pools := c.gramPools()
	rows := x.Shape().Dimensions[0]
	total := graph.Zeros(x.Graph(), shapes.Make(dtypes.Float32, rows, width))
	for _, pool := range pools {
		total = graph.Add(total, c.countGrams(x, pool, width))
	}
	if !batched {
		total = graph.Reshape(total, width)
	}
	return total
}

// gramPools reads the pool, which lists the grams of length 1, then those of length
// 2 and so on from the places that ngram_counts gives.
func (c *call) gramPools() (width int, pools []gramPool) {
	tokens, starts, columns := c.n.Ints("pool_int64s"), c.attrInts("ngram_counts"), c.attrInts("ngram_indexes")
	if len(columns) == 0 || slices.Min(columns) < 0 {
		c.fail("ngram_indexes are %v, want numbers of columns", columns)
	}
	width = c.bounded([]int{slices.Max(columns) + 1})[0]
	weights := c.gramWeights(len(columns))
	shortest, longest := c.attrInt("min_gram_length", 1), c.attrInt("max_gram_length", 1)
	taken := 0
	for i, start := range starts {
		end, length := len(tokens), i+1
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		if start < 0 || end < start || end > len(tokens) || (end-start)%length != 0 || taken+(end-start)/length > len(columns) {
			c.fail("ngram_counts %v do not cut %d tokens into %d grams", starts, len(tokens), len(columns))
		}
		n := (end - start) / length
		if n > 0 && length >= shortest && length <= longest {
			pools = append(pools, gramPool{length, tokens[start:end], columns[taken : taken+n], weights[taken : taken+n]})
		}
		taken += n
	}
	return width, pools
}

// gramWeights gives the factor of each gram, 1 by default.
func (c *call) gramWeights(n int) []float64 {
	out := slices.Repeat([]float64{1}, n)
	given := c.n.Floats("weights")
	if len(given) == 0 || c.n.Str("mode", "") == "TF" {
		return out
	}
	if len(given) != n {
		c.fail("%d weights for %d grams", len(given), n)
	}
	for i, w := range given {
		out[i] = float64(w)
	}
	return out
}

// countGrams counts the grams of one length in x [rows, tokens] into columns. Grams
// of one token have nothing to skip.
func (c *call) countGrams(x *graph.Node, p gramPool, width int) *graph.Node {
	g, n, tokens := x.Graph(), len(p.columns), x.Shape().Dimensions[1]
	gaps := 1
	if p.length > 1 {
		gaps += max(0, c.attrInt("max_skip_count", 0))
	}
	counts := graph.Zeros(g, shapes.Make(dtypes.Float32, x.Shape().Dimensions[0], n))
	for gap := 1; gap <= gaps && (p.length-1)*gap < tokens; gap++ {
		places := tokens - (p.length-1)*gap
		c.bounded([]int{x.Shape().Dimensions[0], places, n})
		var same *graph.Node
		for k := range p.length {
			want := make([]int64, n)
			for j := range want {
				want[j] = p.tokens[j*p.length+k]
			}
			at := graph.InsertAxes(graph.Slice(x, graph.AxisRange(), graph.AxisRange(k*gap, k*gap+places)), -1)
			hit := graph.Equal(at, graph.Reshape(graph.Const(g, want), 1, 1, n))
			if same == nil {
				same = hit
			} else {
				same = graph.LogicalAnd(same, hit)
			}
		}
		counts = graph.Add(counts, graph.ReduceSum(graph.ConvertDType(same, dtypes.Float32), 1))
	}
	if c.n.Str("mode", "") == "IDF" {
		counts = graph.Min(counts, constantLike(counts, 1))
	}
	return graph.Dot(counts, c.gramColumns(g, p, width)).Product()
}

// gramColumns is the matrix [grams, width] that puts each gram's weight into its
// column.
func (c *call) gramColumns(g *graph.Graph, p gramPool, width int) *graph.Node {
	c.bounded([]int{len(p.columns), width})
	flat := make([]float32, len(p.columns)*width)
	for i, column := range p.columns {
		flat[i*width+column] = float32(p.weights[i])
	}
	return graph.Reshape(graph.Const(g, flat), len(p.columns), width)
}
