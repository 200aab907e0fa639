package infer

import "sync"

// families give the rules of the default domain; a rule knows all versions of its
// operator.
func families() []map[string]Rule {
	return []map[string]Rule{
		elementwise(), reductions(), products(), shaping(), slicing(), indexing(), convolutions(), images(), norms(), flow(),
	}
}

// table maps domain and operator to the rule.
var table = sync.OnceValue(func() map[string]map[string]Rule {
	std := map[string]Rule{}
	for _, f := range families() {
		for op, r := range f {
			std[op] = r
		}
	}
	return map[string]map[string]Rule{"": std}
})

// RuleOf gives the rule of an operator, or nil.
func RuleOf(domain, op string) Rule { return table()[domain][op] }
