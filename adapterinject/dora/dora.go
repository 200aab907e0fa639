// Package dora is weight-decomposed low-rank adaptation, arXiv 2402.09353: the weight
// of a linear layer becomes a magnitude for each column times a direction,
//
//	y = x·(m⊙V/‖V‖) + b        V = W + s·A·B,  ‖·‖ over each column
//
// with A, B and s as in package lora. The magnitude is stored as a ratio, m = g⊙‖W‖,
// so that g begins as one. It is computed as the change that it makes to the layer's
// result,
//
//	f = g⊙‖W‖/‖V‖        y = x·W + b + (f - 1)⊙(x·W) + (x·A)·(s·f⊙B)
//
// For the gradient the norms are constants, as in section 4.3 of the paper: ONNX has
// no operator for that, so they pass through ⌊n·2⁴⁰⌋/2⁴⁰, which is n for every float32
// from 2⁻¹⁶ on and has no slope. Norms below 1e-12 count as that.
//
// PEFT stores the magnitude itself: its lora_magnitude_vector is g⊙‖W‖
// (aat/block<i>/<layer>/gain is g).
package dora

import (
	"math"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/lora"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe is that of LoRA.
type Recipe lora.Recipe

// Method is "dora".
func (Recipe) Method() string { return "dora" }

// least is the smallest norm of a column; smaller ones count as this.
const least = 1e-12

// Adapters are block<i>/<layer>, of r·(in + out) + out parameters each.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	return lora.Plan(t, lora.Recipe(r), func(b adapterinject.Block, p adapterinject.Part, rank int) adapterinject.Adapter {
		u := unit{b, p, rank, lora.Recipe(r).ScaleOf(rank)}
		return adapterinject.Adapter{
			Parameters: int64(rank)*int64(p.Layer.InDim+p.OutDim()) + int64(p.OutDim()),
			Splice:     u.splice,
			Fold:       u.fold,
		}
	})
}

// unit is one layer's adapter.
type unit struct {
	block adapterinject.Block
	part  adapterinject.Part
	rank  int
	scale float64
}

func (u unit) splice(s *adapterinject.Splicer) {
	p, l := u.part, u.part.Layer
	a, b := lora.Params(s, p, u.rank)
	weight := s.Matrix("weight", p)
	update := s.Scale("update_scaled", s.Op("update", "MatMul", a, b), u.scale)
	whole := s.Op("whole", "Add", weight, update)
	ratio := s.Op("ratio", "Div", norm(s, "norm_base", weight), norm(s, "norm_whole", whole))
	factor := s.Op("factor", "Mul", s.Param("gain", []int{p.OutDim()}, adapterinject.Ones()), ratio)

	less := s.Spread("less", p, s.Op("less", "Sub", factor, s.Number("less_one", 1)), 0, 0)
	own := s.Op("rescaled", "Mul", s.Product("product", l), s.Row("less", l, less))
	up := s.Spread("lora_B", p, s.Op("up_factor", "Mul", s.Scale("up_scaled", b, u.scale), factor), u.rank, 0)
	s.AddResult(u.block, l, s.Op("change", "Add", own, s.LowRank(l, a, up, u.rank)))
}

// norm is the length of each column, constant for the gradient.
func norm(s *adapterinject.Splicer, name string, w gs.Wire) gs.Wire {
	h := s.Op(name, "Sqrt", s.SumOver(name+"_sum", s.Op(name+"_square", "Mul", w, w), 0))
	h = s.Op(name+"_up", "Mul", h, s.Number(name+"_2p40", 1<<40))
	h = s.Op(name+"_still", "Floor", h)
	h = s.Op(name+"_down", "Mul", h, s.Number(name+"_2m40", 1.0/(1<<40)))
	return s.Op(name+"_max", "Max", h, s.Number(name+"_least", least))
}

// fold gives the layer m⊙V/‖V‖ as its weight.
func (u unit) fold(f *adapterinject.Folder) error {
	l, err := f.Layer(u.part.Layer)
	if err != nil {
		return err
	}
	gain, err := f.Numbers("gain", u.part.OutDim())
	if err != nil {
		return err
	}
	whole, err := lora.Update(f, u.part, u.rank, u.scale)
	if err != nil {
		return err
	}
	out := u.part.OutDim()
	base, now := make([]float64, out), make([]float64, out)
	for i := range whole {
		w := l.W[u.part.Place(i)]
		whole[i] += w
		base[i%out] += w * w
		now[i%out] += whole[i] * whole[i]
	}
	for i, v := range whole {
		j := i % out
		l.W[u.part.Place(i)] = gain[j] * max(math.Sqrt(base[j]), least) / max(math.Sqrt(now[j]), least) * v
	}
	l.B = nil // it stays
	return f.SetLayer(u.part.Layer, l)
}
