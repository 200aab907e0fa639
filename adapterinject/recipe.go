package adapterinject

import (
	"fmt"
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe says which adapters go where. Each kind of adapter is a package below
// this one with a recipe of its own; package kinds lists them. A recipe is data:
// its exported fields are written as JSON into the injected model, and from there
// the same injection can be planned again.
type Recipe interface {
	// Method is the name that files and commands know the kind by, such as "aat".
	Method() string

	// Adapters are what the recipe adds to a model. The error is an
	// *UnsupportedError where the model or the recipe's numbers do not allow it.
	Adapters(t *Target) ([]Adapter, error)
}

// Target is the model that a recipe is applied to.
type Target struct {
	Model  *gs.Model // the base, not to be changed
	Blocks []Block   // all of it, in order
	Opset  int64     // of the standard's operators

	newHead bool // a new head will replace the base's
	types   *gs.Types
	misses  func() error // why there is no block
}

// NewHead reports whether a new head will replace the model's classifier.
func (t *Target) NewHead() bool { return t.newHead }

// Type is what is known of a value's type, declared or inferred.
func (t *Target) Type(v *gs.Value) gs.Type { return typeOf(t.types, v) }

// typeOf is the inferred type of a value, or the declared one where inference
// failed.
func typeOf(types *gs.Types, v *gs.Value) gs.Type {
	switch {
	case v == nil:
		return gs.Type{}
	case types == nil:
		return gs.Type{DType: v.DType(), Shape: v.Shape()}
	}
	return types.Of(v)
}

// Adapter is one unit that a recipe adds: what hangs together under one name.
type Adapter struct {
	Name       string // below Prefix, such as block0/attn; no two have the same
	Block      int    // -1 if it belongs to no block
	Site       Site   // where it joins the graph; only its name is set for weights that are tuned in place
	Rank       int    // width of its bottleneck, number of its tokens; 0 for kinds without
	Parameters int64  // numbers to train
	Seed       uint64 // of its random initial values
	InPlace    bool   // the parameters are offsets to numbers that the base has: they make the model no larger

	// Splice writes it into the model's copy. It reads the base by values of the
	// model that was planned.
	Splice func(s *Splicer)

	// Fold works the trained numbers into the base's weights, so that the adapter
	// is not needed any more; nil where no exact way exists.
	Fold func(f *Folder) error
}

// Scope says which blocks a recipe is applied to. The zero value means all.
type Scope struct {
	Blocks []int           `json:"blocks,omitempty"` // by index
	Last   int             `json:"last,omitempty"`   // only the last so many
	Ranks  map[int]float64 `json:"ranks,omitempty"`  // by block, instead of the recipe's
}

// Select gives the blocks in scope, each checked: adapters that work on the last axis
// can be joined to it. The error is an *UnsupportedError.
func (t *Target) Select(s Scope) ([]Block, error) {
	blocks, err := t.SelectAny(s)
	for _, b := range blocks {
		if b.channels {
			return nil, &gs.UnsupportedError{
				File: t.Model.Path(), Node: b.Output.Name(),
				What: fmt.Sprintf("the linear layers of block %d are convolutions, whose width is axis 1; adapters work on the last axis", b.Index),
				Hint: "choose a model whose blocks keep tokens in rows, or a method that tunes linear layers, such as lora",
			}
		}
	}
	return blocks, err
}

// SelectAny is [Target.Select] for adapters that join linear layers, whichever axis
// these work on.
func (t *Target) SelectAny(s Scope) ([]Block, error) {
	refuse := func(format string, args ...any) error {
		return &gs.UnsupportedError{File: t.Model.Path(), What: fmt.Sprintf(format, args...), Hint: fmt.Sprintf("the model has blocks 0 to %d", len(t.Blocks)-1)}
	}
	if len(t.Blocks) == 0 {
		return nil, t.misses()
	}
	if s.Last < 0 || s.Last > len(t.Blocks) {
		return nil, refuse("the last %d blocks were asked for", s.Last)
	}
	wanted := map[int]bool{}
	for _, i := range s.Blocks {
		if i < 0 || i >= len(t.Blocks) {
			return nil, refuse("block %d was asked for", i)
		}
		wanted[i] = true
	}
	for i := range s.Ranks {
		if i < 0 || i >= len(t.Blocks) {
			return nil, refuse("a rank was given for block %d", i)
		}
	}
	var out []Block
	for i, b := range t.Blocks {
		if len(wanted) > 0 && !wanted[i] || s.Last > 0 && i < len(t.Blocks)-s.Last {
			continue
		}
		if err := t.checkBlock(b); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	if len(out) == 0 {
		return nil, refuse("no block is both among the %d asked for and among the last %d", len(wanted), s.Last)
	}
	return out, nil
}

// Rank is the bottleneck's width in a block: what Ranks says of it, or else rank.
// See [RankOf].
func (s Scope) Rank(b Block, rank float64) (int, error) {
	if own, ok := s.Ranks[b.Index]; ok {
		rank = own
	}
	return RankOf(rank, b.Width)
}

// RankOf reads a rank, below 1 a share of the width and from 1 on a whole number,
// as a number: floor(rank·width) for a share, at least 1. The error is an
// *UnsupportedError for what is neither and for ranks that are not below the width.
func RankOf(rank float64, width int) (int, error) {
	refuse := func(why string) error {
		return &gs.UnsupportedError{What: fmt.Sprintf("rank %v %s", rank, why), Hint: "give a share of the width below 1, such as 0.25, or a whole number below the width"}
	}
	switch {
	case math.IsNaN(rank) || rank <= 0:
		return 0, refuse("is not above 0")
	case rank < 1:
		return max(1, int(rank*float64(width))), nil
	case rank != math.Trunc(rank):
		return 0, refuse("is neither a share nor a whole number")
	case rank >= float64(width):
		return 0, refuse(fmt.Sprintf("is not below the block's width %d, so there is no bottleneck", width))
	}
	return int(rank), nil
}

// UsualRank is the rank, or where it is 0 the usual number of a kind; a quarter of a
// width that is no larger than that.
func UsualRank(rank, usual float64, width int) float64 {
	switch {
	case rank != 0:
		return rank
	case float64(width) > usual:
		return usual
	}
	return 0.25
}

// CheckScale is an *UnsupportedError unless float32 can hold the scale.
func CheckScale(scale float64) error {
	if math.IsNaN(scale) || math.IsInf(float64(float32(scale)), 0) {
		return &gs.UnsupportedError{What: fmt.Sprintf("scale %v is not a number that float32 can hold", scale), Hint: "leave the scale out for the kind's own"}
	}
	return nil
}
