package finetune

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// stepScalars are the numbers of AdamW that change from step to step. The host
// computes them in float64, as PyTorch's Python code does, and hands them to the
// compiled program as float32 inputs: no step compiles anything again.
type stepScalars struct {
	keep   float32 // 1 − lr·wd: what decay leaves of a weight
	size   float32 // lr / (1 − β1^t)
	rootBC float32 // √(1 − β2^t)
}

// scalars gives the numbers of step t, from 1, at learning rate lr.
func (r Recipe) scalars(t int, lr float64) stepScalars {
	return stepScalars{
		keep:   float32(1 - lr*r.WeightDecay),
		size:   float32(lr / (1 - math.Pow(r.Beta1, float64(t)))),
		rootBC: float32(math.Sqrt(1 - math.Pow(r.Beta2, float64(t)))),
	}
}

// adamW builds one step for one tensor: decoupled weight decay, then Adam with
// both moments bias-corrected and ε outside the root (Loshchilov and Hutter,
// arXiv 1711.05101, algorithm 2), in the order of operations of
// torch.optim.AdamW's single-tensor path.
func adamW(r Recipe, p, grad, m, v, keep, size, rootBC *graph.Node) (newP, newM, newV *graph.Node) {
	newP = graph.Mul(p, keep)
	newM = graph.Add(m, graph.MulScalar(graph.Sub(grad, m), 1-r.Beta1))
	newV = graph.Add(graph.MulScalar(v, r.Beta2), graph.MulScalar(graph.Mul(grad, grad), 1-r.Beta2))
	denominator := graph.AddScalar(graph.Div(graph.Sqrt(newV), rootBC), r.Epsilon)
	newP = graph.Sub(newP, graph.Div(graph.Mul(newM, size), denominator))
	return newP, newM, newV
}
