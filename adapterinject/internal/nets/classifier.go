package nets

import (
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Classifier builds blocks, a last norm, the first token, and a head with a norm
// of its own if own.
func Classifier(t testing.TB, opset, width, blocks, classes int, own bool, s Spelling) *gs.Model {
	t.Helper()
	n, x := New(t, opset, width, s)
	for i := range blocks {
		x = n.Block(i, x)
	}
	return n.FinishHead(n.LayerNorm(x, "last"), classes, own)
}

// FinishHead adds the first token, and a head with a norm of its own if own.
func (n *Net) FinishHead(x gs.Wire, classes int, own bool) *gs.Model {
	n.t.Helper()
	first := n.P.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []int64{0})})
	pooled := n.P.Add("Gather", x, first, gs.Attrs{"axis": 1}, gs.OutName("pooled"))
	if own {
		pooled = n.LayerNorm(pooled, "head norm")
	}
	logits := n.P.Add("Gemm", pooled, n.Weight(int64(n.Width), int64(classes)), n.Weight(int64(classes)))
	return n.Finish(logits, gs.Dim{Value: -1, Param: "batch"}, gs.Dim{Value: int64(classes)})
}
