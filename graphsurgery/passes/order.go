package passes

import (
	"fmt"
	"slices"
)

// OrderRow says that a pass, where both are in a list, must come before another.
type OrderRow struct {
	Before, After string
	Because       string
}

// Order is the table of what must come before what. It holds for the first time
// each pass stands in a list; a pass may come again later.
func Order() []OrderRow {
	return []OrderRow{
		{"repair", "dead-nodes", "an edit of a model that breaks a rule is refused, whatever the edit"},
		{"dead-nodes", "convert-opset", "a node that nobody needs must not stop the conversion for want of an adapter"},
		{"inline", "convert-opset", "an attribute that a function takes from its call cannot become an input, the call's value of it can"},
		{"inline", "fold", "constants pass into a function's body only once it stands in the call's place"},
		{"inline", "cse", "nodes of two calls are equal only once both bodies stand in one graph"},
		{"convert-opset", "fold", "conversion adds arithmetic on constants that folding takes away"},
		{"convert-opset", "layer-norm", "LayerNormalization is an operator from opset 17 on"},
		{"convert-opset", "gelu", "Gelu is an operator from opset 20 on"},
		{"convert-opset", "attention", "Attention is an operator from opset 23 on"},
		{"identity", "cse", "nodes that read a value and its Identity are equal only once both read the value"},
		{"fold", "dedup", "folding makes new constants, equal ones among them"},
		{"dedup", "cse", "nodes that read equal constants under two names are equal only once these are one"},
		{"fold", "attention", "the scale may be computed from a shape, and is a constant only once that is folded"},
		{"identity", "attention", "a Dropout or Cast between softmax and values, which does nothing, hides the pattern"},
	}
}

// OrderError says that a list of passes contradicts a row of the table.
type OrderError struct{ Row OrderRow }

// Error names both passes and the reason.
func (e *OrderError) Error() string {
	return fmt.Sprintf("pass %s must come before %s: %s", e.Row.Before, e.Row.After, e.Row.Because)
}

func checkOrder(passes []Pass) error {
	first := func(name string) int {
		return slices.IndexFunc(passes, func(p Pass) bool { return p.Name == name })
	}
	for _, row := range Order() {
		before, after := first(row.Before), first(row.After)
		if before >= 0 && after >= 0 && before > after {
			return &OrderError{row}
		}
	}
	return nil
}
