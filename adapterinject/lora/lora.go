// Package lora is low-rank adaptation, arXiv 2106.09685: a linear layer
// y = x·W + b becomes
//
//	y = x·W + b + s·(x·A)·B        A [in, r], B [r, out]
//
// with s = α/r, or α/√r as in arXiv 2312.03732 (rsLoRA). A begins as a uniform
// draw within ±1/√in and B as zero. By default the layers are the projections of
// query and value, as in the paper; where these are packed into one layer, B reaches
// their columns alone. The update is computed on what the layer reads, so that
// training makes no gradient as large as W.
//
// PEFT stores the same numbers transposed: its lora_A.weight [r, in] is A
// (aat/block<i>/<layer>/lora_A) and its lora_B.weight [out, r] is B (…/lora_B).
package lora

import (
	"fmt"
	"math"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe puts a low-rank update on linear layers. The zero value is rank 8 on query
// and value with s = 1.
type Recipe struct {
	adapterinject.Scope
	Layers         []adapterinject.LayerName `json:"layers,omitempty"`          // none is q and v; blocks without an MLP get none of its
	Rank           float64                   `json:"rank,omitempty"`            // below 1 a share of the block's width, from 1 a number; 0 is 8
	Alpha          float64                   `json:"alpha,omitempty"`           // 0 is the rank, so that s is 1 (√r if stabilised)
	Scale          float64                   `json:"scale,omitempty"`           // s itself, instead of α
	RankStabilised bool                      `json:"rank_stabilised,omitempty"` // s = α/√r
	Seed           uint64                    `json:"seed,omitempty"`            // of A
}

// Method is "lora".
func (Recipe) Method() string { return "lora" }

// Adapters are block<i>/<layer>, of r·(in + out) parameters each.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	return Plan(t, r, func(b adapterinject.Block, p adapterinject.Part, rank int) adapterinject.Adapter {
		scale := r.ScaleOf(rank)
		return adapterinject.Adapter{
			Parameters: int64(rank) * int64(p.Layer.InDim+p.OutDim()),
			Splice: func(s *adapterinject.Splicer) {
				down, up := Params(s, p, rank)
				up = s.Spread("lora_B", p, s.Scale("scale", up, scale), rank, 0)
				s.AddResult(b, p.Layer, s.LowRank(p.Layer, down, up, rank))
			},
			Fold: func(f *adapterinject.Folder) error {
				l, err := f.Layer(p.Layer)
				if err != nil {
					return err
				}
				update, err := Update(f, p, rank, scale)
				if err != nil {
					return err
				}
				for i, x := range update {
					l.W[p.Place(i)] += x
				}
				l.B = nil // it stays
				return f.SetLayer(p.Layer, l)
			},
		}
	})
}

// Plan makes one adapter for each layer of the recipe in each block in scope; what
// is not said by unit, its name, place, rank and seed, is filled in.
func Plan(t *adapterinject.Target, r Recipe, unit func(adapterinject.Block, adapterinject.Part, int) adapterinject.Adapter) ([]adapterinject.Adapter, error) {
	for _, x := range []float64{r.Alpha, r.Scale} {
		if err := adapterinject.CheckScale(x); err != nil {
			return nil, err
		}
	}
	if r.Scale != 0 && (r.Alpha != 0 || r.RankStabilised) {
		return nil, &gs.UnsupportedError{What: "the scale is given, and what it is computed from as well", Hint: "leave alpha and rank stabilisation out, or the scale"}
	}
	if err := adapterinject.CheckLayers(r.Layers); err != nil {
		return nil, err
	}
	if r.Rank == 0 {
		r.Rank = 8
	}
	layers := r.Layers
	if len(layers) == 0 {
		layers = []adapterinject.LayerName{adapterinject.LayerQ, adapterinject.LayerV}
	}
	blocks, err := t.SelectAny(r.Scope)
	if err != nil {
		return nil, err
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		parts, err := b.Parts(layers)
		if err != nil {
			return nil, err
		}
		rank, err := r.Scope.Rank(b, r.Rank)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			if narrow := min(p.Layer.InDim, p.OutDim()); rank >= narrow {
				return nil, &gs.UnsupportedError{File: t.Model.Path(), What: fmt.Sprintf("rank %d is not below the narrower side, %d, of layer %s in block %d", rank, narrow, p.Name, b.Index), Hint: "choose a lower rank"}
			}
			a := unit(b, p, rank)
			a.Name, a.Block, a.Site = fmt.Sprintf("block%d/%s", b.Index, p.Name), b.Index, t.Site(p)
			a.Rank, a.Seed = rank, r.Seed
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, &gs.UnsupportedError{File: t.Model.Path(), What: fmt.Sprintf("none of the blocks has a linear layer among %v", layers), Hint: "choose other layers"}
	}
	return out, nil
}

// ScaleOf is s at a rank.
func (r Recipe) ScaleOf(rank int) float64 {
	if r.Scale != 0 {
		return r.Scale
	}
	alpha := r.Alpha
	if alpha == 0 {
		alpha = float64(rank)
	}
	if r.RankStabilised {
		return alpha / math.Sqrt(float64(rank))
	}
	return alpha / float64(rank)
}

// Params adds A and B.
func Params(s *adapterinject.Splicer, p adapterinject.Part, rank int) (a, b gs.Wire) {
	in := p.Layer.InDim
	a = s.Param("lora_A", []int{in, rank}, adapterinject.Uniform(1/math.Sqrt(float64(in))))
	return a, s.Param("lora_B", []int{rank, p.OutDim()}, adapterinject.Zeros())
}

// Update is s·A·B [in, out of the part] with the trained numbers.
func Update(f *adapterinject.Folder, p adapterinject.Part, rank int, scale float64) ([]float64, error) {
	a, err := f.Numbers("lora_A", p.Layer.InDim*rank)
	if err != nil {
		return nil, err
	}
	b, err := f.Numbers("lora_B", rank*p.OutDim())
	if err != nil {
		return nil, err
	}
	out := p.OutDim()
	product := make([]float64, p.Layer.InDim*out)
	for i := range p.Layer.InDim {
		row := product[i*out : (i+1)*out]
		for k := range rank {
			x := scale * a[i*rank+k]
			for j, y := range b[k*out : (k+1)*out] {
				row[j] += x * y
			}
		}
	}
	return product, nil
}
