// Package ia3 is (IA)³, arXiv 2205.05638: three vectors of gains scale the keys, the
// values and what the MLP's second layer reads,
//
//	softmax(q·(l_k⊙k)ᵀ)·(l_v⊙v)        fc2(l_ff⊙act(fc1(x)))
//
// Keys and values are scaled with their biases, as PEFT does. The gains begin as one.
// In a block with keys and values of width d and an MLP of width h that is 2·d + h
// parameters.
package ia3

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe puts gains on the keys, the values and the MLP of each block in scope.
type Recipe struct {
	adapterinject.Scope
}

// Method is "ia3".
func (Recipe) Method() string { return "ia3" }

// Adapters are block<i>/k, block<i>/v and, where there is an MLP, block<i>/hidden.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	if len(r.Ranks) > 0 {
		return nil, &gs.UnsupportedError{What: "(IA)³ has no rank", Hint: "leave the ranks out"}
	}
	blocks, err := t.SelectAny(r.Scope)
	if err != nil {
		return nil, err
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		parts, err := b.Parts([]adapterinject.LayerName{adapterinject.LayerK, adapterinject.LayerV})
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			out = append(out, result(t, b, p))
		}
		second, err := b.Parts([]adapterinject.LayerName{adapterinject.LayerFC2})
		if err != nil {
			return nil, err
		}
		for _, p := range second {
			out = append(out, hidden(b, p.Layer))
		}
	}
	return out, nil
}

func result(t *adapterinject.Target, b adapterinject.Block, p adapterinject.Part) adapterinject.Adapter {
	return adapterinject.Adapter{
		Name: fmt.Sprintf("block%d/%s", b.Index, p.Name), Block: b.Index, Site: t.Site(p), Parameters: int64(p.OutDim()),
		Splice: func(s *adapterinject.Splicer) {
			gain := s.Param("gain", []int{p.OutDim()}, adapterinject.Ones())
			s.ScaleResult("scaled", p.Layer, s.Spread("gain", p, gain, 0, 1))
		},
		Fold: func(f *adapterinject.Folder) error {
			gain, err := f.Numbers("gain", p.OutDim())
			if err != nil {
				return err
			}
			l, err := f.Layer(p.Layer)
			if err != nil {
				return err
			}
			for i := range p.Layer.InDim * p.OutDim() {
				l.W[p.Place(i)] *= gain[i%p.OutDim()]
			}
			for j, g := range gain {
				if l.B != nil {
					l.B[p.Column(j)] *= g
				}
			}
			return f.SetLayer(p.Layer, l)
		},
	}
}

func hidden(b adapterinject.Block, fc2 adapterinject.Layer) adapterinject.Adapter {
	site, _ := b.Site(adapterinject.MLPHidden)
	return adapterinject.Adapter{
		Name: fmt.Sprintf("block%d/hidden", b.Index), Block: b.Index, Site: site, Parameters: int64(fc2.InDim),
		Splice: func(s *adapterinject.Splicer) {
			s.ScaleInput("scaled", fc2, s.Param("gain", []int{fc2.InDim}, adapterinject.Ones()))
		},
		Fold: func(f *adapterinject.Folder) error {
			gain, err := f.Numbers("gain", fc2.InDim)
			if err != nil {
				return err
			}
			l, err := f.Layer(fc2)
			if err != nil {
				return err
			}
			for i := range l.W {
				l.W[i] *= gain[i/l.Out]
			}
			l.B = nil // it stays
			return f.SetLayer(fc2, l)
		},
	}
}
