package graphsurgery

import "errors"

// types tests element types and shapes, by inference.
func (c *checker) types() {
	types, err := c.model.Infer()
	if err != nil {
		return // only options that do not fit give one
	}
	seen := map[Problem]bool{}
	for _, err := range types.Problems() {
		var e *TypeError
		if !errors.As(err, &e) || c.full() {
			return
		}
		p := Problem{Rule: e.Rule, Level: LevelTypes, Graph: e.Graph, Node: e.Node, Op: e.Op, What: e.What}
		if !seen[p] { // a function is inferred for each call
			c.problems = append(c.problems, p)
		}
		seen[p] = true
	}
}
