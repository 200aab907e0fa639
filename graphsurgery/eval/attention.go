package eval

import (
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// attention is Attention (opset 23) without past keys and soft capping: softmax of
// scale·Q·Kᵀ plus mask, times V. Q, K and V have four axes, or three with the heads
// in the last; several heads of Q may share one of K and V.
func (c *call) attention() ([]*array, error) {
	if c.input(4) != nil || c.input(5) != nil || c.input(6) != nil || c.node.Float("softcap", 0) != 0 || c.node.Int("softmax_precision", 1) != 1 {
		return nil, c.unsupported("past keys, soft capping or another precision are not computed on the host")
	}
	q, err := c.heads(c.in[0], "q_num_heads")
	if err != nil {
		return nil, err
	}
	k, err := c.heads(c.in[1], "kv_num_heads")
	if err != nil {
		return nil, err
	}
	v, err := c.heads(c.in[2], "kv_num_heads")
	if err != nil {
		return nil, err
	}
	s := attentionSizes{batch: q.shape[0], heads: q.shape[1], shared: k.shape[1], queries: q.shape[2], keys: k.shape[2], width: q.shape[3], values: v.shape[3]}
	wantK, wantV := []int64{s.batch, s.shared, s.keys, s.width}, []int64{s.batch, s.shared, s.keys, s.values}
	if !slices.Equal(k.shape, wantK) || !slices.Equal(v.shape, wantV) || s.shared == 0 || s.heads%s.shared != 0 || q.dtype != k.dtype || q.dtype != v.dtype || !q.dtype.IsFloat() {
		return nil, c.broken("queries %v, keys %v and values %v do not fit together", q.shape, k.shape, v.shape)
	}
	if work := s.batch * s.heads * s.queries * s.keys; work > 0 && work > c.limits.MaxWork/(s.width+s.values+1) {
		return nil, c.unsupported("attention over the limit of %d multiplications", c.limits.MaxWork)
	}
	bias, err := c.attentionBias(s)
	if err != nil {
		return nil, err
	}
	scale := float64(c.node.Float("scale", float32(1/math.Sqrt(float64(s.width)))))
	out := attend(s, q.floats(), k.floats(), v.floats(), bias, scale)
	y := newFloats(q.dtype, []int64{s.batch, s.heads, s.queries, s.values}, out)
	if c.in[0].rank() == 4 {
		return []*array{y}, nil
	}
	moved, err := c.permute(y, []int64{0, 2, 1, 3})
	if err != nil {
		return nil, err
	}
	return []*array{moved.reshaped([]int64{s.batch, s.queries, s.heads * s.values})}, nil
}

type attentionSizes struct{ batch, heads, shared, queries, keys, width, values int64 }

// heads gives a tensor its four axes: batch, heads, sequence, width.
func (c *call) heads(x *array, attr string) (*array, error) {
	n := c.node.Int(attr, 0)
	switch {
	case x.rank() == 4:
		return x, nil
	case x.rank() != 3 || n <= 0 || x.shape[2]%n != 0:
		return nil, c.broken("shape %v with %d heads", x.shape, n)
	}
	return c.permute(x.reshaped([]int64{x.shape[0], x.shape[1], n, x.shape[2] / n}), []int64{0, 2, 1, 3})
}

// attentionBias is what is added to the scores: the mask, or negative infinity
// where a boolean one is false, and above the diagonal if causal.
func (c *call) attentionBias(s attentionSizes) ([]float64, error) {
	shape := []int64{s.batch, s.heads, s.queries, s.keys}
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	bias := make([]float64, n)
	if mask := c.input(3); mask != nil {
		if mask.rank() == 0 || mask.shape[mask.rank()-1] != s.keys {
			return nil, c.unsupported("a mask of shape %v for scores %v, which is to be padded", mask.shape, shape)
		}
		full, index, err := c.broadcast(&array{shape: shape}, mask)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(full, shape) {
			return nil, c.broken("a mask of shape %v for scores %v", mask.shape, shape)
		}
		m := mask.numbers()
		for i, at := range index[1] {
			bias[i] = m[at]
			if mask.dtype == gs.Bool {
				bias[i] = choose(m[at] != 0, 0, math.Inf(-1))
			}
		}
	}
	if c.node.Int("is_causal", 0) != 0 {
		walk(shape, func(i int, at []int) {
			if at[3] > at[2] {
				bias[i] = math.Inf(-1)
			}
		})
	}
	return bias, nil
}

func attend(s attentionSizes, q, k, v, bias []float64, scale float64) []float64 {
	out := make([]float64, s.batch*s.heads*s.queries*s.values)
	group := s.heads / s.shared
	scores, all := make([]float64, s.keys), make([]int, s.keys)
	for i := range all {
		all[i] = i
	}
	for b := range s.batch {
		for h := range s.heads {
			kv := (b*s.shared + h/group) * s.keys
			for t := range s.queries {
				row := (b*s.heads+h)*s.queries + t
				for j := range s.keys {
					dot := 0.0
					for w := range s.width {
						dot += q[row*s.width+w] * k[(kv+j)*s.width+w]
					}
					scores[j] = scale*dot + bias[row*s.keys+j]
				}
				softmaxGroup("Softmax", scores, all)
				for j, p := range scores {
					for w := range s.values {
						out[row*s.values+w] += p * v[(kv+int64(j))*s.values+w]
					}
				}
			}
		}
	}
	return out
}
