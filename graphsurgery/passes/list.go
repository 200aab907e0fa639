package passes

import "slices"

// Cleanup gives the passes that make a model smaller and keep its operators and
// functions, in an order that the table allows.
func Cleanup() []Pass {
	return []Pass{Repair(), DeadNodes(), Identity(), Fold(FoldOptions{}), Dedup(), CSE()}
}

// All gives every pass that needs no setting, in an order that the table allows.
func All() []Pass {
	return []Pass{Repair(), DeadNodes(), Inline(nil), Identity(), Fold(FoldOptions{}), Dedup(), CSE(), LayerNorm(), GELU(), Attention()}
}

// ByName gives the pass of that name among [All].
func ByName(name string) (Pass, bool) {
	all := All()
	i := slices.IndexFunc(all, func(p Pass) bool { return p.Name == name })
	if i < 0 {
		return Pass{}, false
	}
	return all[i], true
}
