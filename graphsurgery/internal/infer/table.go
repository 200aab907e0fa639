package infer

import (
	"cmp"
	"slices"
	"sync"
)

// table maps domain and operator to the rule; a rule knows all versions of its
// operator.
var table = sync.OnceValue(func() map[string]map[string]Rule {
	std := map[string]Rule{}
	for _, family := range []map[string]Rule{
		elementwise(), reductions(), products(), shaping(), slicing(), indexing(), convolutions(), images(), norms(),
		flow(), quantisation(), sequences(), recurrent(), signals(), textAndLoss(),
	} {
		for op, r := range family {
			std[op] = r
		}
	}
	ms := microsoft()
	for op, r := range microsoftMore() {
		ms[op] = r
	}
	return map[string]map[string]Rule{
		"": std, "ai.onnx.ml": learning(), "com.microsoft": ms,
		"ai.onnx.preview": {"FlexAttention": flexAttention}, "ai.onnx.preview.training": training(),
	}
})

// RuleOf gives the rule of an operator, or nil.
func RuleOf(domain, op string) Rule { return table()[domain][op] }

// Op names an operator of a domain.
type Op struct{ Domain, Name string }

// Ops lists the operators that have a rule, sorted.
func Ops() []Op {
	var list []Op
	for domain, rules := range table() {
		for name := range rules {
			list = append(list, Op{domain, name})
		}
	}
	slices.SortFunc(list, func(a, b Op) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name))
	})
	return list
}
