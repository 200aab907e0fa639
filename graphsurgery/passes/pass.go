package passes

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Pass is a transformation of a model.
type Pass struct {
	Name string
	// Doc says what the pass does, and what it decides about subgraphs,
	// functions, optional inputs and graph outputs.
	Doc string
	// Requires must hold before the pass, Ensures after it; both are checked.
	Requires []Condition
	Ensures  []Condition
	// Repeat asks for the pass again until it changes nothing; what it ensures is
	// tested after the last time. Each repetition is applied whole or not at all.
	Repeat bool
	// Edit writes the change into the patch and gives the number of places
	// changed. It must not change the model itself, nor apply the patch.
	Edit func(m *gs.Model, p *gs.Patch) (changed int, err error)
}

// Condition is a property of a model.
type Condition struct {
	Name  string // as a statement: "every node is needed"
	Check func(m *gs.Model) error
}

// Error says which pass failed. Passes before it stay applied; it left nothing
// behind.
type Error struct {
	Pass string   // the pass that failed
	Done []string // the passes applied before it, in order
	Err  error
}

// Error names the pass, the cause and what was applied before.
func (e *Error) Error() string {
	s := fmt.Sprintf("pass %s: %v", e.Pass, e.Err)
	if len(e.Done) > 0 {
		s += fmt.Sprintf(" (applied before it: %v)", e.Done)
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ConditionError says that a condition of a pass does not hold.
type ConditionError struct {
	Condition string
	After     bool // it should hold after the pass, else before
	Err       error
}

// Error names the condition, when it should hold, and what is wrong.
func (e *ConditionError) Error() string {
	when := "requires"
	if e.After {
		when = "should ensure"
	}
	return fmt.Sprintf("it %s that %s: %v", when, e.Condition, e.Err)
}

// Unwrap gives the cause.
func (e *ConditionError) Unwrap() error { return e.Err }

func checkAll(m *gs.Model, conditions []Condition, after bool) error {
	for _, c := range conditions {
		if err := c.Check(m); err != nil {
			return &ConditionError{Condition: c.Name, After: after, Err: err}
		}
	}
	return nil
}
