// Package ssf scales and shifts features, arXiv 2210.08823: behind each linear layer
// and each norm of a block, its result y becomes
//
//	γ⊙y + β
//
// γ begins as one and β as zero. The paper does so behind the patch embedding and the
// last norm too, which belong to no block and are left out here: 22·d parameters for
// a block of width d with an MLP of 4·d.
package ssf

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe puts a scale and a shift behind the layers and norms of each block in scope.
type Recipe struct {
	adapterinject.Scope
}

// Method is "ssf".
func (Recipe) Method() string { return "ssf" }

// Adapters are block<i>/<layer> and block<i>/norm1 and norm2, of two numbers a channel.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	if len(r.Ranks) > 0 {
		return nil, &gs.UnsupportedError{What: "SSF has no rank", Hint: "leave the ranks out"}
	}
	blocks, err := t.SelectAny(r.Scope)
	if err != nil {
		return nil, err
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		for _, n := range b.Norms {
			out = append(out, norm(t, b, n))
		}
		for _, l := range b.Layers {
			if err := l.Tunable(); err != nil {
				return nil, err
			}
			out = append(out, linear(t, b, l))
		}
	}
	return out, nil
}

func params(s *adapterinject.Splicer, width int) (gain, offset gs.Wire) {
	return s.Param("scale", []int{width}, adapterinject.Ones()), s.Param("shift", []int{width}, adapterinject.Zeros())
}

func trained(f *adapterinject.Folder, width int) (gain, offset []float64, err error) {
	if gain, err = f.Numbers("scale", width); err == nil {
		offset, err = f.Numbers("shift", width)
	}
	return gain, offset, err
}

func norm(t *adapterinject.Target, b adapterinject.Block, n adapterinject.Norm) adapterinject.Adapter {
	site := adapterinject.Site{Name: adapterinject.SiteName(n.Name), Value: n.Out, Shape: t.Type(n.Out).Shape, DType: t.Type(n.Out).DType, Width: n.Width}
	return adapterinject.Adapter{
		Name: fmt.Sprintf("block%d/%s", b.Index, n.Name), Block: b.Index, Site: site, Parameters: 2 * int64(n.Width),
		Splice: func(s *adapterinject.Splicer) {
			gain, offset := params(s, n.Width)
			s.Modulate(n.Out, gain, offset)
		},
		Fold: func(f *adapterinject.Folder) error {
			gain, offset, err := trained(f, n.Width)
			if err != nil {
				return err
			}
			return f.FoldNorm(n, gain, offset)
		},
	}
}

func linear(t *adapterinject.Target, b adapterinject.Block, l adapterinject.Layer) adapterinject.Adapter {
	p := adapterinject.Part{Name: l.Name, Layer: l}
	site := t.Site(p)
	return adapterinject.Adapter{
		Name: fmt.Sprintf("block%d/%s", b.Index, l.Name), Block: b.Index, Site: site, Parameters: 2 * int64(l.OutDim),
		Splice: func(s *adapterinject.Splicer) {
			gain, offset := params(s, l.OutDim)
			s.ModulateResult(b, l, gain, offset)
		},
		Fold: func(f *adapterinject.Folder) error {
			gain, offset, err := trained(f, l.OutDim)
			if err != nil {
				return err
			}
			a, err := f.Layer(l)
			if err != nil {
				return err
			}
			for i := range a.W {
				a.W[i] *= gain[i%l.OutDim]
			}
			if a.B == nil {
				a.B = make([]float64, l.OutDim)
			}
			for j := range a.B {
				a.B[j] = a.B[j]*gain[j] + offset[j]
			}
			return f.SetLayer(l, a)
		},
	}
}
