package adapterinject

import (
	"fmt"
	"slices"
)

// Tune makes adapters that tune parameters in place: one for each block, and one for
// what is before all, one for what is behind, and one for the classifier.
func (t *Target) Tune(ps []Parameter) []Adapter {
	var out []Adapter
	at := map[string]int{}
	groups := [][]Parameter{}
	for _, p := range ps {
		name := fmt.Sprintf("block%d", p.Block)
		switch {
		case p.Block >= 0:
		case p.Place == Before:
			name = "front"
		case p.Place == Classifier:
			name = "classifier"
		default:
			name = "back"
		}
		i, ok := at[name]
		if !ok {
			i, at[name] = len(out), len(out)
			out = append(out, Adapter{Name: name, Block: p.Block, Site: Site{Name: "weights"}, InPlace: true})
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], fresh(p, groups[i]))
		out[i].Parameters += p.Len()
	}
	for i, group := range groups {
		out[i].Splice = func(s *Splicer) {
			for _, p := range group {
				s.Tune(p)
			}
		}
		out[i].Fold = func(f *Folder) error {
			for _, p := range group {
				if err := f.FoldParameter(p); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return out
}

// fresh gives a parameter a name that the others of its group do not have: one that
// blocks share is named in the first of them.
func fresh(p Parameter, others []Parameter) Parameter {
	name := p.Name
	for i := 2; slices.ContainsFunc(others, func(o Parameter) bool { return o.Name == p.Name }); i++ {
		p.Name = fmt.Sprintf("%s_%d", name, i)
	}
	return p
}

// TuneBlocks chooses among the parameters of the blocks in scope, and without a scope
// also among those outside of blocks, the classifier's left out, and makes adapters of
// the chosen. The error is an
// *UnsupportedError, also if there are none.
func (t *Target) TuneBlocks(s Scope, choose func(Parameter) bool) ([]Adapter, error) {
	blocks, err := t.SelectAny(s)
	if err != nil {
		return nil, err
	}
	wanted := map[int]bool{}
	for _, b := range blocks {
		wanted[b.Index] = true
	}
	all, err := t.Parameters()
	if err != nil {
		return nil, err
	}
	scoped := len(s.Blocks) > 0 || s.Last > 0
	var chosen []Parameter
	for _, p := range all {
		switch {
		case p.Place == Classifier || !choose(p):
		case !scoped:
			chosen = append(chosen, p)
		default:
			if own, ok := p.Within(wanted); ok {
				chosen = append(chosen, own)
			}
		}
	}
	return t.Tune(chosen), nil
}
